package audit

import (
	"testing"
	"time"

	"github.com/accord-taxii/accord/store/journal"
)

// What a witness has seen cannot be later than when it saw it.
func TestEntriesUnderACosignedHeadAreNotLaterThanIt(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	cosigned := &Cosignings{Oldest: at, Size: 10}
	for _, row := range []struct {
		name     string
		position journal.Position
		at       time.Time
		refused  bool
	}{
		{"before the cosignature", 10, at.Add(-time.Hour), false},
		{"within what clocks differ", 10, at.Add(maxSkew), false},
		{"later", 10, at.Add(maxSkew + time.Microsecond), true},
		{"later, and not under the head", 11, at.Add(time.Hour), false},
	} {
		if err := cosigned.bound(row.position, journal.Entry{At: row.at}); (err != nil) != row.refused {
			t.Errorf("%s: got %v", row.name, err)
		}
	}
	if err := (*Cosignings)(nil).bound(1, journal.Entry{At: at}); err != nil {
		t.Errorf("without witnesses: %v", err)
	}
}

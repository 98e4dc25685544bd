package ingest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// However many objects come, and whatever becomes of them, a draft has less than 8 MiB, and its result the exact counts and
// lists that are whole or left out.
func TestADraftIsBounded(t *testing.T) {
	for _, row := range []struct {
		name                    string
		passed, refused, stored int // of those that passed, the store takes the first
		successes, failures     int // details
	}{
		{"few", 3, 2, 3, 3, 2},
		{"few, some not taken", 3, 2, 1, 1, 4},
		{"many refused", 3, 60_000, 3, 3, 0},
		{"many refused, some not taken", 3, 60_000, 2, 2, 0},
		{"many passed", 60_000, 2, 60_000, 0, 2},
		{"many passed, some not taken", 60_000, 2, 59_999, 0, 0},
		{"many passed, none taken", 60_000, 2, 0, 0, 0},
		{"many of both", 60_000, 60_000, 50_000, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			var verdicts []verdict
			for i := range row.passed + row.refused {
				v := verdict{id: "url--" + uuid.NewString(), object: stix.Object{Version: "2026-01-01T00:00:00.000Z"}, passed: i < row.passed}
				if !v.passed {
					v.rule, v.message = fmt.Sprintf("S-%03d", i%3), "a sentence that says what was found and what would be right"
				}
				verdicts = append(verdicts, v)
			}
			outcomes := make([]store.Outcome, row.passed)
			for i := range outcomes {
				outcomes[i].Kind = store.Added
				if i >= row.stored {
					outcomes[i].Kind = store.NotOwner
				}
			}
			text, err := json.Marshal(draftOf(uuid.New(), time.Now(), verdicts).shortened())
			if err != nil || len(text) >= 8<<20 {
				t.Fatalf("the draft has %d bytes, %v", len(text), err)
			}
			var r Result
			if err := json.Unmarshal(text, &r); err != nil || pending(&r) != row.passed {
				t.Fatalf("got %d pending, %v, want %d", pending(&r), err, row.passed)
			}
			var counts map[store.OutcomeKind]uint64
			if r.Left != nil && r.Left.Passed > 0 { // as the store keeps it
				counts = map[store.OutcomeKind]uint64{store.Added: uint64(row.stored), store.NotOwner: uint64(row.passed - row.stored)}
			}
			finish(&r, outcomes, counts).bound()
			refused := row.refused + row.passed - row.stored
			if r.Successes != row.stored || r.Failures != refused || r.Left != nil {
				t.Errorf("got %d successes and %d failures, want %d and %d", r.Successes, r.Failures, row.stored, refused)
			}
			var successes, failures, byRule int
			for _, d := range r.Details {
				if d.Outcome == Refused {
					failures++
				} else {
					successes++
				}
			}
			for _, c := range r.Rules {
				byRule += c.Count
			}
			if successes != row.successes || failures != row.failures || failures == 0 && byRule != refused {
				t.Errorf("got lists of %d and %d, want %d and %d; the rules have %d", successes, failures, row.successes, row.failures, byRule)
			}
		})
	}
}

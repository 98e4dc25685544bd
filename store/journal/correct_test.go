package journal

import (
	"strings"
	"testing"
	"time"
)

// The two entries of a correction stand together: a journal in which one is alone, or in which they differ, is refused.
func TestTheEntriesOfACorrectionStandTogether(t *testing.T) {
	old := Entry{Kind: Added, Object: "indicator--2d3b4b6c-2a54-4d5a-9f4a-000000000001", Version: "2026-03-01T00:00:00.000Z", SpecVersion: "2.1",
		Account: "vendor-push", Party: "vendor", Size: 9, Digest: digestOf(1)}
	gone := Entry{Kind: Deleted, Object: old.Object, Version: old.Version, SpecVersion: "2.1", Account: "vendor-push", Party: "vendor", Of: 2, Act: ActCorrect}
	again := old
	again.Act, again.Digest, again.Version = ActCorrect, digestOf(2), "2026-03-01T00:00:00Z"
	with := func(e Entry, change func(*Entry)) Entry { change(&e); return e }
	for _, row := range []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"a correction", []Entry{gone, again}, ""},
		{"a correction, and more", []Entry{gone, again, with(gone, func(e *Entry) { e.Of, e.Act, e.Version = 4, "", again.Version })}, ""},
		{"an addition that corrects nothing", []Entry{again}, "removes none for that"},
		{"an addition after a deletion", []Entry{with(gone, func(e *Entry) { e.Act = "" }), again}, "removes none for that"},
		{"a removal that nothing follows but another entry", []Entry{gone, with(again, func(e *Entry) { e.Act = "" })}, "does not add the new one"},
		{"of another object", []Entry{gone, with(again, func(e *Entry) { e.Object = strings.Replace(e.Object, "1", "2", 1) })}, "does not add the new one"},
		{"by another party", []Entry{gone, with(again, func(e *Entry) { e.Party = "agency" })}, "different authors"},
		{"of an object without versions", []Entry{with(gone, func(e *Entry) { e.Version = "" }), again}, "without a version"},
		{"with another act", []Entry{with(gone, func(e *Entry) { e.Act = "correction" })}, "the act"},
		{"an addition with the act of a deletion", []Entry{with(old, func(e *Entry) { e.Act = ActBar })}, "the act"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var v Verification
			at, problem := noon, ""
			for _, e := range append([]Entry{{Kind: Terms, Act: "create", Digest: digestOf(9)}, old}, row.entries...) {
				at = at.Add(time.Microsecond)
				e.At = at
				if _, err := v.Add(e.Append(nil)); err != nil {
					problem = err.Error()
					break
				}
			}
			if (problem == "") != (row.want == "") || !strings.Contains(problem, row.want) {
				t.Errorf("got %q, want %q", problem, row.want)
			}
		})
	}
}

package audit_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// FuzzEvidence reads and verifies evidence that anybody may have made. It proves nothing that is not in the tree of its own
// head, and checking it ends.
func FuzzEvidence(f *testing.F) {
	s := accordtest.New(f)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 5)...)
	ev, err := auditorAs(f, s, accordtest.Agency).Prove(context.Background(), accordtest.Programme, audit.Asked{Object: accordtest.IndicatorID(3)})
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(ev)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(strings.Replace(string(text), `\n6\n`, `\n4611686018427387905\n`, 1)))
	f.Add([]byte(`{"format":"accord-evidence-1","entries":[{"position":1,"entry":"AA==","proof":[null,"AA=="]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := audit.ParseEvidence(text)
		if err != nil {
			if len(got.Entries) != 0 || got.Format != "" {
				t.Errorf("got %+v beside %v", got, err)
			}
			return
		}
		proved, err := got.Verify(audit.Trust{})
		if err != nil {
			if len(proved.Entries) != 0 {
				t.Errorf("got %+v beside %v", proved, err)
			}
			return
		}
		head, err := journal.ReadCheckpoint([]byte(got.Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if proved.Checkpoint != head || len(proved.Entries) != len(got.Entries) {
			t.Errorf("%q proves %s", text, proved)
		}
		for _, e := range proved.Entries {
			if e.Object != got.Object {
				t.Errorf("%q about %s proves an entry about %s", text, got.Object, e.Object)
			}
		}
	})
}

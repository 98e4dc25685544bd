package ingest_test

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/ingest"
)

// A producer without the right to read is not told that, nor when, another party has added what it adds; of its own objects
// it is. What is kept for it says the same.
func TestAProducerIsNotToldWhatOthersAdded(t *testing.T) {
	col := accordtest.New(t).Collection(accordtest.Intake)
	address := []byte(`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"}`)
	tool, other := accordtest.Tool(1, 0), []byte(strings.Replace(string(accordtest.Tool(1, 0)), `"name":"`, `"name":"other `, 1))
	own := accordtest.Tool(2, 0)
	acceptFrom(t, col, accordtest.Agency, ingest.Options{}, tool, address)
	acceptFrom(t, col, accordtest.Vendor, ingest.Options{}, own)
	theirs := acceptFrom(t, col, accordtest.Agency, ingest.Options{}, tool).Details[0]
	if !strings.Contains(theirs.Message, "already present, added ") {
		t.Errorf("a reader: got %+v, want when it was added", theirs)
	}
	r := acceptFrom(t, col, accordtest.Vendor, ingest.Options{}, tool, other, address, own)
	kept, _, ok, err := ingest.Load(col, r.ID)
	if err != nil || !ok {
		t.Fatalf("load: got %t, %v", ok, err)
	}
	for name, r := range map[string]*ingest.Result{"answered": r, "kept": kept} {
		for i, d := range r.Details {
			want := []string{"added 2", "", "", ""}[3-i]
			if got := strings.Contains(d.Message, "added 2") || strings.Contains(d.Message, "present"); got != (want != "") {
				t.Errorf("%s: object %d: got %+v", name, i, d)
			}
		}
		if got, want := r.Details[2].Version, r.At.UTC().Format("2006-01-02T15:04:05.000000Z"); got != want {
			t.Errorf("%s: the address has the version %s, want that of the request, %s", name, got, want)
		}
		if r.Successes != 3 || r.Failures != 1 {
			t.Errorf("%s: got %d successes and %d failures, want 3 and 1", name, r.Successes, r.Failures)
		}
	}
}

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// T-069: all that was added after the date_added of an object comes, also where that is a whole millisecond, and the
// account was given a header within it: in a batch of more than a thousand, or in one that came at once after another. The
// object may be there no more.
func TestAfterADateAddedComesTheRestOfItsMillisecond(t *testing.T) {
	s := accordtest.New(t)
	collection := accordtest.Path(accordtest.Intake)
	if a := s.Post(accordtest.Agency, collection, accordtest.Indicators(0, 1100)...); a.Status != http.StatusAccepted {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	manifest := func(query string) []taxii.ManifestRecord {
		a, m := s.Get(accordtest.Agency, collection+"manifest/"+query), taxii.Manifest{}
		if err := json.Unmarshal(a.Body, &m); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: got %d %s, %v", query, a.Status, a.Body, err)
		}
		return m.Objects
	}
	all := manifest("?limit=1100")
	whole := slices.IndexFunc(all[:1090], func(r taxii.ManifestRecord) bool { return strings.HasSuffix(r.DateAdded, "000Z") })
	if whole < 0 {
		t.Fatalf("no object of 1,090 was added at a whole millisecond, from %s on", all[0].DateAdded)
	}
	added := all[whole].DateAdded
	if some := manifest(fmt.Sprint("?limit=", whole+6)); some[whole+5].DateAdded[:23] != added[:23] {
		t.Fatalf("added at %s and %s, want the same millisecond", added, some[whole+5].DateAdded)
	}
	wantRest := func(what string) {
		if got := manifest("?limit=1100&added_after=" + added); len(got) != 1100-whole-1 {
			t.Errorf("%s: got %d objects after %s, want %d", what, len(got), added, 1100-whole-1)
		}
	}
	wantRest("the object is there")
	if a := s.Do(accordtest.Request{Method: http.MethodDelete, As: accordtest.Agency, Path: collection + "objects/" + all[whole].ID + "/"}); a.Status != http.StatusOK {
		t.Fatalf("delete: got %d %s", a.Status, a.Body)
	}
	wantRest("it was deleted")
}

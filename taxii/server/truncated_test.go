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

// T-069: all that was added after the date_added of an object comes, also where that is a whole millisecond, and the account
// was given a header within it: in a batch of more than a thousand, or in one that came at once after another. The object
// may be there no more.
func TestAfterADateAddedComesTheRestOfItsMillisecond(t *testing.T) {
	s := accordtest.New(t)
	collection := accordtest.Path(accordtest.Intake)
	if a := s.Post(accordtest.Agency, collection, accordtest.Indicators(0, 1100)...); a.Status != http.StatusAccepted {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	list := func(what, query string) (n int) {
		a, page := s.Get(accordtest.Agency, collection+what+"/"+query), struct{ Objects []json.RawMessage }{}
		if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: got %d %s, %v", query, a.Status, a.Body, err)
		}
		return len(page.Objects)
	}
	var all taxii.Manifest
	if err := json.Unmarshal(s.Get(accordtest.Agency, collection+"manifest/?limit=1100").Body, &all); err != nil {
		t.Fatal(err)
	}
	whole := slices.IndexFunc(all.Objects[:1090], func(r taxii.ManifestRecord) bool { return strings.HasSuffix(r.DateAdded, "000Z") })
	if whole < 0 {
		t.Fatalf("no object of 1,090 was added at a whole millisecond, from %s on", all.Objects[0].DateAdded)
	}
	added := all.Objects[whole].DateAdded
	wantRest := func(when string) {
		for _, what := range []string{"objects", "manifest"} {
			list(what, fmt.Sprint("?limit=", whole+6)) // its header lies within the millisecond
			if got, want := list(what, "?limit=1100&added_after="+added), 1100-whole-1; got != want {
				t.Errorf("%s: got %d of the %s after %s, want %d", when, got, what, added, want)
			}
		}
	}
	wantRest("the object is there")
	if a := s.Do(accordtest.Request{Method: http.MethodDelete, As: accordtest.Agency, Path: collection + "objects/" + all.Objects[whole].ID + "/"}); a.Status != http.StatusOK {
		t.Fatalf("delete: got %d %s", a.Status, a.Body)
	}
	wantRest("it was deleted")
}

package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
)

// A consumer can have proofs of what its party was given, and of nothing else, where the agreement lets it see its members: an
// entry is hashed with the names in it.
func TestAConsumerProvesWhatItsPartyWasGiven(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(0, 4)...)
	ask := func(entry string, want int) {
		t.Helper()
		for _, path := range []string{"proof/?entry=", "entry/?entry="} {
			a := s.Get(accordtest.Member, "/accord/v1/agreements/"+accordtest.Circle+"/"+path+entry)
			if a.Status != want {
				t.Errorf("%s%s: got %d %s, want %d", path, entry, a.Status, a.Body, want)
			}
		}
	}
	if a := s.Get(accordtest.Member, accordtest.Path(accordtest.Circle)+"objects/?match[id]="+accordtest.IndicatorID(1)); a.Status != http.StatusOK {
		t.Fatal(a.Status)
	}
	ask("3", http.StatusForbidden) // given, but the entry names who added it
	s.Change(accordtest.Circle, "change", func(a *agreement.Agreement) { a.Members = agreement.MembersVisible })
	ask("3", http.StatusOK)
	ask("2", http.StatusForbidden) // not given
	ask("1", http.StatusForbidden) // the terms
}

// Each administrative act is a line of the log, with who, what and whether it was done; reading is none.
func TestEachAdministrativeActIsALineOfTheLog(t *testing.T) {
	s := accordtest.New(t)
	lines := func() (n int) { return strings.Count(s.Log.String(), `"message":"administration"`) }
	for _, row := range []struct {
		method, path, body string
		want               string // "" for no line
	}{
		{"POST", "/accord/v1/agreements/gsp/suspend", `{"reason": "an incident"}`, `"by":"root","act":"Suspend an agreement","method":"POST","path":"agreements/gsp/suspend"`},
		{"POST", "/accord/v1/agreements/gsp/resume", `{"reason": "over"}`, `"path":"agreements/gsp/resume"`},
		{"POST", "/accord/v1/agreements/none/suspend", `{"reason": "an incident"}`, `"refused":"`},
		{"GET", "/accord/v1/agreements/gsp/", "", ""},
	} {
		before := lines()
		s.Do(accordtest.Request{As: accordtest.Operator, Method: row.method, Path: row.path, Body: []byte(row.body), ContentType: "application/json"})
		got := lines() - before
		if want := map[bool]int{true: 1, false: 0}[row.want != ""]; got != want || !strings.Contains(s.Log.String(), row.want) {
			t.Errorf("%s %s: %d lines, want %d with %s, in\n%s", row.method, row.path, got, want, row.want, s.Log.String())
		}
	}
}

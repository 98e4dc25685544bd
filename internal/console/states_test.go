package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
)

// What each account is shown of an agreement in each of its states. What it is not shown is a 404 (or, for what asks for objects, a
// page without them): the state never opens a screen that the role has not. An operator reads in every state.
func TestStatesAndScreens(t *testing.T) {
	states := []struct {
		name  string
		enter func(s *accordtest.Server)
	}{
		{"scheduled", func(s *accordtest.Server) {
			alter(s, func(a *agreement.Agreement) { a.Term.From = s.Clock.Now().AddDate(1, 0, 0) })
		}},
		{"active", func(*accordtest.Server) {}},
		{"suspended", func(s *accordtest.Server) {
			alter(s, func(a *agreement.Agreement) {
				a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "an incident"}
			})
		}},
		{"expired", func(s *accordtest.Server) {
			alter(s, func(a *agreement.Agreement) { a.Term.Until = s.Clock.Now().Add(-time.Minute) })
		}},
		{"terminated", func(s *accordtest.Server) {
			alter(s, func(a *agreement.Agreement) {
				a.Terminated = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "it is over"}
			})
		}},
	}
	gsp, object := "/console/agreements/"+accordtest.Programme+"/", accordtest.IndicatorID(1)
	all := "vendor agency root"
	always := func(shown string) [5]string { return [5]string{shown, shown, shown, shown, shown} }
	rows := []struct {
		path  string
		shown [5]string // by state: who is shown the page
	}{
		{gsp, always(all)},
		{"/console/flows/?agreement=" + accordtest.Programme, always(all + " member outsider")},
		{gsp + "history/", always(all)},
		{gsp + "objects/" + object + "/", always(all)},
		{gsp + "objects/" + object + "/evidence/", always(all)},
		{gsp + "deliveries/", always("agency root")},
		{gsp + "deliveries/?since=2000-01-01", always("agency root")},
		{gsp + "deliveries/?format=csv", always("agency root")},
		{gsp + "terms/?entry=1", always("agency root")},
		{gsp + "proof/?entry=3", always(all)},
		{gsp + "heads/", always(all)},
		{gsp + "report/", always("root")},
		{gsp + "refused/", always("vendor root")},
		{"/console/objects/" + object + "/", [5]string{"root", all, "root", "root", "root"}},
		{"/console/objects/" + object + "/graph/", [5]string{"root", all, "root", "root", "root"}},
		{"/console/objects/" + object + "/text/?agreement=" + accordtest.Programme, [5]string{"root", all, "root", "root", "root"}},
	}
	for i, state := range states {
		t.Run(state.name, func(t *testing.T) {
			s := exchange(t)
			state.enter(s)
			for _, account := range []string{accordtest.Vendor, accordtest.Agency, accordtest.Member, accordtest.Outsider, accordtest.Operator} {
				b := as(t, s, account)
				for _, row := range rows {
					want := http.StatusNotFound
					if strings.Contains(" "+row.shown[i]+" ", " "+account+" ") {
						want = http.StatusOK
					}
					if a := b.get(row.path); a.Status != want {
						t.Errorf("%s as %s: %d, want %d", row.path, account, a.Status, want)
					}
				}
				// Searches have its objects while it is active alone, for those with a role in it.
				member := account == accordtest.Vendor || account == accordtest.Agency
				readable := state.name == "active" && member || account == accordtest.Operator
				for _, path := range []string{"/console/search/?q=c1.beacon.example", "/console/overview/"} {
					if a := b.get(path); a.Status != http.StatusOK || path != "/console/overview/" && strings.Contains(a.Body, "Beacon host 1") != readable {
						t.Errorf("%s as %s: %d, want the object %v", path, account, a.Status, readable)
					}
				}
				if a := b.post("/console/values/", url.Values{"values": {"c1.beacon.example"}}); strings.Contains(a.Body, "<b>1</b> known") != readable {
					t.Errorf("a list of values as %s: %d, want it known %v", account, a.Status, readable)
				}
				page := b.get("/console/agreements/")
				if listed := strings.Contains(page.Body, gsp); listed != (account != accordtest.Member && account != accordtest.Outsider) {
					t.Errorf("listed to %s: %v", account, listed)
				}
				if strings.Contains(page.Body, gsp) && !strings.Contains(page.Body, "state="+state.name) {
					t.Errorf("%s does not see the state %s", account, state.name)
				}
			}
		})
	}
}

// alter changes the terms of the programme.
func alter(s *accordtest.Server, with func(*agreement.Agreement)) {
	s.Change(accordtest.Programme, "change", with)
}

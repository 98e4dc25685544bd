package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// hostileLine is a text of one line as an operator or a partner may give it: markup, a way out of an attribute, a formula, a template,
// marks upon marks, and a run without a space.
const hostileLine = `=<script>alert(1)</script>"' onmouseover="alert(1)" <img src=x onerror=alert(1)> {{.}} ${alert(1)} javascript:alert(1) Z` + "\u0301\u0301\u0301\u0301" + ` AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`

// hostileExchange has a hostile text in every field that a stranger, a partner or an operator fills.
func hostileExchange(t testing.TB) *accordtest.Server {
	t.Helper()
	s := exchange(t)
	by := store.Actor{Account: accordtest.Operator}
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) {
		a.Title, a.Description = hostileLine, hostileLine
		a.Accept.KeepRefusedDays = 30
		a.Release = []agreement.Release{{To: accordtest.Circle, Hold: agreement.HoldApprove}}
	})
	s.Change(accordtest.Intake, "suspend", func(a *agreement.Agreement) {
		a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: hostileLine}
	})
	for _, party := range []agreement.PartyName{accordtest.Vendor, accordtest.Agency} {
		if err := s.Store.Change(context.Background(), by, []store.RegistryChange{{Party: &agreement.Party{Name: party, Title: hostileLine}, Act: "change", Reason: hostileLine}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), hostileObjects()...)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), []byte(`{"type":"indicator","id":"indicator--<script>alert(1)</script>","name":"<img src=x onerror=alert(1)>"}`),
		[]byte(`{"type":"<script>alert(1)</script>","spec_version":"2.1","id":"x--00000000-0000-4000-8000-000000000001"}`))
	s.Get(accordtest.Agency, accordtest.Path(accordtest.Programme)+"objects/?match[type]="+url.QueryEscape("<script>alert(1)</script>")+","+"malware")
	s.Do(accordtest.Request{As: accordtest.Vendor, Method: http.MethodDelete, Path: accordtest.Path(accordtest.Programme) + "objects/" + accordtest.IndicatorID(4) + "/"})
	s.Do(accordtest.Request{As: "<script>alert(1)</script>", Method: http.MethodGet, Path: "/taxii2/"})
	b := as(t, s, accordtest.Operator)
	for path, form := range map[string]url.Values{
		"/console/accounts/vendor/tokens/":  {"note": {hostileLine}, "days": {"30"}},
		"/console/accounts/member/disable/": {"reason": {hostileLine}},
		"/console/agreements/" + accordtest.Programme + "/objects/" + accordtest.IndicatorID(3) + "/remove/": {"reason": {hostileLine}},
	} {
		if a := b.post(path, form); a.Status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	s.Clock.Set(s.Clock.Now().Add(time.Minute)) // the code of this login was used
	return s
}

// Nothing that anyone wrote becomes markup, on any page and in what is sent back after an error.
func TestHostileTextInEveryField(t *testing.T) {
	s := hostileExchange(t)
	b := as(t, s, accordtest.Operator)
	seen := 0
	check := func(path string, a shown) {
		t.Helper()
		a.hasNot(t, "<script>alert", "<img src=x", `onmouseover="alert`, `href="javascript:`, "\u202e", "\u0007")
		if strings.Contains(a.Body, "&lt;script&gt;") || strings.Contains(a.Body, "&lt;img") {
			seen++
		}
	}
	all := screens()
	gsp := "/console/agreements/" + accordtest.Programme + "/"
	all["hostile"], all["hostile graph"] = "/console/objects/"+hostileID+"/", "/console/objects/"+hostileID+"/graph/"
	all["hostile timeline"] = gsp + "objects/" + hostileID + "/"
	all["removed"] = gsp + "objects/" + accordtest.IndicatorID(3) + "/"
	all["release"], all["suspended"] = gsp+"release/"+accordtest.Circle+"/", "/console/agreements/"+accordtest.Intake+"/"
	for name, path := range all {
		a := b.get(path)
		if a.Status != http.StatusOK {
			t.Errorf("%s: %d", name, a.Status)
		}
		check(path, a)
		if strings.Contains(path, "?") { // what is asked for comes back in forms and headings
			continue
		}
		check(path, b.get(path+"?"+url.Values{"q": {hostileLine}, "party": {hostileLine}, "since": {hostileLine}, "at": {hostileLine}, "pattern": {hostileLine}, "order": {hostileLine},
			"only": {hostileLine}, "rule": {hostileLine}, "state": {hostileLine}, "next": {hostileLine}, "format": {hostileLine}, "agreement": {hostileLine}}.Encode()))
	}
	if seen < 15 {
		t.Errorf("only %d pages show some of it", seen)
	}
	for _, path := range []string{"/console/values/", "/console/try/", gsp + "heads/", "/console/queue/", "/console/factor/", gsp + "suspend/", gsp + "renew/", "/console/accounts/vendor/tokens/"} {
		form := url.Values{}
		for _, field := range []string{"values", "text", "as", "kept", "agreement", "object", "to", "decision", "reason", "code", "until", "note", "days", "next"} {
			form.Set(field, hostileLine)
		}
		check(path, b.post(path, form))
	}
	for _, file := range []string{gsp + "deliveries/?format=csv", gsp + "deliveries/?since=2000-01-01&format=csv"} {
		for line := range strings.Lines(b.get(file).Body) {
			for _, cell := range strings.Split(line, ",") {
				if cell = strings.Trim(cell, "\"\n"); strings.HasPrefix(cell, "=") {
					t.Errorf("%s has a cell that a spreadsheet takes for a formula: %q", file, cell)
				}
			}
		}
	}
}

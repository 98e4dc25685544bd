package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/store/journal"
)

// FuzzFar asks /accord/v1/ for anything, as anybody: what is answered is what is served there, refusals say why in JSON, and
// the server itself fails at nothing.
func FuzzFar(f *testing.F) {
	s := audited(f)
	for as, objects := range map[string][][]byte{accordtest.Vendor: accordtest.Indicators(0, 5), accordtest.Agency: accordtest.Indicators(5, 8)} {
		s.Post(as, accordtest.Path(accordtest.Intake), objects...)
		s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), objects...)
	}
	h := s.TAXII.Handler()
	for i, path := range []string{"agreements/", "agreements/gsp/", "agreements/gsp/checkpoint", "agreements/gsp/proof/?entry=2&size=4", "agreements/gsp/proof/?from=1&to=9223372036854775808",
		"agreements/gsp/entries/?after=1&limit=2", "agreements/gsp/entry/?entry=2", "agreements/gsp/content/?entry=3", "agreements/intake/history/?object=" + accordtest.IndicatorID(0),
		"agreements/gsp/history/?after=18446744073709551615&limit=1", "agreements/gsp/deliveries/?object=x", "openapi.json", "keys/", "agreements/%2e%2e/", "agreements/gsp/renew/", "agreements/gsp/history/?%zz"} {
		f.Add(uint8(i), uint8(0), path, "")
	}
	f.Add(uint8(4), uint8(1), "agreements/watch/renew/", `{"until":"0000-01-01T00:00:00+23:59"}`)
	f.Add(uint8(0), uint8(0), "agreements//gsp", "") // net/http's mux would lead elsewhere
	f.Add(uint8(0), uint8(0), "./agreements/../agreements/", "")
	f.Add(uint8(4), uint8(1), "agreements/watch/suspend/", `{"reason":"x"}`)
	accounts := []string{accordtest.Agency, accordtest.Vendor, accordtest.Member, accordtest.Outsider, accordtest.Operator}
	f.Fuzz(func(t *testing.T, account, method uint8, path, body string) {
		target := admin.FarPrefix + path
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := httptest.NewRequest([]string{"GET", "POST", "HEAD", "DELETE"}[int(method)%4], "/", strings.NewReader(body))
		r.URL, r.RequestURI = u, target
		as := accounts[int(account)%len(accounts)]
		r.SetBasicAuth(as, accordtest.Password(as))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q with %q as %s: got %d %s", r.Method, target, body, as, w.Code, w.Body)
		}
		if w.Code == http.StatusOK {
			return
		}
		var refusal struct{ Title string }
		if json.Unmarshal(w.Body.Bytes(), &refusal) != nil || refusal.Title == "" {
			t.Errorf("%s %q as %s: got %d with %q, want to read why", r.Method, target, as, w.Code, w.Body)
		}
	})
}

// FuzzEvidence reads and verifies evidence that anybody may have made. It proves nothing that is not in the tree of its own
// head, and checking it ends.
func FuzzEvidence(f *testing.F) {
	s := audited(f)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 5)...)
	ev, err := auditorAs(f, s, accordtest.Agency).Prove(context.Background(), accordtest.Programme, accordtest.IndicatorID(3), 0)
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
		got, err := admin.ParseEvidence(text)
		if err != nil {
			if len(got.Entries) != 0 || got.Format != "" {
				t.Errorf("got %+v beside %v", got, err)
			}
			return
		}
		proved, err := got.Verify(nil)
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

package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
)

// FuzzRemote asks /accord/v1/ for anything, as anybody: what is answered is what is served there, refusals say why in JSON, and
// the server itself fails at nothing.
func FuzzRemote(f *testing.F) {
	s := accordtest.New(f)
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
		target := admin.Prefix + path
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

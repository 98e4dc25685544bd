package serve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// spellings are other ways to write a path.
var spellings = []struct {
	name string
	of   func(string) string
}{
	{"repeated slashes", func(p string) string { return strings.ReplaceAll(p, "/", "//") }},
	{"no last slash", func(p string) string { return strings.TrimSuffix(p, "/") }},
	{"an escaped letter", func(p string) string { return strings.Replace(p, "c", "%63", 1) }},
	{"an escaped slash", func(p string) string { return p[:1] + strings.Replace(p[1:], "/", "%2F", 1) }},
	{"an escape of an escape", func(p string) string { return strings.Replace(p, "c", "%2563", 1) }},
	{"capitals", strings.ToUpper},
	{"a detour", func(p string) string { return p[:len(p)-1] + "/x/../" }},
	{"an escaped detour", func(p string) string { return p[:len(p)-1] + "/x/%2e%2e/" }},
	{"a dot", func(p string) string { return "/." + p }},
	{"a backslash", func(p string) string { return p[:1] + strings.Replace(p[1:], "/", `\`, 1) }},
	{"a semicolon", func(p string) string { return strings.TrimSuffix(p, "/") + ";x/" }},
	{"a null", func(p string) string { return p + "%00" }},
}

// Every route answers every role as it should, and no spelling of a path gives a role more than the plain one does: what
// authorises reads the path that routes.
func TestEveryRouteHoldsForEveryRoleInEverySpelling(t *testing.T) {
	s := accordtest.New(t)
	if got := s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 1)...); got.Status != http.StatusAccepted {
		t.Fatalf("got %d %s", got.Status, got.Body)
	}
	const gsp, circle = "/nicp/collections/gsp/", "/members/collections/circle/"
	object := gsp + "objects/" + accordtest.IndicatorID(0) + "/"
	// In the order of roles: none, vendor, agency, member, outsider, operator.
	roles := []string{"", accordtest.Vendor, accordtest.Agency, accordtest.Member, accordtest.Outsider, accordtest.Operator}
	type row struct {
		method, path string
		want         [6]int
	}
	rows := []row{
		{"GET", "/taxii2/", [6]int{401, 200, 200, 200, 200, 200}},
		{"GET", "/nicp/", [6]int{401, 200, 200, 200, 200, 200}},
		{"GET", "/nicp/collections/", [6]int{401, 200, 200, 200, 200, 200}},
		{"GET", gsp, [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", gsp + "objects/", [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", gsp + "manifest/", [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", object, [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", object + "versions/", [6]int{401, 200, 200, 404, 404, 200}},
		{"POST", gsp + "objects/", [6]int{401, 422, 403, 404, 404, 403}},
		{"DELETE", gsp + "objects/" + accordtest.IndicatorID(9) + "/", [6]int{401, 404, 403, 404, 404, 403}},
		{"GET", circle, [6]int{401, 404, 200, 200, 404, 200}},
		{"GET", circle + "objects/", [6]int{401, 404, 200, 200, 404, 200}},
		{"GET", "/accord/v1/agreements/", [6]int{401, 200, 200, 200, 200, 200}},
		{"GET", "/accord/v1/agreements/gsp/", [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", "/accord/v1/agreements/gsp/history/", [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", "/accord/v1/agreements/gsp/checkpoint", [6]int{401, 200, 200, 404, 404, 200}},
		{"GET", "/accord/v1/accounts/", [6]int{401, 403, 403, 403, 403, 200}},
		{"GET", "/accord/v1/parties/", [6]int{401, 403, 403, 403, 403, 200}},
		{"POST", "/accord/v1/parties/", [6]int{401, 415, 415, 415, 415, 415}}, // without a type
		{"GET", "/accord/v1/accounts/root/password-hash/", [6]int{401, 404, 404, 404, 404, 404}},
	}
	h := s.TAXII.Handler()
	ask := func(method, path, as string) int {
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(map[string]string{"POST": "[]"}[method]))
		if err != nil {
			return 0 // no client could send it
		}
		r.RequestURI, r.RemoteAddr = path, "127.0.0.1:1"
		r.Header.Set("Accept", "application/taxii+json;version=2.1")
		if method == "POST" && !strings.Contains(strings.ToLower(path), "accord") {
			r.Header.Set("Content-Type", "application/taxii+json;version=2.1")
		}
		if as != "" {
			r.SetBasicAuth(as, accordtest.Password(as))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	asked := 0
	for _, row := range rows {
		for i, role := range roles {
			plain := ask(row.method, row.path, role)
			asked++
			if plain != row.want[i] {
				t.Errorf("%s %s as %q: got %d, want %d", row.method, row.path, role, plain, row.want[i])
			}
			for _, spelling := range spellings {
				path := spelling.of(row.path)
				got := ask(row.method, path, role)
				asked++
				if got >= 500 || got != plain && got < 400 && got != 0 {
					t.Errorf("%s %s (%s) as %q: got %d where the plain path has %d", row.method, path, spelling.name, role, got, plain)
				}
			}
		}
	}
	t.Logf("%d requests", asked)
}

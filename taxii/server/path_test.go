package server_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// Every spelling of a path is answered like the plain one, for callers with and without a role: authorisation sees the
// path that routes. (TAXII 2.1, section 3.3; clients glue their slashes on.)
func TestSpellingsOfAPathAreOnePath(t *testing.T) {
	s := accordtest.New(t)
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0))
	gsp := accordtest.Path("gsp")
	object := gsp + "objects/" + accordtest.IndicatorID(1) + "/"
	spellings := map[string]func(string) string{
		"without the last slash":   func(p string) string { return strings.TrimSuffix(p, "/") },
		"a slash more at the end":  func(p string) string { return p + "/" },
		"a slash more in front":    func(p string) string { return "/" + p },
		"every slash twice":        func(p string) string { return strings.ReplaceAll(p, "/", "//") },
		"every slash thrice":       func(p string) string { return strings.ReplaceAll(p, "/", "///") },
		"a letter escaped":         func(p string) string { return strings.Replace(p, "n", "%6e", 1) },
		"a doubled slash, escaped": func(p string) string { return strings.Replace(strings.ReplaceAll(p, "/", "//"), "i", "%69", 1) },
	}
	for _, path := range []string{"/taxii2/", "/nicp/", "/nicp/collections/", gsp, gsp + "objects/", gsp + "manifest/", object, object + "versions/", "/members/", "/nicp/nothing/"} {
		for _, account := range []string{"", "vendor", "agency", "member", "outsider", "root"} {
			want := s.Get(account, path)
			for name, spell := range spellings {
				got := s.Get(account, spell(path))
				same := bytes.Equal(got.Body, want.Body) || want.Status >= 400
				if got.Status != want.Status || !same || got.Header.Get("Location") != "" {
					t.Errorf("%s of %s as %q: got %d, want %d and the same answer", name, path, account, got.Status, want.Status)
				}
			}
		}
	}
	for _, spell := range spellings {
		if a := s.Do(accordtest.Request{As: "vendor", Method: "POST", Path: spell(gsp + "objects/"), Body: accordtest.Envelope(accordtest.Indicator(2, 0))}); a.Status != 202 {
			t.Errorf("POST %s: got %d, want 202", spell(gsp+"objects/"), a.Status)
		}
		if a := s.Do(accordtest.Request{As: "agency", Method: "POST", Path: spell(gsp + "objects/"), Body: accordtest.Envelope(accordtest.Indicator(2, 0))}); a.Status != 403 {
			t.Errorf("POST %s without the role: got %d, want 403", spell(gsp+"objects/"), a.Status)
		}
	}
	// An id that merges away must not widen what is deleted.
	if a := s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: gsp + "objects//"}); a.Status != 405 {
		t.Errorf("DELETE without an id: got %d, want 405", a.Status)
	}
}

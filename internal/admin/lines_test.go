package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
)

// Texts of one line in requests are refused with characters that act on a terminal or a page, whatever they are for.
func TestTextsOfOneLineAreRefused(t *testing.T) {
	s := accordtest.New(t)
	object := fmt.Sprintf("agreements/gsp/objects/%s/", accordtest.IndicatorID(1))
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(1, 0))
	for _, row := range []struct{ method, path, member, body string }{
		{"POST", "parties/", "title", `{"name":"p","title":%s}`},
		{"POST", "parties/", "name", `{"name":%s}`},
		{"POST", "accounts/member/disable/", "reason", `{"reason":%s}`},
		{"POST", "accounts/member/tokens/", "note", `{"note":%s}`},
		{"POST", "accounts/", "name", `{"name":%s,"party":"member"}`},
		{"POST", "agreements/gsp/suspend/", "reason", `{"reason":%s}`},
		{"POST", "agreements/gsp/terminate/", "reason", `{"reason":%s}`},
		{"DELETE", object, "reason", `{"reason":%s}`},
		{"POST", "agreements/gsp/refused/retry/", "keys", `{"keys":["a",%s]}`},
	} {
		for _, acts := range []string{"\n", "\r", "\t", "\x1b", "\x7f", "\u0085", "\u009b", "\u2028", "\u202e", "\u2066", "\u200f"} {
			text, _ := json.Marshal("gone" + acts + "verified")
			got := s.Do(accordtest.Request{As: accordtest.Operator, Method: row.method, Path: admin.Prefix + row.path, Body: fmt.Appendf(nil, row.body, text)})
			if got.Status != http.StatusBadRequest || !strings.Contains(string(got.Body), row.member+" has a line break or another control character") {
				t.Errorf("%s %s with %q: got %d %s", row.method, row.path, acts, got.Status, got.Body)
			}
		}
	}
	if a := s.Collection("gsp").Agreement(); a.Suspended != nil || a.Terminated != nil {
		t.Error("the agreement was changed")
	}
	if got := s.Do(accordtest.Request{As: accordtest.Operator, Method: "POST", Path: admin.Prefix + "agreements/gsp/suspend/", Body: []byte(`{"reason":"Überprüfung – מבחן 検査"}`)}); got.Status != http.StatusOK {
		t.Errorf("letters of any script: got %d %s", got.Status, got.Body)
	}
}

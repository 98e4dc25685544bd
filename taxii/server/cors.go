package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/taxii"
)

// exposed are the headers of an answer that scripts of other origins may read.
var exposed = []string{strings.Join([]string{taxii.HeaderFirst, taxii.HeaderLast, "X-Request-Id", "Retry-After"}, ", ")}

var varyOrigin = []string{"Origin"}

// cors lets scripts of the configured origins read answers (Fetch Standard, section 3.2). It reports whether the request
// was a preflight, which is answered before login: browsers send it without credentials. It says what a route offers, not
// what exists. Cookies and client certificates are never asked for, so no answer has Access-Control-Allow-Credentials.
func (s *Server) cors(x *request, r *http.Request) (done bool) {
	if len(s.origins) == 0 {
		return false
	}
	h := x.Header()
	h["Vary"] = varyOrigin
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.origins, origin) {
		return false
	}
	x.set(h, "Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h["Access-Control-Expose-Headers"] = exposed
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
	if asked := r.Header.Get("Access-Control-Request-Headers"); isHeaderList(asked) {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "600")
	x.WriteHeader(http.StatusNoContent)
	return true
}

// isHeaderList reports whether text is a list of header names: it is repeated in an answer.
func isHeaderList(text string) bool {
	if text == "" || len(text) > 1000 {
		return false
	}
	return strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789-_, ") == ""
}

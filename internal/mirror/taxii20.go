package mirror

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// TAXII 2.0 differs in what a mirror needs: media types, a bundle instead of an envelope, and parts of an answer by the header
// Range instead of limit, more and next (TAXII 2.0, sections 1.6.1, 3.4 and 5.3). A mirror asks for the first part, and goes on by
// added_after, as with servers of TAXII 2.1 that do not say how to go on.

// header20 makes the header of a request for a resource of TAXII 2.0, and its query.
func header20(h http.Header, resource string, query url.Values) url.Values {
	kind := "taxii"
	if resource == "objects/" {
		kind = "stix"
	}
	h.Set("Accept", "application/vnd.oasis."+kind+"+json; version=2.0")
	query = maps.Clone(query)
	if most, err := strconv.Atoi(query.Get("limit")); err == nil && most > 0 {
		h.Set("Range", fmt.Sprintf("items 0-%d", most-1))
	}
	query.Del("limit")
	query.Del("next")
	return query
}

// isPart reports whether an answer of TAXII 2.0 says that it is a part of the whole.
func isPart(resp *http.Response) bool {
	text, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), "items ")
	if !ok {
		return resp.StatusCode == http.StatusPartialContent
	}
	span, total, _ := strings.Cut(text, "/")
	_, last, _ := strings.Cut(span, "-")
	end, err := strconv.ParseUint(strings.TrimSpace(last), 10, 62)
	all, err2 := strconv.ParseUint(strings.TrimSpace(total), 10, 62)
	if err != nil || err2 != nil {
		return resp.StatusCode == http.StatusPartialContent
	}
	return end+1 < all
}

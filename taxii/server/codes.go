package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/store"
)

// Code is a value of error_code, for the document about them.
type Code struct {
	Code    string
	Status  int
	Title   string // of the error resource
	Advice  string // for the client
	Example string // of a request that gets it
}

// advice is what a client should do about each code, and a request that gets it. {C} is a collection's path.
var advice = map[string]struct{ text, example string }{
	"host":                {"Use a name that the server knows: that of its `--public-url`.", "GET /taxii2/ with `Host: other.example`"},
	"credentials-missing": {"Send an Authorization header (Basic, Bearer or Token) or a client certificate.", "GET /taxii2/ without credentials"},
	"credentials-wrong":   {"Do not repeat it: the password, token or certificate belongs to no account, or is outside the account's bounds. The description says which, as far as a stranger may know.", "GET /taxii2/ with a password that is wrong"},
	"busy":                {"Send it again after Retry-After.", "any request while the server has as many as it takes"},
	"login-slow":          {"Send it again after Retry-After, with the right password. The credentials were not looked at.", "the twelfth wrong password in a second"},
	"account-limit":       {"Send less at a time; Retry-After says when to go on.", "3,000 requests in a second"},
	"method":              {"Use one of the methods in Allow.", "PUT {C}"},
	"not-acceptable":      {"Accept `application/taxii+json;version=2.1`.", "GET {C} with `Accept: text/html`"},
	"not-found":           {"Check the path. An object or collection that the account may not know of looks the same.", "GET /nothing/"},
	"forbidden":           {"The account lacks a role, or the agreement is not active; the description says which, and since when.", "POST {C}objects/ without the role producer"},
	"media-type":          {"Send `application/taxii+json;version=2.1`, not compressed.", "POST {C}objects/ with `Content-Type: text/plain`"},
	"too-large":           {"Send the objects in several envelopes below `max_content_length` of the API root.", "POST {C}objects/ with a body above it"},
	"parameter":           {"Mend the parameter that the description names.", "GET {C}objects/?limit=none"},
	"body-slow":           {"Send the body faster, or less of it.", "POST {C}objects/ with a body that stops"},
	"body-incomplete":     {"Send it again: the connection ended early, and nothing was kept.", "POST {C}objects/ that is shorter than its Content-Length"},
	"envelope":            {"Send `{\"objects\": […]}` or a bundle, within the limits that the description names.", "POST {C}objects/ with `{\"objects\": {}}`"},
	"not-json":            {"Mend the JSON; the description says where it ends.", "POST {C}objects/ with `{`"},
	"storage":             {"Tell the operator. What was kept before can be read; send the request again later.", "POST {C}objects/ when the disk is full"},
	"cluster":             {"Send it again after `Retry-After`, to this node or another: that is harmless. The description says whether anything was changed.", "POST {C}objects/ on a node that hears no majority"},
	"closing":             {"Connect again in a moment.", "any request while the server stops"},
	"given-up":            {"Send it again; the client went away, or the server took too long.", "any request that is cancelled"},
	"internal":            {"Tell the operator the `error_id`: the log has the cause.", "none is known"},
	"unreadable":          {"Mend the request: it is not HTTP, or its header is too large.", "a request line that is no HTTP"},
}

// Codes lists the values of error_code with the statuses and titles that they come with, by code and status.
func Codes() (list []Code) {
	add := func(code string, status int, title string) {
		about := advice[code]
		list = append(list, Code{code, status, title, about.text, strings.ReplaceAll(about.example, "{C}", "/nicp/collections/gsp/")})
	}
	for _, m := range meanings {
		add(m.code, m.status, m.title)
	}
	for _, t := range []store.DiskError{store.Full, store.Failing, store.Damaged} {
		add("storage", diskErrors[t].status, diskErrors[t].title)
	}
	add("internal", http.StatusInternalServerError, "The server failed")
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported} {
		add("unreadable", status, "The request cannot be read")
	}
	slices.SortStableFunc(list, func(a, b Code) int {
		if a.Code != b.Code {
			return strings.Compare(a.Code, b.Code)
		}
		return a.Status - b.Status
	})
	return slices.CompactFunc(list, func(a, b Code) bool { return a == b })
}

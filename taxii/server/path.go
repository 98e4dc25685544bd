package server

import (
	"net/url"
	"strings"
)

// canonical gives a path the one spelling in which it is routed, authorised and logged: escapes decoded, repeated slashes
// merged. It reports false for a path in which a slash is escaped: no name has one, and a proxy in front may have read
// it either way.
func canonical(u *url.URL) bool {
	if u.RawPath != "" {
		if strings.Contains(u.RawPath, "%2F") || strings.Contains(u.RawPath, "%2f") {
			return false
		}
		u.RawPath = ""
	}
	if strings.Contains(u.Path, "//") {
		u.Path = mergeSlashes(u.Path)
	}
	return true
}

func mergeSlashes(path string) string {
	merged := make([]byte, 0, len(path))
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			merged = append(merged, path[i])
		}
	}
	return string(merged)
}

// endInSlash adds the trailing slash that the route table has: a redirect would turn a POST into a GET.
func endInSlash(u *url.URL) {
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
}

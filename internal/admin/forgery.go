package admin

import (
	"errors"
	"mime"
	"net/http"
)

var (
	errCrossOrigin = errors.New("the request comes from a page of another site")
	errNotJSON     = errors.New("the Content-Type is not application/json, which a request that changes something needs")
)

// againstForgery refuses requests that a page of another site has a browser send with the user's credentials: those that
// the browser marks as cross-site, and changes without a Content-Type that no form can send.
func againstForgery(h http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := protection.Check(r); err != nil {
			writeError(w, errCrossOrigin)
			return
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
		default:
			if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
				writeError(w, errNotJSON)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

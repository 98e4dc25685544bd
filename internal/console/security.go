package console

import (
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy of every answer. Nothing comes from elsewhere, nothing is inline, and text becomes HTML
// only through the policy of Trusted Types that static/policy.js makes.
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "form-action 'self'",
	"base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types default",
}, "; ")

// secure sets the headers of every answer.
func secure(h http.Header, tls bool) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if tls {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// cookieName has the prefix with which browsers take a cookie only over TLS (or from their own machine), for this host alone.
const cookieName = "__Host-accord"

// cookieOf returns the session's secret that a request carries, or "".
func cookieOf(r *http.Request) string {
	found := r.CookiesNamed(cookieName)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

func setCookie(w http.ResponseWriter, secret string) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: secret, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func dropCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// themeCookie keeps the choice between light and dark; "" follows the browser.
const themeCookie = "__Host-accord-theme"

func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// isOwn reports whether a path is one of the console's own, to return to after a login.
func isOwn(path string) bool {
	return strings.HasPrefix(path, Prefix) && !strings.ContainsAny(path, "\\\r\n") && !strings.Contains(path, "//")
}

package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"
)

// scheme of an Authorization header (RFC 9110, section 11).
type scheme uint8

const (
	basic  scheme = iota + 1 // a name and a password, or a token as the password
	bearer                   // a token; "Token" is a synonym
)

// credentials is the content of an Authorization header, not yet verified.
type credentials struct {
	scheme scheme
	name   string // of a basic scheme
	secret string
}

// maxHeader bounds the Authorization header: MaxPassword and a name, in base64; maxBearer that of a token, which another issuer may
// have written.
const (
	maxHeader = 2048
	maxBearer = 8192
)

// parseCredentials reads the Authorization header. It returns ErrMissing if there is none and a *WrongError if it is
// malformed.
func parseCredentials(header http.Header) (credentials, error) {
	values := header["Authorization"]
	switch {
	case len(values) == 0:
		return credentials{}, ErrMissing
	case len(values) > 1:
		return credentials{}, &WrongError{Reason: "the request has more than one Authorization header"}
	case strings.TrimSpace(values[0]) == "":
		return credentials{}, ErrMissing
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	rest = strings.TrimLeft(rest, " ")
	most := maxHeader
	if strings.EqualFold(name, "Bearer") {
		most = maxBearer
	}
	switch {
	case len(values[0]) > most:
		return credentials{}, &WrongError{Reason: "the Authorization header is too long"}
	case strings.EqualFold(name, "Basic"):
		return parseBasic(rest)
	case strings.EqualFold(name, "Bearer"), strings.EqualFold(name, "Token"):
		if rest == "" || strings.ContainsAny(rest, " \t") {
			return credentials{}, &WrongError{Reason: "the Authorization header does not hold one token after " + strings.ToLower(name)}
		}
		return credentials{scheme: bearer, secret: rest}, nil
	}
	return credentials{}, &WrongError{Reason: "the Authorization scheme is none of Basic, Bearer, Token"}
}

// parseBasic reads base64(name ":" password) (RFC 7617).
func parseBasic(text string) (credentials, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return credentials{}, &WrongError{Reason: "the Basic credentials are not base64"}
	}
	name, secret, ok := strings.Cut(utf8Text(raw), ":")
	if !ok {
		return credentials{}, &WrongError{Reason: "the Basic credentials have no colon between name and password"}
	}
	if name == "" && secret == "" {
		return credentials{}, ErrMissing // clients that have none send this
	}
	if strings.ContainsFunc(name, isControl) || strings.ContainsFunc(secret, isControl) {
		return credentials{}, &WrongError{Reason: "the Basic credentials hold control characters"}
	}
	return credentials{scheme: basic, name: name, secret: secret}, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// utf8Text reads credentials as the UTF-8 our challenge asks for, and what
// cannot be UTF-8 as ISO 8859-1: Python's requests library sends that.
func utf8Text(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes)
}

// realm names the protection space of every challenge (RFC 9110, section 11.5).
const realm = "accord"

// Challenge returns the values of WWW-Authenticate for a 401 (TAXII 2.1, section 1.6.9; RFC 7617). It names only
// registered schemes: "Token" is accepted but not offered.
func Challenge() []string {
	return []string{`Basic realm="` + realm + `", charset="UTF-8"`, `Bearer realm="` + realm + `"`}
}

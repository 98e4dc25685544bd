package auth

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
)

// credentials returns the credentials of a request: its Authorization header, or a token in one of the key headers. Two
// of these, or a key header together with a client certificate, are refused as ambiguous.
func (a *Authenticator) credentials(header http.Header, state *tls.ConnectionState) (credentials, error) {
	c, err := parseCredentials(header)
	for _, name := range a.keyHeaders {
		values := header[name]
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 || !errors.Is(err, ErrMissing) || verifiedCertificate(state) != nil {
			return credentials{}, &WrongError{Reason: "the request has " + name + " beside another credential; send one of them"}
		}
		token := strings.TrimSpace(values[0])
		if token == "" || len(token) > maxHeader || strings.ContainsAny(token, " \t") {
			return credentials{}, &WrongError{Reason: "the header " + name + " does not hold one token"}
		}
		c, err = credentials{scheme: bearer, secret: token}, nil
	}
	return c, err
}

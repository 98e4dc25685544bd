package store

import (
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
)

// Credential is a secret with which this server logs in at a remote one: a password, a token, the secret of an OAuth client, or
// the key of a certificate in PEM form. It is kept here, and not in the terms that name the remote server, since those stay in
// history and are shown.
type Credential struct {
	Name      string         `json:"name"` // see CredentialName
	Agreement agreement.Name `json:"agreement"`
	Secret    string         `json:"secret"`
}

// CredentialName names the secret that a part of an agreement's terms needs for a URL. With another URL it is another secret: a
// password never goes to a server that it was not given for.
func CredentialName(of agreement.Name, part, url string) string {
	return string(of) + " " + part + " " + url
}

// Credential returns a secret.
func (r *Registry) Credential(name string) (secret string, ok bool) {
	i := slices.IndexFunc(r.Credentials, func(c Credential) bool { return c.Name == name })
	if i < 0 {
		return "", false
	}
	return r.Credentials[i].Secret, true
}

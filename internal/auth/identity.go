package auth

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Identity is who an account is to another issuer, of tokens for programs or of logins at the console.
type Identity struct {
	Issuer string `json:"issuer"` // its URL, as tokens spell it

	// Subject is compared with the claim sub.
	Subject  string `json:"subject,omitempty"`
	ClientID string `json:"client_id,omitempty"` // if set, the token must have it
	Scope    string `json:"scope,omitempty"`     // if set, the token's scope must hold it

	// Claim and Value, instead of a subject, let all people log in at the console whose claim holds the value: see ReadOnly.
	Claim string `json:"claim,omitempty"`
	Value string `json:"value,omitempty"`
}

// ReadOnly reports whether the account reads and audits at most, whatever roles its party has: several people share it, because a
// claim of another issuer gives it to them.
func (a Account) ReadOnly() bool { return a.OIDC != nil && a.OIDC.Claim != "" }

// Check returns an error if the identity can be nobody's.
func (i Identity) Check() error {
	u, err := url.Parse(i.Issuer)
	switch {
	case i.Issuer == "":
		return errors.New("issuer is missing, want the URL of one, such as https://id.example")
	case err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return fmt.Errorf("issuer is %q, want the URL of one without user, query and fragment, such as https://id.example", i.Issuer)
	case i.Subject == "" && i.Claim == "":
		return errors.New("subject is missing: what the issuer's tokens have in their claim sub")
	case i.Subject != "" && i.Claim != "":
		return errors.New("there are both a subject and a claim, want one of them")
	case i.Claim != "" && (i.ClientID != "" || i.Scope != ""):
		return errors.New("client_id and scope are for tokens of programs, which need a subject")
	case (i.Claim == "") != (i.Value == ""):
		return errors.New("a claim has a name and a value: one of them is missing")
	case strings.ContainsAny(i.Scope, " \t"):
		return fmt.Errorf("scope is %q, want one word", i.Scope)
	}
	return CheckSecureURL(i.Issuer)
}

// CheckSecureURL refuses a URL whose answers others could change on the way: it must be https, or http on this machine.
func CheckSecureURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%q is not a URL", text)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return fmt.Errorf("%q is not https, which only a loopback address may do without", text)
	}
	return nil
}

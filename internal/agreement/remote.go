package agreement

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// Remote is a collection of another server, and how this server logs in there. The secrets for that are no part of the terms:
// see store.Credential.
type Remote struct {
	URL      string  `json:"url"` // of the collection
	User     string  `json:"user,omitempty"`
	Login    string  `json:"login,omitempty"`       // one of the Login constants
	OAuth    *OAuth  `json:"oauth,omitempty"`       // with LoginOAuth
	Shown    string  `json:"certificate,omitempty"` // PEM: the certificate that is shown, with LoginCertificate
	CA       string  `json:"ca,omitempty"`          // PEM: trusted beside the system's
	Interval Seconds `json:"interval,omitempty"`    // between two visits; 0: DefaultInterval
}

// Ways to log in at a remote server.
const (
	LoginNone        = ""
	LoginPassword    = "password" // HTTP Basic
	LoginToken       = "token"    // Bearer
	LoginOAuth       = "oauth"    // OAuth2 client credentials (RFC 6749, section 4.4)
	LoginCertificate = "certificate"
)

// OAuth is where an access token is to be had.
type OAuth struct {
	TokenURL string `json:"token_url"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope,omitempty"`
}

// Seconds is a duration in whole seconds.
type Seconds int64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// DefaultInterval is how long a mirror waits between two visits where its agreement does not say.
const DefaultInterval = 5 * time.Minute

// MostInterval bounds Remote.Interval.
const MostInterval = 7 * 24 * time.Hour

// Every is how long to wait between two visits.
func (r *Remote) Every() time.Duration {
	if r.Interval == 0 {
		return DefaultInterval
	}
	return r.Interval.Duration()
}

// Mirror has an agreement follow a collection of another server.
type Mirror struct {
	Remote
	Types []string `json:"types,omitempty"` // only objects of these types are asked for; none: all
	Gone  string   `json:"gone,omitempty"`  // GoneKeep (default) or GoneWithdraw
}

// What becomes of what the remote collection no longer has.
const (
	GoneKeep     = "keep"
	GoneWithdraw = "withdraw"
)

// Equal reports whether two mirrors are the same; nil is none.
func (m *Mirror) Equal(other *Mirror) bool {
	return reflect.DeepEqual(m.canonical(), other.canonical())
}

func (m *Mirror) canonical() *Mirror {
	if m == nil {
		return nil
	}
	c := *m
	c.Types = sortedSet(m.Types)
	if len(c.Types) == 0 {
		c.Types = nil
	}
	if c.Gone == "" {
		c.Gone = GoneKeep
	}
	c.Remote = *m.Remote.clone()
	return &c
}

func (r *Remote) clone() *Remote {
	if r == nil {
		return nil
	}
	c := *r
	if r.OAuth != nil {
		o := *r.OAuth
		c.OAuth = &o
	}
	return &c
}

func (c *checker) mirror(m *Mirror) {
	if m == nil {
		return
	}
	c.remote("mirror", &m.Remote)
	c.types("mirror.types", m.Types)
	c.choice("mirror.gone", m.Gone, GoneKeep, GoneWithdraw)
}

// Push has what an agreement holds passed on to a collection of another server: it is the outbox of a release, and has no
// parties.
type Push struct{ Remote }

// Equal reports whether two pushes are the same; nil is none.
func (p *Push) Equal(other *Push) bool { return reflect.DeepEqual(p, other) }

func (c *checker) push(a *Agreement) {
	if a.Push == nil {
		return
	}
	c.remote("push", &a.Push.Remote)
	if a.Mirror != nil {
		c.fault("push", "the agreement has a mirror; want one or the other")
	}
}

func (c *checker) remote(field string, r *Remote) {
	if err := CheckRemoteURL(r.URL); err != nil {
		c.fault(field+".url", "%v", err)
	} else if !strings.Contains(strings.TrimRight(r.URL, "/"), "/collections/") {
		c.fault(field+".url", "%s is not the address of a collection, want one such as https://taxii.example/root/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/", r.URL)
	}
	if r.Interval < 0 || r.Interval.Duration() > MostInterval {
		c.fault(field+".interval", "%v is no interval, want 1s to %v", r.Interval.Duration(), MostInterval)
	}
	for _, text := range []struct{ field, pem string }{{".ca", r.CA}, {".certificate", r.Shown}} {
		if text.pem != "" {
			if err := checkCertificates(text.pem); err != nil {
				c.fault(field+text.field, "%v", err)
			}
		}
	}
	if r.OAuth != nil {
		if err := CheckRemoteURL(r.OAuth.TokenURL); err != nil {
			c.fault(field+".oauth.token_url", "%v", err)
		}
		if r.OAuth.ClientID == "" {
			c.fault(field+".oauth.client_id", "it is missing")
		}
	}
}

// CheckRemoteURL returns an error unless a text is the URL of something on another server: https, or http on this machine.
func CheckRemoteURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not a URL, want https://HOST/PATH", text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("the URL on %s has a user, a query or a fragment, want none of them", u.Host)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is not https, which only a loopback address may do without", text)
	}
	return nil
}

func checkCertificates(text string) error {
	rest, n := []byte(text), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d cannot be read: %w", n+1, err)
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("there is no certificate in it, want PEM blocks that begin with -----BEGIN CERTIFICATE-----")
	}
	return nil
}

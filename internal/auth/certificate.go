package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// fingerprintPrefix starts the fingerprint of a certificate or of its key.
	fingerprintPrefix = "sha256:"
	// issuerMark stands between a certificate's name and the authority it must come from.
	issuerMark = " issuer:"
)

// alternatives are the prefixes of names from the subject alternative name.
var alternatives = []string{"dns:", "email:", "uri:"}

// ParseCertificate reads how an account names its client certificate:
//
//   - sha256: and 64 hexadecimal digits, the fingerprint of the certificate or
//     of its public key (colons between bytes and capitals allowed, the prefix
//     optional);
//   - the subject as RFC 2253 writes it, such as CN=feed,O=Vendor Ltd;
//   - a subject alternative name: dns:NAME, email:ADDRESS or uri:URI.
//
// The last two may be followed by " issuer:" and the subject of the authority that the certificate must come from.
// Without it, they count only if there is a single possible authority; see Trust. It returns the canonical spelling,
// which is stored and looked up.
func ParseCertificate(s string) (string, error) {
	digits, said := cutFold(s, fingerprintPrefix)
	digits = strings.ToLower(strings.ReplaceAll(digits, ":", ""))
	if raw, err := hex.DecodeString(digits); err == nil && len(raw) == sha256.Size {
		return fingerprintPrefix + digits, nil
	}
	if said {
		return "", errors.New("a fingerprint is sha256: and 64 hexadecimal digits")
	}
	name, issuer, both := strings.Cut(s, issuerMark)
	if both {
		if err := checkSubject(issuer); err != nil {
			return "", fmt.Errorf("the issuer: %w", err)
		}
	}
	for _, prefix := range alternatives {
		if value, ok := strings.CutPrefix(name, prefix); ok {
			if value == "" || strings.TrimSpace(value) != value {
				return "", fmt.Errorf("nothing follows %s", prefix)
			}
			return s, nil
		}
	}
	if err := checkSubject(name); err != nil {
		return "", err
	}
	return s, nil
}

// checkSubject refuses text that cannot be a subject, and a subject that repeats an attribute, since it would be
// ambiguous.
func checkSubject(s string) error {
	if name, value, ok := strings.Cut(s, "="); !ok || name == "" || value == "" || strings.TrimSpace(s) != s {
		return errors.New("want sha256: and 64 hexadecimal digits, a subject like CN=feed,O=Vendor Ltd, or dns:, email: or uri: and a name")
	}
	seen := map[string]bool{}
	for _, attribute := range splitSubject(s) {
		name, _, _ := strings.Cut(attribute, "=")
		name = strings.ToUpper(strings.TrimSpace(name))
		if seen[name] {
			return fmt.Errorf("the attribute %s is there twice", name)
		}
		seen[name] = true
	}
	return nil
}

// splitSubject splits at commas and plus signs that are not escaped.
func splitSubject(s string) (parts []string) {
	begin := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',', '+':
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:])
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// Trust is the set of authorities whose client certificates are accepted, and for which parties.
type Trust struct {
	anchors map[[sha256.Size]byte]anchor
	shared  int             // anchors of no party
	names   map[string]int  // anchors by subject
	owners  map[string]bool // parties with an authority of their own
	lists   []*x509.RevocationList
}

// anchor is an authority that certificates come from.
type anchor struct {
	subject string
	parties map[string]bool // whose accounts it is for; empty: all
}

// NewTrust makes a Trust of the authorities of the server, those of single
// parties, and lists of revoked certificates. A certificate from a party's own
// authority is for that party's accounts only.
func NewTrust(server []*x509.Certificate, parties map[string][]*x509.Certificate, lists []*x509.RevocationList) *Trust {
	t := &Trust{anchors: map[[sha256.Size]byte]anchor{}, names: map[string]int{}, owners: map[string]bool{}, lists: lists}
	for _, cert := range server {
		t.add(cert, "")
	}
	for party, certs := range parties {
		for _, cert := range certs {
			t.add(cert, party)
			t.owners[party] = true
		}
	}
	for _, a := range t.anchors {
		t.names[a.subject]++
		if len(a.parties) == 0 {
			t.shared++
		}
	}
	return t
}

func (t *Trust) add(cert *x509.Certificate, party string) {
	sum := sha256.Sum256(cert.Raw)
	a, ok := t.anchors[sum]
	if !ok {
		a = anchor{cert.Subject.String(), map[string]bool{}}
	}
	if party != "" && (!ok || len(a.parties) > 0) {
		a.parties[party] = true
	} else {
		a.parties = nil // the server's
	}
	t.anchors[sum] = a
}

// Holds reports whether a connection's client certificate still comes from an
// authority that is trusted, and is not revoked. A connection without one holds.
func (t *Trust) Holds(state *tls.ConnectionState, now time.Time) bool {
	if verifiedCertificate(state) == nil {
		return true
	}
	for _, chain := range state.VerifiedChains {
		if _, ok := t.anchors[sha256.Sum256(chain[len(chain)-1].Raw)]; ok && t.revoked(chain, now) == "" {
			return true
		}
	}
	return false
}

// revoked returns why a chain is not accepted: one of its certificates is revoked, or the list of revoked certificates
// is out of date. It returns "" if the chain is accepted.
func (t *Trust) revoked(chain []*x509.Certificate, now time.Time) string {
	for i, cert := range chain[:len(chain)-1] {
		for _, list := range t.lists {
			if list.CheckSignatureFrom(chain[i+1]) != nil {
				continue
			}
			if !list.NextUpdate.IsZero() && now.After(list.NextUpdate) {
				return "the revocation list of the client certificate's issuer is out of date"
			}
			for _, entry := range list.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
					return "the client certificate is revoked"
				}
			}
		}
		if now.After(cert.NotAfter) {
			return "the client certificate has expired"
		}
	}
	return ""
}

// byCertificate returns the account of a connection's verified client
// certificate. shown is false if there is none.
func (a *Authenticator) byCertificate(state *tls.ConnectionState) (_ Account, shown bool, _ error) {
	cert := verifiedCertificate(state)
	if cert == nil {
		return Account{}, false, nil
	}
	trust := a.currentTrust(state)
	reason := "the client certificate belongs to no account"
	for _, chain := range state.VerifiedChains {
		from, ok := trust.anchors[sha256.Sum256(chain[len(chain)-1].Raw)]
		if !ok {
			reason = "the issuer of the client certificate is no longer trusted"
			continue
		}
		if revoked := trust.revoked(chain, a.now()); revoked != "" {
			reason = revoked
			continue
		}
		for _, name := range certificateNames(cert) {
			if account, ok := a.certified(trust, from, name); ok {
				return account, true, nil
			}
		}
	}
	return Account{}, true, &WrongError{Reason: reason}
}

// currentTrust returns Options.Trust, or else the authorities that TLS verified with.
func (a *Authenticator) currentTrust(state *tls.ConnectionState) *Trust {
	if a.trust != nil {
		return a.trust()
	}
	var anchors []*x509.Certificate
	for _, chain := range state.VerifiedChains {
		anchors = append(anchors, chain[len(chain)-1])
	}
	return NewTrust(anchors, nil, nil)
}

// certified finds the account that names a certificate from an authority.
func (a *Authenticator) certified(trust *Trust, from anchor, name string) (Account, bool) {
	usable := func(account Account, ok bool) bool {
		return ok && !account.Disabled && (len(from.parties) == 0 || from.parties[account.Party])
	}
	if trust.names[from.subject] == 1 {
		if account, ok := a.dir.AccountOfCertificate(name + issuerMark + from.subject); usable(account, ok) {
			return account, true
		}
	}
	account, ok := a.dir.AccountOfCertificate(name)
	if !usable(account, ok) {
		return Account{}, false
	}
	switch {
	case strings.HasPrefix(name, fingerprintPrefix):
	case len(from.parties) > 0: // the party's own
	case trust.shared == 1 && !trust.owners[account.Party]:
	default:
		return Account{}, false
	}
	return account, true
}

// certificateNames returns the names that an account may have for a
// certificate, the exact ones first.
func certificateNames(cert *x509.Certificate) []string {
	whole, key := sha256.Sum256(cert.Raw), sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	names := []string{fingerprintPrefix + hex.EncodeToString(whole[:]), fingerprintPrefix + hex.EncodeToString(key[:])}
	if subject := cert.Subject.String(); subject != "" && !strings.HasPrefix(subject, fingerprintPrefix) && !repeats(cert.Subject) {
		names = append(names, subject)
	}
	for _, name := range cert.DNSNames {
		names = append(names, "dns:"+name)
	}
	for _, name := range cert.EmailAddresses {
		names = append(names, "email:"+name)
	}
	for _, uri := range cert.URIs {
		names = append(names, "uri:"+uri.String())
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, issuerMark) }) // a certificate must not name its own issuer mark
}

// repeats reports whether a subject has an attribute twice.
func repeats(subject pkix.Name) bool {
	seen := map[string]bool{}
	for _, attribute := range subject.Names {
		if id := attribute.Type.String(); seen[id] {
			return true
		} else {
			seen[id] = true
		}
	}
	return false
}

// verifiedCertificate returns the client's certificate if it was checked against the CA the server trusts for clients.
// An unverified certificate proves nothing and is ignored.
func verifiedCertificate(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

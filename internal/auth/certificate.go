package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
)

// fingerprintPrefix starts a certificate's fingerprint; anything else is a
// subject.
const fingerprintPrefix = "sha256:"

// ParseCertificate reads how an account names its client certificate: the
// SHA-256 fingerprint ("sha256:" and 64 hexadecimal digits, colons between
// bytes and capitals allowed, the prefix optional) or the subject as RFC 2253
// writes it ("CN=feed,O=Vendor Ltd"). It returns the one spelling that is
// stored and looked up.
func ParseCertificate(s string) (string, error) {
	digits, said := cutFold(s, fingerprintPrefix)
	digits = strings.ToLower(strings.ReplaceAll(digits, ":", ""))
	if raw, err := hex.DecodeString(digits); err == nil && len(raw) == sha256.Size {
		return fingerprintPrefix + digits, nil
	}
	if said {
		return "", errors.New("a fingerprint is sha256: and 64 hexadecimal digits")
	}
	if name, value, ok := strings.Cut(s, "="); !ok || name == "" || value == "" || strings.TrimSpace(s) != s {
		return "", errors.New("want sha256: and 64 hexadecimal digits, or a subject like CN=feed,O=Vendor Ltd")
	}
	return s, nil
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// certificateNames returns the names a directory may know a certificate by,
// the exact one first.
func certificateNames(cert *x509.Certificate) []string {
	sum := sha256.Sum256(cert.Raw)
	names := []string{fingerprintPrefix + hex.EncodeToString(sum[:])}
	if subject := cert.Subject.String(); subject != "" && !strings.HasPrefix(subject, fingerprintPrefix) {
		names = append(names, subject)
	}
	return names
}

// verifiedCertificate returns the client's certificate if it was checked
// against the CA the server trusts for clients. One that was merely shown
// proves no subject and counts for nothing.
func verifiedCertificate(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
)

// FuzzParseCertificate reads how an account may name its certificate: each has one spelling, and a subject is never taken
// for a fingerprint.
func FuzzParseCertificate(f *testing.F) {
	digits := strings.Repeat("Ab", 32)
	for _, s := range []string{digits, "SHA256:" + digits, "sha256:" + strings.Repeat("ab:", 31) + "ab", "CN=feed,O=Vendor Ltd", "sha256:x=y", "=", " CN=x", "CN=a issuer:CN=b", "CN=a,CN=b", "dns:feed.example issuer:CN=b", "dns:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseCertificate(s)
		if err != nil {
			if name != "" {
				t.Errorf("%q: got %q beside %v", s, name, err)
			}
			return
		}
		if again, err := ParseCertificate(name); err != nil || again != name {
			t.Errorf("%q is %q, which is %q (%v)", s, name, again, err)
		}
		if isFingerprint := strings.HasPrefix(name, fingerprintPrefix); !isFingerprint && name != s || isFingerprint && len(name) != len(fingerprintPrefix)+64 {
			t.Errorf("%q is %q", s, name)
		}
	})
}

// FuzzCertificateNames names certificates of any subject: the fingerprints first, and never another one, whatever the
// subject looks like.
func FuzzCertificateNames(f *testing.F) {
	f.Add("feed", "Vendor Ltd", "x")
	f.Add("sha256:"+strings.Repeat("ab", 32), "", "")
	f.Add("a,O=Vendor Ltd", "+\\\"<>;#=", " ")
	f.Fuzz(func(t *testing.T, cn, org, other string) {
		subject := pkix.Name{CommonName: cn, ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: other}}}
		if org != "" {
			subject.Organization = []string{org}
		}
		names := certificateNames(&x509.Certificate{Raw: []byte(cn), Subject: subject})
		if len(names) < 2 || !strings.HasPrefix(names[0], fingerprintPrefix) || !strings.HasPrefix(names[1], fingerprintPrefix) {
			t.Fatalf("got %q, want the fingerprints of certificate and key first", names)
		}
		for _, name := range names[2:] {
			if stored, err := ParseCertificate(name); err == nil && (stored != name || strings.HasPrefix(stored, fingerprintPrefix)) {
				t.Errorf("the subject %q would be stored as %q", name, stored)
			}
		}
		plain := certificateNames(&x509.Certificate{Subject: pkix.Name{CommonName: "feed", Organization: []string{"Vendor Ltd"}}})
		if cn == "feed" && org == "Vendor Ltd" {
			return
		}
		subject.ExtraNames = nil
		if got := certificateNames(&x509.Certificate{Subject: subject}); len(got) > 2 && got[2] == plain[2] {
			t.Errorf("CN %q and O %q are named %q, as CN feed and O Vendor Ltd are", cn, org, got[2])
		}
	})
}

package tlsconf

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Files says where certificates are: PEM files.
type Files struct {
	Cert, Key string // the server's certificate, with intermediates behind it, and its key
	ClientCA  string // issuers of client certificates; empty: clients are not asked for one
	ClientCRL string // lists of revoked client certificates, PEM or one in DER; may be empty

	ACME *ACME // where the server's certificate comes from instead of Cert and Key; nil: from these
}

// suites are those of TLS 1.2 that RFC 7540, appendix A does not forbid, of those that Go has (TAXII 2.1, section 8.2.2). Go's own
// choice includes CBC suites. TLS 1.3 has no others than good ones; Go never accepts early data (0-RTT) on a listener.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// config reads the server's certificate and returns the configuration of a listener that asks for no client certificate.
func config(f Files) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	c := base()
	c.Certificates = []tls.Certificate{cert}
	return c, nil
}

// base is a configuration without a certificate.
func base() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: suites,
		NextProtos:   []string{"h2", "http/1.1"},

		// Records of 1 kB at the beginning of a connection help a browser that waits for a page's head; here, whole answers
		// are waited for.
		DynamicRecordSizingDisabled: true,
	}
}

// verifyClients has a configuration ask for client certificates of these issuers. A client without one can still log in
// otherwise.
func verifyClients(c *tls.Config, issuers []*x509.Certificate) {
	if len(issuers) == 0 {
		return
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	for _, cert := range issuers {
		c.ClientCAs.AddCert(cert)
	}
}

// readIssuers reads a file of certificates; "" is none.
func readIssuers(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read issuers of client certificates: %w", err)
	}
	list, err := ParseIssuers(text)
	if err != nil {
		return nil, fmt.Errorf("read issuers of client certificates: %s: %w", path, err)
	}
	return list, nil
}

// ParseIssuers reads certificates in PEM form, at least one.
func ParseIssuers(text []byte) (list []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, errors.New("it holds no certificate in PEM form")
	}
	return list, nil
}

// readRevoked reads a file of revocation lists; "" is none. Each must be signed by one of the issuers.
func readRevoked(path string) (lists []*x509.RevocationList, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read revocation lists: %w", err)
	}
	parse := func(der []byte) error {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return fmt.Errorf("read revocation lists: %s: %w", path, err)
		}
		lists = append(lists, list)
		return nil
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if err := parse(block.Bytes); err != nil {
			return nil, err
		}
	}
	if len(lists) == 0 {
		return lists, parse(text)
	}
	return lists, nil
}

// Fingerprint is the SHA-256 of a configuration's certificate as people compare it: pairs of hexadecimal digits with colons
// between them.
func Fingerprint(c *tls.Config) (string, error) {
	if len(c.Certificates) == 0 || len(c.Certificates[0].Certificate) == 0 {
		return "", errors.New("the configuration holds no certificate")
	}
	sum := sha256.Sum256(c.Certificates[0].Certificate[0])
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":"), nil
}

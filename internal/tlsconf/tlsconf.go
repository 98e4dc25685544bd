package tlsconf

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Files says where certificates are: PEM files.
type Files struct {
	Cert, Key string // the server's certificate, with intermediates behind it, and its key
	ClientCA  string // issuers of client certificates; empty: clients are not asked for one
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

// Config reads the files and returns the configuration of a listener. A client certificate is asked for when ClientCA is
// set, and checked against those issuers when one comes; a client without one can still log in otherwise.
func Config(f Files) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	c := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		CipherSuites: suites,
		NextProtos:   []string{"h2", "http/1.1"},

		// Records of 1 kB at the beginning of a connection help a browser that waits for a page's head; here, whole answers
		// are waited for.
		DynamicRecordSizingDisabled: true,
	}
	if f.ClientCA != "" {
		if c.ClientCAs, err = readPool(f.ClientCA); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, nil
}

func readPool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read issuers of client certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read issuers of client certificates: %s holds no certificate in PEM form", path)
	}
	return pool, nil
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

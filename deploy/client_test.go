package deploy_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
)

// clientOf returns a client that trusts a certificate.
func clientOf(t *testing.T, pem []byte) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

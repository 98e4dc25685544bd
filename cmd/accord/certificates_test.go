package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/taxii"
)

// partnerFile is an exchange with a collection to be followed, and one to be pushed to, for a partner that logs in by certificate.
const partnerFile = `api_roots: [{name: r, title: Root}]
parties: [{name: maker, title: Maker}, {name: partner, title: Partner}]
accounts:
  - {name: maker, party: maker, password_env: MAKER_PW}
  - {name: partner, party: partner, certificates: ["CN=feed,O=Vendor Ltd"]}
agreements:
  - {name: source, title: Source, api_root: r, collection: {alias: source}, parties: [{party: maker, roles: [producer]}, {party: partner, roles: [consumer]}]}
  - {name: sink, title: Sink, api_root: r, collection: {alias: sink}, parties: [{party: partner, roles: [producer]}, {party: maker, roles: [consumer]}]}
`

// certifiedFile is an exchange that follows one of them and pushes to the other.
const certifiedFile = `api_roots: [{name: r, title: Root}]
parties: [{name: agency, title: Agency}]
accounts: [{name: maker, party: agency, password_env: MAKER_PW}]
agreements:
  - name: copy
    title: Copy
    api_root: r
    parties: [{party: agency, roles: [consumer, auditor]}]
    mirror: {url: "%[1]s/r/collections/source/", certificate: feed.pem, key: feed.key, ca: issuer.pem, interval: 1s}
    release:
      - {to: {url: "%[1]s/r/collections/sink/", certificate: feed.pem, key: feed.key, ca: issuer.pem}}
`

// issueServer issues the certificate of a server on this machine, into files.
func (a *authority) issueServer(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	draft := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, draft, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, cert, key, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private})
}

func writePair(t *testing.T, cert, key string, c tls.Certificate) {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A mirror and a push log in at another Accord by client certificate, as the apply file says. With a certificate of another
// authority both say what is wrong, and lose nothing.
func TestAMirrorAndAPushLogInByCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ours, stranger := newAuthority(t, at("issuer.pem")), newAuthority(t, at("stranger.pem"))
	ours.issueServer(t, at("server.pem"), at("server.key"))
	vars := []string{"MAKER_PW=maker-password"}
	write := func(name, text string) {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("partner.yaml", partnerFile)
	partner := start(t, vars, serveArgs(at("partner"), "--tls-cert", at("server.pem"), "--tls-key", at("server.key"), "--client-ca", at("issuer.pem"), "--apply", at("partner.yaml"))...).serving()
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(method, path string, body []byte) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, partner.URL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("maker", "maker-password")
		req.Header.Set("Accept", taxii.MediaType)
		req.Header.Set("Content-Type", taxii.MediaType)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, text, err)
		}
		return text
	}
	ask(http.MethodPost, "/r/collections/source/objects/", envelope(accordtest.Indicators(0, 20)...))

	writePair(t, at("feed.pem"), at("feed.key"), stranger.issue(t, "feed"))
	write("copy.yaml", fmt.Sprintf(certifiedFile, partner.URL))
	c := start(t, vars, serveArgs(at("copy"), "--plain-http", "--apply", at("copy.yaml"))...).serving()
	got := once(t, vars, "mirror", "now", "copy", "--data", at("copy"))
	if got.code != exitFailed || !strings.Contains(got.stdout+got.stderr, "check certificate and key") {
		t.Errorf("with a stranger's certificate: code %d, %q %q", got.code, got.stdout, got.stderr)
	}
	writePair(t, at("feed.pem"), at("feed.key"), ours.issue(t, "feed"))
	if got := once(t, vars, "apply", "-f", at("copy.yaml"), "--data", at("copy")); got.code != exitOK {
		t.Fatalf("apply: code %d, %q", got.code, got.stderr)
	}
	if got := once(t, vars, "mirror", "now", "copy", "--data", at("copy")); got.code != exitOK {
		t.Fatalf("a visit with the certificate: code %d, %q %q", got.code, got.stdout, got.stderr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), accordtest.Patience)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C { // another process tells of nothing
		var m taxii.Manifest
		if err := json.Unmarshal(ask(http.MethodGet, "/r/collections/sink/manifest/?match[version]=all", nil), &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Objects) == 20 {
			tick.Stop()
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("%d of 20 versions were pushed", len(m.Objects))
		}
	}
	// What the other server said is kept, and shown with the deliveries.
	var list admin.OutboxList
	if got := once(t, vars, "outbox", "list", "--format", "json", "--data", at("copy")); json.Unmarshal([]byte(got.stdout), &list) != nil || len(list.Outboxes) != 1 {
		t.Fatalf("outboxes: code %d, %q %q", got.code, got.stdout, got.stderr)
	}
	deliveries := once(t, vars, "audit", "deliveries", "--agreement", list.Outboxes[0].Agreement, "--object", accordtest.IndicatorID(3), "--data", at("copy"))
	if want := "taken by " + partner.URL + "/r/collections/sink/ "; deliveries.code != exitOK || !strings.Contains(deliveries.stdout, want) || !strings.Contains(deliveries.stdout, "given to (push)") {
		t.Errorf("deliveries: code %d, %q %q, want %q", deliveries.code, deliveries.stdout, deliveries.stderr, want)
	}
	c.terminate()
	partner.terminate()
}

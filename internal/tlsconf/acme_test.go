package tlsconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// acmeServer runs pebble, Let's Encrypt's own test server, in this process. It visits port at the loopback address for every name, and
// returns the URL of its directory, and a file with the issuer of its own certificate.
func acmeServer(t *testing.T, port int) (directory, caFile string, roots *x509.CertPool) {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resolver := free.LocalAddr().String()
	free.Close()
	names, err := challtestsrv.New(challtestsrv.Config{DNSAddrs: []string{resolver}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	names.SetDefaultDNSIPv4("127.0.0.1")
	names.SetDefaultDNSIPv6("")
	go names.Run()
	t.Cleanup(names.Shutdown)

	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "for tests", ValidityPeriod: 7776000}})
	front := wfe.New(quiet, store, va.New(quiet, 1, port, false, resolver, store), authority, nil, false, false, 0, 0)
	srv := httptest.NewTLSServer(front.Handler())
	t.Cleanup(srv.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(authority.GetRootCert(0).Cert)
	return srv.URL + wfe.DirectoryPath, caFile, roots
}

func TestACertificateFromAnACMEServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs an ACME server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(l.Addr().String())
	port, _ := strconv.Atoi(text)
	directory, caFile, roots := acmeServer(t, port)
	files := Files{ACME: &ACME{Names: []string{"taxii.example"}, Directory: directory, CA: caFile, Folder: filepath.Join(t.TempDir(), "acme")}}
	current, err := NewCurrent(files)
	if err != nil {
		t.Fatal(err)
	}
	if current.Loaded().Certificate() != nil {
		t.Error("there is a certificate before one was fetched")
	}
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") }), TLSConfig: current.Config(nil), ErrorLog: log.New(io.Discard, "", 0)}
	go hs.ServeTLS(l, "", "")
	t.Cleanup(func() { hs.Close() })

	if err := current.Fetch(context.Background()); err != nil {
		t.Fatal(err)
	}
	leaf := current.Loaded().Certificate()
	if leaf == nil || leaf.VerifyHostname("taxii.example") != nil {
		t.Fatalf("the certificate is %v", leaf)
	}
	get := func(name string) error {
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
			},
		}}
		defer client.CloseIdleConnections()
		resp, err := client.Get("https://taxii.example/")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get("taxii.example"); err != nil {
		t.Error(err)
	}
	if err := get("other.example"); err == nil {
		t.Error("another name is served")
	}

	// A server that starts again has it from the folder, where others cannot read it.
	again, err := NewCurrent(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Fetch(context.Background()); err != nil || again.Loaded().Certificate().SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Errorf("after a restart: %v, %v", err, again.Loaded().Certificate())
	}
	kept, err := filepath.Glob(filepath.Join(files.ACME.Folder, "*"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	for _, name := range kept {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestNamesThatNoCertificateIsFor(t *testing.T) {
	for _, name := range []string{"localhost", "*.example.org", "https://taxii.example", "taxii.example:443", ""} {
		if (ACME{Names: []string{name}}).Check() == nil {
			t.Errorf("%q passes", name)
		}
	}
	if err := (ACME{Names: []string{"taxii.example"}}).Check(); err != nil {
		t.Error(err)
	}
}

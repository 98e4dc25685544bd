package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// revoke writes a revocation list with some certificates.
func (a *authority) revoke(t *testing.T, path string, certificates ...tls.Certificate) {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certificates {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err == nil {
		err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is trusted ends for open connections, too: a certificate with the list that revokes it, a party's authority with the apply
// file that removes it.
func TestTrustInCertificatesEndsAtOnce(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	dir := filepath.Dir(file)
	issuers, crl := filepath.Join(dir, "issuers.pem"), filepath.Join(dir, "revoked.pem")
	ours, agencys := newAuthority(t, issuers), newAuthority(t, filepath.Join(dir, "agency.pem"))
	apply := func(agency string) {
		text := strings.NewReplacer("password_env: VENDOR_PW}", `password_env: VENDOR_PW, certificates: ["CN=feed,O=Vendor Ltd"]}`,
			"password_env: AGENCY_PW}", `password_env: AGENCY_PW, certificates: ["CN=siem,O=Vendor Ltd"]}`,
			"{name: agency, title: National agency}", "{name: agency, title: National agency"+agency+"}").Replace(exchangeFile)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	apply(", client_ca: agency.pem")
	feed, siem := ours.issue(t, "feed"), agencys.issue(t, "siem")
	ours.revoke(t, crl)
	c := start(t, exchangeVars, serveArgs(data, "--client-ca", issuers, "--client-crl", crl, "--apply", file)...).serving()
	client := func(certificate *tls.Certificate) func() int {
		h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, // of the server's own certificate
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }}}}
		t.Cleanup(h.CloseIdleConnections)
		return func() int {
			resp, err := h.Get(c.URL + "/taxii2/")
			if err != nil {
				return 0
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil { // so that the connection stays open
				return 0
			}
			return resp.StatusCode
		}
	}
	asFeed, asSIEM := client(&feed), client(&siem)
	if a, b := asFeed(), asSIEM(); a != 200 || b != 200 {
		t.Fatalf("got %d for the feed and %d for the agency's own authority, want 200", a, b)
	}
	const closed = "closed connections whose client certificate is no longer trusted"
	ours.revoke(t, crl, feed)
	if err := c.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	c.said(closed)
	if a, b := asFeed(), asSIEM(); a == 200 || b != 200 {
		t.Errorf("after the revocation: got %d for the feed and %d for the other", a, b)
	}
	apply(`, client_ca: ""`)
	if got := once(t, exchangeVars, "apply", "-f", file, "--data", data); got.code != exitOK {
		t.Fatalf("apply: got code %d, %q", got.code, got.stderr)
	}
	if err := c.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	c.said(closed)
	if got := asSIEM(); got == 200 {
		t.Error("after its authority was removed the agency's certificate is still a login")
	}
	c.terminate()
}

// The address of a login is the one that a trusted proxy adds; what the client wrote before it does not count.
func TestAccountShowSaysWhereLoginsCameFrom(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	for _, row := range []struct{ name, proxy, forwarded, want string }{
		{"no proxy", "", "203.0.113.9", "127.0.0.1"},
		{"a trusted proxy", "127.0.0.1/32", "198.51.100.7, 203.0.113.9", "203.0.113.9"},
		{"two trusted proxies", "127.0.0.1/32,10.0.0.0/8", "203.0.113.9, 10.1.2.3", "203.0.113.9"},
		{"a proxy elsewhere", "10.0.0.0/8", "203.0.113.9", "127.0.0.1"},
	} {
		args := serveArgs(data, "--plain-http", "--apply", file)
		if row.proxy != "" {
			args = append(args, "--trusted-proxy", row.proxy)
		}
		c := start(t, exchangeVars, args...).serving()
		for _, password := range []string{"vendor-push-password", "a wrong password"} {
			r, err := http.NewRequest(http.MethodGet, c.URL+"/taxii2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("vendor-push", password)
			r.Header.Set("X-Forwarded-For", row.forwarded)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		got := accord(t, nil, "account", "show", "vendor-push", "--data", data)
		for _, want := range []string{"last success  ", "last failure  "} {
			_, line, _ := strings.Cut(got.stdout, want)
			line, _, _ = strings.Cut(line, "\n")
			if !strings.Contains(line, " from "+row.want) || strings.HasPrefix(want, "last failure") != strings.Contains(line, "password is wrong") {
				t.Errorf("%s: %s: got %q, want it from %s", row.name, strings.TrimSpace(want), line, row.want)
			}
		}
		c.terminate()
	}
}

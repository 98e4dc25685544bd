package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
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
	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

func TestEachLimitHasAFlagAndALineInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../doc/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	cmd := newServeCommand(&env{})
	for _, name := range []string{"max-connections", "max-address-connections", "max-header-bytes", "header-time", "body-time", "answer-time", "idle-time", "drain-time",
		"max-objects", "max-object-bytes", "max-depth", "max-string-bytes", "max-filter-values", "max-filter-bytes", "max-page-objects", "max-page-bytes",
		"max-requests", "max-account-requests", "max-account-rate", "max-memory", "max-account-memory"} {
		flag := cmd.Flags().Lookup(name)
		if flag == nil {
			t.Errorf("there is no flag --%s", name)
			continue
		}
		if want := fmt.Sprintf("| `--%s` | %s |", name, flag.DefValue); !strings.Contains(string(manual), want) {
			t.Errorf("doc/operations.md has no %s", want)
		}
	}
}

func TestSizesAreWrittenAsPeopleWriteThem(t *testing.T) {
	for _, row := range []struct {
		text string
		want byteSize
		ok   bool
	}{{"100", 100, true}, {"64KiB", 64 << 10, true}, {"2 GiB", 2 << 30, true}, {"-1", 0, false}, {"1MB", 0, false}, {"9999999999GiB", 0, false}, {"", 0, false}} {
		var got byteSize
		if err := got.Set(row.text); (err == nil) != row.ok || got != row.want {
			t.Errorf("%q: got %d, %v, want %d, %v", row.text, got, err, row.want, row.ok)
		}
	}
	if o := once(t, nil, serveArgs(t.TempDir(), "--plain-http", "--max-depth", "0")...); o.code != exitUsage || !strings.Contains(o.stderr, "--max-depth") {
		t.Errorf("a limit of nothing: got %d %s, want 2 and its name", o.code, o.stderr)
	}
}

func TestLimitsOfTheCommandLineHold(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file, "--ops-listen", "127.0.0.1:0", "--max-objects", "5", "--max-object-bytes", "4KiB",
		"--max-depth", "6", "--max-string-bytes", "1KiB", "--max-filter-values", "2", "--max-filter-bytes", "200", "--max-header-bytes", "4KiB", "--max-page-objects", "3")...)
	ops := strings.TrimSuffix(c.said("operation: /healthz, /readyz, /metrics").URL, "/")
	c.serving()
	for _, row := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"objects in one envelope", "POST", gsp + "objects/", string(envelope(demo.Generate(1, 6)...)), 422, "5"},
		{"bytes of an object, of that object alone", "POST", gsp + "objects/", `{"objects":[{"type":"tool","name":"` + strings.Repeat("n", 5000) + `"}]}`, 202, "at most 4096 are allowed"},
		{"depth, of that object alone", "POST", gsp + "objects/", `{"objects":[{"type":"tool","x":[[[[[[1]]]]]]}]}`, 202, "failure_count\":1"},
		{"bytes of a string, of that object alone", "POST", gsp + "objects/", `{"objects":[{"type":"tool","external_references":[{"source_name":"` + strings.Repeat("n", 1025) + `"}]}]}`, 202,
			"at /external_references/0/source_name: the string has 1025 bytes, at most 1024 are allowed"},
		{"values of a match parameter", "GET", gsp + "objects/?match[type]=a,b,c", "", 400, "match[type]"},
		{"bytes of the query", "GET", gsp + "objects/?match[id]=" + strings.Repeat("a", 300), "", 400, "200"},
		{"header", "GET", "/taxii2/?h=" + strings.Repeat("h", 20_000), "", 431, `"http_status":"431"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var body io.Reader
			if row.body != "" {
				body = strings.NewReader(row.body)
			}
			a, err := c.ask("vendor-push", row.method, row.path, body)
			if err != nil || a.status != row.status || !strings.Contains(string(a.body), row.says) {
				t.Errorf("got %d %s, %v, want %d with %q", a.status, a.body, err, row.status, row.says)
			}
		})
	}
	a, err := c.ask("vendor-push", "POST", gsp+"objects/", bytes.NewReader(envelope(demo.Generate(1, 5)...)))
	if err != nil || a.status != http.StatusAccepted {
		t.Fatalf("got %d %s, %v, want 202", a.status, a.body, err)
	}
	var page taxii.Envelope
	if c.get("agency-siem", gsp+"objects/?limit=1000", &page); len(page.Objects) != 3 || !page.More {
		t.Errorf("got %d objects, more %v, want 3 of 5", len(page.Objects), page.More)
	}
	_, figures := askWith(t, ops, http.MethodGet, "/metrics", "", "")
	for _, want := range []string{`accord_objects_refused_total{agreement="gsp",rule="`, `status="422"`, `accord_agreement_batches_total{agreement="gsp"} `, `accord_connections `} {
		if !strings.Contains(figures, want) {
			t.Errorf("the figures have no %s", want)
		}
	}
	c.terminate()
}

func TestSlowHeadersAndIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file, "--header-time", "200ms", "--idle-time", "300ms", "--body-time", "300ms")...).serving()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(accordtest.Patience))
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	slow := dial()
	fmt.Fprintf(slow, "GET /taxii2/ HTTP/1.1\r\nHost: ")
	if text, err := io.ReadAll(slow); err != nil {
		t.Errorf("a slow header: got %q, %v, want the connection closed", text, err)
	}
	idle := dial()
	fmt.Fprintf(idle, "GET /taxii2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	if text, err := io.ReadAll(idle); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 401 ") {
		t.Errorf("an idle connection: got %q, %v, want an answer and then the end", text, err)
	}
	request, err := http.NewRequest("POST", c.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("vendor-push", "vendor-push-password")
	body := dial()
	fmt.Fprintf(body, "POST %sobjects/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n{", gsp, request.Header.Get("Authorization"), taxii.MediaType)
	if resp, err := http.ReadResponse(bufio.NewReader(body), nil); err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a slow body: got %v, %v, want 408", resp, err)
	}
	c.terminate()
}

func TestIdleConnectionsMakeRoomForNewOnes(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file, "--max-connections", "20")...).serving()
	for range 60 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	var d taxii.Discovery
	c.get("agency-siem", "/taxii2/", &d)
	c.terminate()
}

// authority issues client certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, path string) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example issuer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Vendor Ltd"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestAClientCertificateIsALogin(t *testing.T) { // T-005
	file, data := exchange(t)
	text := strings.Replace(exchangeFile, "password_env: VENDOR_PW}", `password_env: VENDOR_PW, certificates: ["CN=feed,O=Vendor Ltd"]}`, 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	issuers := filepath.Join(t.TempDir(), "issuers.pem")
	ours, stranger := newAuthority(t, issuers), newAuthority(t, filepath.Join(t.TempDir(), "stranger.pem"))
	c := start(t, exchangeVars, serveArgs(data, "--client-ca", issuers, "--apply", file)...).serving()
	status := func(certificate *tls.Certificate) (int, error) {
		config := &tls.Config{InsecureSkipVerify: true} // of the server's own certificate, which another test looks at
		if certificate != nil {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		defer client.CloseIdleConnections()
		resp, err := client.Get(c.URL + "/taxii2/")
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		return resp.StatusCode, nil
	}
	for _, row := range []struct {
		name   string
		issuer *authority
		cn     string
		want   int // 0: the handshake fails
	}{
		{"one that an account names", ours, "feed", 200},
		{"one that no account names", ours, "other", 401},
		{"none", nil, "", 401},
		{"that name from another issuer", stranger, "feed", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			var certificate *tls.Certificate
			if row.issuer != nil {
				issued := row.issuer.issue(t, row.cn)
				certificate = &issued
			}
			if got, err := status(certificate); got != row.want || (err != nil) != (row.want == 0) {
				t.Errorf("got %d, %v, want %d", got, err, row.want)
			}
		})
	}
	c.terminate()
}

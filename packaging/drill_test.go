package packaging_test

import (
	"bufio"
	"bytes"
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
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// drillPassword is the password of every account of the drill.
const drillPassword = "correct horse battery staple"

// runDrill runs cmd/accord/testdata/drill.txtar with a program as it is installed, over TLS. upgrade installs the next version of it.
func runDrill(t *testing.T, program string, upgrade func()) {
	d := &drill{t: t, program: program, upgrade: upgrade}
	testscript.Run(t, testscript.Params{
		Files:     []string{"../cmd/accord/testdata/drill.txtar"},
		Condition: func(condition string) (bool, error) { return condition == "program", nil },
		Setup: func(e *testscript.Env) error {
			d.dir = e.WorkDir
			return d.makeAuthority()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"accord": d.accord, "serve": d.serve, "shutdown": d.stop, "http": d.http, "await": d.await, "certificate": d.certificate,
			"upgrade": func(*testscript.TestScript, bool, []string) { d.upgrade() },
			"clock":   func(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("the clock of a program cannot be set") },
		},
	})
}

// drill is a drill with a program of its own.
type drill struct {
	t       *testing.T
	program string
	upgrade func()
	dir     string // the script's

	authority    *x509.Certificate
	authorityKey *ecdsa.PrivateKey
	issued       int64

	server *exec.Cmd
	url    string
	client *http.Client
}

func (d *drill) path(name string) string { return filepath.Join(d.dir, name) }

// makeAuthority makes an issuer, which the program trusts, and the server's first certificate.
func (d *drill) makeAuthority() (err error) {
	if d.authorityKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Drill"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, d.authorityKey.Public(), d.authorityKey)
	if err != nil {
		return err
	}
	if d.authority, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	if err := os.WriteFile(d.path("ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return d.issue()
}

// issue writes a new certificate of the server, and its key.
func (d *drill) issue() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	d.issued++
	template := &x509.Certificate{SerialNumber: big.NewInt(100 + d.issued), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 6, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, d.authority, key.Public(), d.authorityKey)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(d.path(name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// command makes a command of the program.
func (d *drill) command(args ...string) *exec.Cmd {
	cmd := exec.Command(d.program, args...)
	cmd.Dir = d.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "PW=" + drillPassword, "ACCORD_PASSWORD=" + drillPassword, "SSL_CERT_FILE=" + d.path("ca.pem")}
	return cmd
}

func (d *drill) accord(ts *testscript.TestScript, refused bool, args []string) {
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if err := cmd.Run(); refused != (err != nil) {
		ts.Fatalf("accord %s: %v", strings.Join(args, " "), err)
	}
}

// serve starts the server and waits until it listens.
func (d *drill) serve(ts *testscript.TestScript, _ bool, _ []string) {
	cmd := d.command("serve", "--data", "data", "--listen", "127.0.0.1:0", "--tls-cert", "tls.crt", "--tls-key", "tls.key", "--log-format", "json")
	log, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	d.server = cmd
	ts.Defer(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Message, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "listening" {
			d.url = strings.TrimSuffix(line.URL, "/taxii2/")
			break
		}
	}
	if d.url == "" {
		ts.Fatalf("the server does not listen: %v", lines.Err())
	}
	go io.Copy(io.Discard, log)
	pool := x509.NewCertPool()
	pool.AddCert(d.authority)
	d.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	ts.Setenv("URL", d.url)
}

func (d *drill) stop(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(d.server.Process.Signal(syscall.SIGTERM))
	ts.Check(d.server.Wait())
	d.url = ""
}

// certificate replaces the server's certificate, and waits until connections get the new one.
func (d *drill) certificate(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(d.issue())
	ts.Check(d.server.Process.Signal(syscall.SIGHUP))
	want := big.NewInt(100 + d.issued)
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // nothing tells a client of it
		resp, err := d.client.Get(d.url + "/taxii2/")
		ts.Check(err)
		resp.Body.Close()
		if resp.TLS.PeerCertificates[0].SerialNumber.Cmp(want) == 0 {
			return
		}
		if time.Now().After(until) {
			ts.Fatalf("the server still has the certificate %v, want %v", resp.TLS.PeerCertificates[0].SerialNumber, want)
		}
	}
}

// http sends a request: http METHOD PATH [as=ACCOUNT] [FILE].
func (d *drill) http(ts *testscript.TestScript, refused bool, args []string) {
	account, body := "", []byte(nil)
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, "="); ok && name == "as" {
			account = value
			continue
		}
		body = []byte(ts.ReadFile(arg))
	}
	resp, err := d.ask(args[0], args[1], account, body)
	ts.Check(err)
	defer resp.Body.Close()
	out := ts.Stdout()
	fmt.Fprintf(out, "HTTP %s\n", resp.Status)
	_, err = io.Copy(out, resp.Body)
	ts.Check(err)
	if refused != (resp.StatusCode >= 400) {
		ts.Fatalf("%s: %s", strings.Join(args, " "), resp.Status)
	}
}

func (d *drill) ask(method, path, account string, body []byte) (*http.Response, error) {
	r, err := http.NewRequest(method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(account, drillPassword)
	if !strings.HasPrefix(path, "/accord/") {
		r.Header.Set("Accept", "application/taxii+json;version=2.1")
		r.Header.Set("Content-Type", "application/taxii+json;version=2.1")
	}
	return d.client.Do(r)
}

// await waits until an agreement holds so many versions.
func (d *drill) await(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // another process does it
		resp, err := d.ask(http.MethodGet, "/accord/v1/agreements/"+args[0]+"/", "root", nil)
		ts.Check(err)
		var a struct{ Figures struct{ Versions uint64 } }
		err = json.NewDecoder(resp.Body).Decode(&a)
		resp.Body.Close()
		ts.Check(err)
		if a.Figures.Versions == want {
			return
		}
		if time.Now().After(until) {
			ts.Fatalf("%s has %d versions, want %d", args[0], a.Figures.Versions, want)
		}
	}
}

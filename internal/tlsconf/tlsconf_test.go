package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func selfSigned(t *testing.T) Files {
	t.Helper()
	f, err := SelfSigned(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// handshake connects a client of the given configuration to a listener of f and returns how that ended for the client.
func handshake(t *testing.T, f Files, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	current, err := NewCurrent(f)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", current.Config(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	text, err := os.ReadFile(f.Cert)
	if err != nil {
		t.Fatal(err)
	}
	client.RootCAs = x509.NewCertPool()
	client.RootCAs.AppendCertsFromPEM(text)
	client.ServerName = "localhost"
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, client)
	defer conn.Close()
	err = conn.Handshake()
	return conn.ConnectionState(), err
}

func TestHandshakesThatTheStandardAsksForSucceedAndOthersFail(t *testing.T) { // T-001, T-002, T-004
	f := selfSigned(t)
	for _, row := range []struct {
		name   string
		client *tls.Config
		ok     bool
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.2 with an AEAD suite", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}, true},
		{"TLS 1.2 with CBC suites alone", &tls.Config{MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := handshake(t, f, row.client); (err == nil) != row.ok {
				t.Errorf("got error %v, want a handshake %v", err, row.ok)
			}
		})
	}
}

func TestHTTP2IsOffered(t *testing.T) {
	state, err := handshake(t, selfSigned(t), &tls.Config{NextProtos: []string{"h2"}})
	if err != nil || state.NegotiatedProtocol != "h2" {
		t.Errorf("got %q, %v, want h2", state.NegotiatedProtocol, err)
	}
}

func TestASelfSignedCertificateIsKeptUntilItNearsItsEnd(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	read := func(at time.Time) string {
		t.Helper()
		f, err := SelfSigned(dir, at)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config(f)
		if err != nil {
			t.Fatal(err)
		}
		print, err := Fingerprint(c)
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	first := read(now)
	if len(first) != 32*3-1 || strings.Count(first, ":") != 31 {
		t.Errorf("got fingerprint %s, want 32 pairs of digits", first)
	}
	if again := read(now.Add(selfSignedLife / 2)); again != first {
		t.Error("a year later it is another certificate, want the same")
	}
	if late := read(now.Add(selfSignedLife - selfSignedRenew/2)); late == first {
		t.Error("shortly before its end it is still the same certificate, want a new one")
	}
	info, err := os.Stat(filepath.Join(dir, "selfsigned.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got key file %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	f := selfSigned(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		f    Files
		want string
	}{
		{"a certificate that is not there", Files{Cert: "absent.crt", Key: f.Key}, "absent.crt"},
		{"a key that is no key", Files{Cert: f.Cert, Key: empty}, empty},
		{"issuers without a certificate", Files{Cert: f.Cert, Key: f.Key, ClientCA: empty}, empty},
		{"revocation lists that are none", Files{Cert: f.Cert, Key: f.Key, ClientCRL: empty}, empty},
		{"issuers that are not there", Files{Cert: f.Cert, Key: f.Key, ClientCA: "absent.pem"}, "absent.pem"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := NewCurrent(row.f); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want an error that names %s", err, row.want)
			}
		})
	}
}

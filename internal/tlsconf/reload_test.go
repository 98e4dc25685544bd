package tlsconf

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func TestANewCertificateIsServedWithoutDroppingConnections(t *testing.T) {
	f := selfSigned(t)
	c, err := NewCurrent(f)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.Config(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn) // an echo
		}
	}()
	serves := func() (string, *tls.Conn) {
		t.Helper()
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		print, err := Fingerprint(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{conn.ConnectionState().PeerCertificates[0].Raw}}}})
		if err != nil {
			t.Fatal(err)
		}
		return print, conn
	}
	echoes := func(conn net.Conn) {
		t.Helper()
		var b [4]byte
		if _, err := conn.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, b[:]); err != nil || string(b[:]) != "ping" {
			t.Fatalf("got %q, %v, want the echo", b, err)
		}
	}
	first, open := serves()
	defer open.Close()
	if changed, err := c.Refresh(false); changed || err != nil {
		t.Errorf("without a change: got %v, %v, want nothing done", changed, err)
	}

	// A broken key leaves everything as it is, and is complained about once.
	key, err := os.ReadFile(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Refresh(false); changed || err == nil {
		t.Errorf("with a broken key: got %v, %v, want an error", changed, err)
	}
	if changed, err := c.Refresh(false); changed || err != nil {
		t.Errorf("with the same broken key: got %v, %v, want nothing done", changed, err)
	}
	same, again := serves()
	again.Close()
	if same != first {
		t.Error("a broken key changed the certificate")
	}
	if err := os.WriteFile(f.Key, key, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := makeSelfSigned(f, time.Now()); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Refresh(false); !changed || err != nil {
		t.Fatalf("with a new certificate: got %v, %v, want it read", changed, err)
	}
	second, fresh := serves()
	defer fresh.Close()
	if second == first {
		t.Error("a new connection still gets the old certificate")
	}
	if now, err := c.Fingerprint(); err != nil || now != second {
		t.Errorf("got fingerprint %s, %v, want %s", now, err, second)
	}
	echoes(open)
	echoes(fresh)
}

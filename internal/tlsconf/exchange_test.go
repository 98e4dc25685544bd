package tlsconf

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// A client that offers a post-quantum key exchange gets it; one that does not is served as before.
func TestTheKeyExchangeIsPostQuantum(t *testing.T) {
	files, err := SelfSigned(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	current, err := NewCurrent(files)
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(client *tls.Config) tls.CurveID {
		t.Helper()
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		go tls.Server(far, current.Config(nil)).Handshake()
		client.InsecureSkipVerify = true // of a pipe
		conn := tls.Client(near, client)
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().CurveID
	}
	if got := exchange(&tls.Config{}); got != tls.X25519MLKEM768 {
		t.Errorf("with a client of today: %v", got)
	}
	if got := exchange(&tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}}); got != tls.X25519 {
		t.Errorf("with an older client: %v", got)
	}
}

package server_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii/server"
)

// counted counts the writes to the connections of a listener.
type counted struct {
	net.Listener
	writes atomic.Int64
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, &l.writes}, err
}

func (c countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// askOver asks as the agency, and wants 200.
func askOver(t *testing.T, client *http.Client, method, url string) (body []byte, length int64) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("agency", accordtest.Password("agency"))
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if body, err = io.ReadAll(a.Body); err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: got status %d, error %v, want 200", method, url, a.StatusCode, err)
	}
	return body, a.ContentLength
}

// Over TLS, an answer of any size is the same as without joining, and a page takes few writes.
func TestAnswersOverTLSAreWrittenTogether(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(unlimited))
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 1000)...)
	serve := func(join bool) (url string, writes *atomic.Int64, client *http.Client) {
		hs := httptest.NewUnstartedServer(s.TAXII.Handler())
		c := &counted{Listener: hs.Listener}
		hs.Listener = c
		if join {
			hs.Listener = server.SecureListener(c)
			hs.Config.ConnContext = server.ConnContext
		}
		hs.StartTLS()
		t.Cleanup(hs.Close)
		transport := hs.Client().Transport.(*http.Transport).Clone()
		transport.DisableCompression = true
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // HTTP/1.1
		t.Cleanup(transport.CloseIdleConnections)
		return hs.URL, &c.writes, &http.Client{Transport: transport}
	}
	get := func(url string, client *http.Client) []byte {
		body, _ := askOver(t, client, http.MethodGet, url)
		return body
	}
	joined, writes, joinedClient := serve(true)
	plain, plainWrites, plainClient := serve(false)
	for _, query := range []string{"?limit=1", "?limit=4", "?limit=5", "?limit=100", "?limit=200", "?limit=1000", "?added_after=2099-01-01T00:00:00Z"} {
		path := accordtest.Path("gsp") + "objects/" + query
		if got, want := get(joined+path, joinedClient), get(plain+path, plainClient); !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, want the %d of an ordinary connection", query, len(got), len(want))
		}
		before, plainBefore := writes.Load(), plainWrites.Load()
		body := get(joined+path, joinedClient)
		get(plain+path, plainClient)
		if n, most := writes.Load()-before, int64(1+len(body)>>16); n > most {
			t.Errorf("%s: got %d writes for %d bytes, want at most %d (an ordinary connection: %d)", query, n, len(body), most, plainWrites.Load()-plainBefore)
		}
	}
}

// Over plain HTTP, an answer of any size is the same whether it is joined or not, to GET and to HEAD.
func TestAnswersInOnePieceAreTheSame(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(unlimited))
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 1000)...)
	serve := func(join bool) *httptest.Server {
		hs := httptest.NewUnstartedServer(s.TAXII.Handler())
		if join {
			hs.Listener = s.TAXII.Listener(hs.Listener)
			hs.Config.ConnContext = server.ConnContext
		}
		hs.Start()
		t.Cleanup(hs.Close)
		return hs
	}
	joined, plain := serve(true), serve(false)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, query := range []string{"?limit=1", "?limit=4", "?limit=5", "?limit=6", "?limit=7", "?limit=8", "?limit=100", "?limit=1000", "?added_after=2099-01-01T00:00:00Z"} {
		path := accordtest.Path("gsp") + "objects/" + query
		for _, method := range []string{"GET", "HEAD", "GET"} {
			got, length := askOver(t, client, method, joined.URL+path)
			want, wantLength := askOver(t, client, method, plain.URL+path)
			if !bytes.Equal(got, want) || length != wantLength {
				t.Errorf("%s %s: got %d bytes and length %d, want the %d and %d of an ordinary connection", method, query, len(got), length, len(want), wantLength)
			}
		}
	}
}

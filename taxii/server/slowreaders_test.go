package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii/server"
)

// Clients that read their answers slowly, of whatever route, hold memory of their own party only, and nothing else that
// others need: every honest request is answered while they hold on.
func TestSlowReadersKeepNobodyOut(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{Memory: 64 << 20, AccountRate: 1e9}), accordtest.WithIndex())
	gsp := accordtest.Path("gsp")
	large := bytes.Replace(accordtest.Indicator(9999, 0), []byte(`"description":"`), []byte(`"description":"`+strings.Repeat("x", 6<<20)), 1)
	if a := s.Post("vendor", gsp, large); a.Status != 202 || strings.Contains(string(a.Body), "failures") {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	s.Post("vendor", gsp, accordtest.Indicators(0, 1000)...)
	paths := []string{
		gsp + "objects/?limit=100", gsp + "objects/" + accordtest.IndicatorID(9999) + "/", gsp + "manifest/",
		"/accord/v1/agreements/gsp/content/?entry=2", "/accord/v1/agreements/gsp/history/?limit=10000",
		"/accord/v1/agreements/gsp/entries/?limit=10000", "/accord/v1/agreements/gsp/deliveries/",
		"/accord/v1/search/?limit=10&content", "/accord/v1/stats/",
	}
	var begun sync.WaitGroup
	for n := range 6 * len(paths) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.(*net.TCPConn).SetReadBuffer(4 << 10) // or the system takes the answer for it
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth("vendor", accordtest.Password("vendor"))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n\r\n", paths[n%len(paths)], r.Header.Get("Authorization"))
		begun.Go(func() { io.ReadFull(conn, make([]byte, 1)) })
	}
	begun.Wait() // each is being answered, or refused
	for range 3 {
		for _, path := range paths {
			account := "agency"
			if strings.HasPrefix(path, "/accord/v1/agreements/gsp/entries/") {
				account = "root"
			}
			if a := s.Get(account, path); a.Status != 200 {
				t.Errorf("%s: got %d %.200s", path, a.Status, a.Body)
			}
		}
	}
}

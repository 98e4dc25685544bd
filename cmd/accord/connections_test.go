package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// An address with all its connections busy does not keep other addresses out.
func TestOneAddressKeepsNobodyElseOut(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args []string
		from string
		let  bool
	}{
		"another address":                {nil, "127.0.0.2", true},
		"the same address":               {nil, "127.0.0.1", false},
		"the same, when all are a proxy": {[]string{"--behind-proxy"}, "127.0.0.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			file, data := exchange(t)
			c := start(t, exchangeVars, serveArgs(data, append([]string{"--plain-http", "--apply", file, "--max-address-connections", "3"}, row.args...)...)...).serving()
			address := strings.TrimPrefix(c.URL, "http://")
			for range 3 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(accordtest.Patience))
				// A request in progress: the server asks for its body once it has begun.
				fmt.Fprintf(conn, "POST %sobjects/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic dmVuZG9yLXB1c2g6dmVuZG9yLXB1c2gtcGFzc3dvcmQ=\r\nContent-Type: %s\r\n"+
					"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n", gsp, taxii.MediaType)
				line := make([]byte, 12)
				if _, err := conn.Read(line); err != nil || string(line) != "HTTP/1.1 100" {
					t.Fatalf("got %q, %v, want 100 Continue", line, err)
				}
			}
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(row.from)}}
			client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
			resp, err := client.Get(c.URL + "/taxii2/")
			if err == nil {
				resp.Body.Close()
			}
			if (err == nil) != row.let {
				t.Errorf("got %v, want an answer: %v", err, row.let)
			}
		})
	}
}

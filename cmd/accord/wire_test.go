package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// T-016, T-021: net/http would answer a request about the whole server (OPTIONS *) by itself, to any caller and without
// a media type.
func TestOptionsOfTheWholeServerNeedCredentials(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	for _, row := range []struct {
		name, account string
		want          int
	}{
		{"without credentials", "", http.StatusUnauthorized},
		{"with credentials", "vendor-push", http.StatusNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(accordtest.Patience))
			login := &http.Request{Header: http.Header{}}
			if row.account != "" {
				login.SetBasicAuth(row.account, row.account+"-password")
			}
			fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n\r\n", login.Header.Get("Authorization"))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.Header.Get("Content-Type"); resp.StatusCode != row.want || got != taxii.MediaType {
				t.Errorf("OPTIONS *: got %d of type %q, want %d of type %q", resp.StatusCode, got, row.want, taxii.MediaType)
			}
		})
	}
	c.terminate()
}

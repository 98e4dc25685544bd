package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// What is no HTTP at all gets an error resource too (TAXII 2.1, section 3.6.1).
func TestWhatCannotBeReadIsAnsweredWithAnError(t *testing.T) {
	s := accordtest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: s.TAXII.Handler(), MaxHeaderBytes: 4 << 10}
	go hs.Serve(s.TAXII.Listener(l))
	t.Cleanup(func() { hs.Close() })
	for _, row := range []struct {
		name, request string
		status        int
		says          string
	}{
		{"a header that is too large", "GET /taxii2/ HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n", 431, "shorter"},
		{"a percent sign without digits", "GET /%zz/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "two hexadecimal digits"},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "RFC 9112"},
		{"no Host", "GET /taxii2/ HTTP/1.1\r\n\r\n", 400, "missing required Host header"},
		{"a name of a header with a space", "GET /taxii2/ HTTP/1.1\r\nHost: x\r\nbad name: 1\r\n\r\n", 400, ""},
		{"a version that is not spoken", "GET /taxii2/ HTTP/3.0\r\nHost: x\r\n\r\n", 505, "unsupported protocol version"},
		{"a transfer coding that is not known", "POST /taxii2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "transfer encoding"},
		{"an unknown expectation", "GET /taxii2/ HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417, "100-continue"},
		{"two lengths of a body", "POST /taxii2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(time.Minute))
			io.WriteString(conn, row.request)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			var e taxii.Error
			if err := json.Unmarshal(body, &e); err != nil || e.Title == "" || !strings.Contains(e.Description, row.says) {
				t.Errorf("got %s, want an error resource with %q", body, row.says)
			}
			if resp.StatusCode != row.status || e.HTTPStatus != fmt.Sprint(row.status) || !resp.Close {
				t.Errorf("got %s, http_status %s, close %v, want %d and the end of the connection", resp.Status, e.HTTPStatus, resp.Close, row.status)
			}
			if h := resp.Header; h.Get("Content-Type") != taxii.MediaType || h.Get("X-Request-Id") != e.ErrorID || e.ErrorID == "" {
				t.Errorf("got the header %v and the id %s", h, e.ErrorID)
			}
			if !strings.Contains(s.Log.String(), e.ErrorID) {
				t.Error("the log does not know the id")
			}
		})
	}
	// All else goes as it went.
	req, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/taxii2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(accordtest.Vendor, accordtest.Password(accordtest.Vendor))
	if resp := do(t, s, req); resp.StatusCode != http.StatusOK || resp.Close {
		t.Errorf("an ordinary request: got %s, close %v, want 200 on a connection that stays", resp.Status, resp.Close)
	}
}

// What looks like an error of net/http in an object's text is passed on as it is.
func TestAnObjectCannotPassForSuchAnError(t *testing.T) {
	s := accordtest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: s.TAXII.Handler()}
	go hs.Serve(s.TAXII.Listener(l))
	t.Cleanup(func() { hs.Close() })
	text := `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request`
	object := strings.Replace(string(accordtest.Indicator(1, 0)), `{`, `{"x_text":"`+strings.Repeat(text, 200)+`",`, 1)
	if got := s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), []byte(object)); got.Status != http.StatusAccepted {
		t.Fatalf("got %d %s, want 202", got.Status, got.Body)
	}
	req, err := http.NewRequest("GET", "http://"+l.Addr().String()+accordtest.Path(accordtest.Programme)+"objects/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(accordtest.Vendor, accordtest.Password(accordtest.Vendor))
	resp := do(t, s, req)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || strings.Count(string(body), text) != 200 {
		t.Errorf("got %d bytes with it %d times, %v, want the object as it was sent", len(body), strings.Count(string(body), text), err)
	}
}

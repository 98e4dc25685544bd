package admin_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/taxii/server"
)

// What an account may ask for counts wherever it asks.
func TestTheLimitsOfAnAccountHoldHereToo(t *testing.T) { // T-035
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{AccountRate: 2.0 / 3600}))
	path := admin.Prefix + "agreements/"
	if got := s.Get(accordtest.Agency, path); got.Status != http.StatusOK {
		t.Fatalf("the first request: got %d %s, want 200", got.Status, got.Body)
	}
	for _, path := range []string{path, "/taxii2/"} {
		got := s.Get(accordtest.Agency, path)
		wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
		if got.Status != http.StatusTooManyRequests || err != nil || wait < 1 || !strings.Contains(string(got.Body), `"http_status":"429"`) {
			t.Errorf("GET %s after it: got %d %v %s, want 429 with Retry-After", path, got.Status, got.Header, got.Body)
		}
	}
	if got := s.Get(accordtest.Vendor, path); got.Status != http.StatusOK {
		t.Errorf("another account: got %d, want 200", got.Status)
	}
	if log := s.Log.String(); !strings.Contains(log, `"path":"/accord/v1/agreements/","route":"","status":429`) || strings.Count(log, `"account":"agency"`) != 3 {
		t.Errorf("the log does not say whose requests they were:\n%s", log)
	}
}

func TestRequestsAtOnceAreBoundedHereToo(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{AccountRequests: 1}))
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		return conn, bufio.NewReader(conn)
	}
	// An operator's request is let in, and waits for its body: net/http says so once it is read.
	request, err := http.NewRequest("POST", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(accordtest.Operator, accordtest.Password(accordtest.Operator))
	slow, answers := dial()
	fmt.Fprintf(slow, "POST %sparties/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: 17\r\nExpect: 100-continue\r\n\r\n", admin.Prefix, request.Header.Get("Authorization"))
	if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v, want 100 Continue", line, err)
	}
	answers.ReadString('\n')
	if got := s.Get(accordtest.Operator, admin.Prefix+"parties/"); got.Status != http.StatusTooManyRequests || got.Header.Get("Retry-After") != "1" {
		t.Errorf("beside it: got %d %v, want 429 with Retry-After", got.Status, got.Header)
	}
	io.WriteString(slow, `{"name":"newone"}`)
	if resp, err := http.ReadResponse(answers, nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the slow one: got %v, %v, want 200", resp, err)
	}
	if got := s.Get(accordtest.Operator, admin.Prefix+"parties/"); got.Status != http.StatusOK {
		t.Errorf("afterwards: got %d, want 200", got.Status)
	}
}

// A body that is promised and never comes ends like any other that is slow.
func TestABodyIsNotWaitedForWithoutEnd(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{BodyTime: 200 * time.Millisecond}))
	request, err := http.NewRequest("POST", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(accordtest.Operator, accordtest.Password(accordtest.Operator))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST %sparties/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n", admin.Prefix, request.Header.Get("Authorization"))
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %v, %v, want 408", resp, err)
	}
}

// A page of another site has a browser send what a form can send, with the user's credentials.
func TestAPageOfAnotherSiteChangesNothing(t *testing.T) {
	s := accordtest.New(t)
	for _, row := range []struct {
		name, contentType string
		header            http.Header
		want              int
	}{
		{"a form", "application/x-www-form-urlencoded", nil, http.StatusUnsupportedMediaType},
		{"a form with JSON in it", "text/plain", nil, http.StatusUnsupportedMediaType},
		{"no type", "-", nil, http.StatusUnsupportedMediaType},
		{"a script of another site", "application/json", http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		{"one that an older browser sends", "application/json", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"a program", "application/json; charset=utf-8", nil, http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := s.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: admin.Prefix + "parties/",
				ContentType: row.contentType, Header: row.header, Body: []byte(`{"name":"intruder"}`)})
			if got.Status != row.want {
				t.Errorf("got %d %s, want %d", got.Status, got.Body, row.want)
			}
			if _, made := s.Store.Registry().Party("intruder"); made != (row.want == http.StatusOK) {
				t.Errorf("the party was made: %t", made)
			}
		})
	}
}

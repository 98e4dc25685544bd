package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       answer
		wrong      bool
	}{
		{"an answer with a body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-TAXII-Date-Added-Last: 2026-01-01T00:00:00.000000Z\r\n\r\nbody",
			answer{200, 4, "2026-01-01T00:00:00.000000Z"}, false},
		{"names of headers in any case, values without space", "HTTP/1.1 202 Accepted\r\ncontent-length:2\r\n\r\n{}", answer{202, 2, ""}, false},
		{"a refusal", "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", answer{429, 0, ""}, false},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", answer{204, 0, ""}, false},
		{"a body that ends too early", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", answer{}, true},
		{"a header that ends too early", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", answer{}, true},
		{"no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answer{}, true},
		{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", answer{}, true},
		{"no status line", "SSH-2.0-OpenSSH_9\r\n\r\n", answer{}, true},
		{"nothing", "", answer{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(row.text))
			got, err := skipAnswer(r)
			if (err != nil) != row.wrong {
				t.Fatalf("got the error %v, want one: %v", err, row.wrong)
			}
			if row.wrong {
				return
			}
			if got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
			if _, err := r.ReadByte(); err != io.EOF {
				t.Errorf("something of the answer is left")
			}
		})
	}
}

func TestDriveCountsAnswersOfEachConnection(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("X-TAXII-Date-Added-Last", "then")
		w.Write([]byte("1234"))
	}))
	defer s.Close()
	to := peer{address: s.Listener.Addr().String()}
	l, err := drive(t.Context(), to, 3, time.Minute, func(connection, n int, before answer) []byte {
		switch {
		case n == 0:
			return getRequest("/no")
		case n == 1 && before.status != 403 || n > 1 && (before.last != "then" || before.size != 4):
			t.Errorf("connection %d, request %d: got %+v before it", connection, n, before)
		case n > connection+1:
			return nil
		}
		return getRequest("/")
	})
	if err != nil {
		t.Fatal(err)
	}
	if l.answers != 6 || l.others != 3 || l.bytes != 24 || len(l.waits) != 6 || asked.Load() != 9 {
		t.Errorf("got %d answers, %d others, %d bytes, %d waits, want 6, 3, 24, 6", l.answers, l.others, l.bytes, len(l.waits))
	}
	if got := l.each; len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 3 {
		t.Errorf("got %v answers of each, want [1 2 3]", got)
	}
}

func TestDriveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel(gone)
		<-r.Context().Done()
	}))
	defer s.Close()
	if _, err := drive(ctx, peer{address: s.Listener.Addr().String()}, 2, time.Hour, always(getRequest("/"))); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
}

func TestQuantilesAreOfAllWaits(t *testing.T) {
	l := load{}
	if got := l.quantile(0.5); got != 0 {
		t.Errorf("of nothing: got %s, want 0", got)
	}
	for n := range 100 {
		l.waits = append(l.waits, time.Duration(n))
	}
	for part, want := range map[float64]time.Duration{0: 0, 0.5: 50, 0.99: 99, 1: 99} {
		if got := l.quantile(part); got != want {
			t.Errorf("quantile %v: got %d, want %d", part, got, want)
		}
	}
}

func TestWhatWrkPrintsIsRead(t *testing.T) {
	const said = `Running 1s test @ http://127.0.0.1:8080/
  2 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.00ms    1.00ms   9.00ms   90.00%
  12345 requests in 1.10s, 1.20GB read
EXTRARequests/sec:  11222.50
Transfer/sec:      1.09GB
`
	for _, row := range []struct {
		name, extra string
		wrong       bool
	}{
		{"all went well", "", false},
		{"answers that came late count when they come", "  Socket errors: connect 0, read 0, write 0, timeout 3\n", false},
		{"connections that broke spoil it", "  Socket errors: connect 0, read 2, write 0, timeout 0\n", true},
		{"refusals spoil it", "  Non-2xx or 3xx responses: 7\n", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			rate, answers, err := readWrk([]byte(strings.Replace(said, "EXTRA", row.extra, 1)))
			if (err != nil) != row.wrong {
				t.Fatalf("got the error %v, want one: %v", err, row.wrong)
			}
			if !row.wrong && (rate != 11222.5 || answers != 12345) {
				t.Errorf("got %v and %v, want 11222.5 and 12345", rate, answers)
			}
		})
	}
	if _, _, err := readWrk([]byte("unable to connect")); err == nil {
		t.Error("no rate: got no error")
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
)

// lines hands on what is written to it, line by line.
type lines struct {
	mu   sync.Mutex
	rest []byte
	each chan string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		l.each <- string(line)
		l.rest = append([]byte(nil), rest...)
	}
}

// watching runs accord watch until it ends.
func watching(t *testing.T, args ...string) (printed *lines, said *bytes.Buffer, code <-chan int) {
	t.Helper()
	printed, said = &lines{each: make(chan string, 1000)}, new(bytes.Buffer)
	ended := make(chan int, 1)
	ctx, cancel := context.WithTimeout(context.Background(), accordtest.Patience)
	t.Cleanup(cancel)
	go func() {
		ended <- run(ctx, append([]string{"watch", "--agreement", accordtest.Programme, "--user", accordtest.Agency}, args...), &env{
			stdin: strings.NewReader(""), stdout: printed, stderr: said, now: time.Now,
			getenv: func(name string) string {
				if name == "ACCORD_PASSWORD" {
					return accordtest.Password(accordtest.Agency)
				}
				return ""
			},
		})
	}()
	return printed, said, ended
}

// wantLine reads lines of --ndjson up to one about an object; events may come twice.
func wantLine(t *testing.T, printed *lines, event, object string) {
	t.Helper()
	for {
		select {
		case line := <-printed.each:
			var e struct {
				ID    uint64
				Event string
				Data  struct{ Object, Version string }
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == 0 {
				t.Fatalf("got the line %s: %v", line, err)
			}
			if e.Event == event && e.Data.Object == object {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("no %s of %s", event, object)
		}
	}
}

// A watch goes on where it was when its connection is broken, and ends when the agreement does.
func TestAWatchGoesOnAndEnds(t *testing.T) {
	s := accordtest.New(t)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	between := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1, ErrorLog: nil}
	proxy := httptest.NewServer(http.HandlerFunc(between.ServeHTTP))
	t.Cleanup(proxy.Close)

	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(0, 0))
	printed, said, code := watching(t, "--url", proxy.URL, "--after", "0", "--ndjson")
	wantLine(t, printed, "added", accordtest.IndicatorID(0))
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(1, 0))
	wantLine(t, printed, "added", accordtest.IndicatorID(1))

	proxy.CloseClientConnections()
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(2, 0))
	wantLine(t, printed, "added", accordtest.IndicatorID(2))

	s.Change(accordtest.Programme, "terminate", func(a *agreement.Agreement) {
		a.Terminated = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "for a test"}
	})
	if got := <-code; got != exitOK || !strings.Contains(said.String(), "was terminated") || !strings.Contains(said.String(), "connecting again") {
		t.Errorf("got the exit code %d and %s", got, said)
	}
}

// A command that fails ends the watch, which says where to go on: with the same event.
func TestAWatchRunsACommand(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(0, 0), accordtest.Indicator(1, 0))
	file := filepath.Join(t.TempDir(), "events")
	_, said, code := watching(t, "--url", s.URL, "--after", "0", "--exec", "cat >> "+file+"; test $ACCORD_EVENT = added && ! grep -q "+accordtest.IndicatorID(1)+" "+file)
	if got := <-code; got != exitFailed || !strings.Contains(said.String(), "--after") {
		t.Errorf("got the exit code %d and %s", got, said)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), `"event":"added"`) {
		t.Errorf("the command got %s %v, want two events", text, err)
	}
}

func TestAWatchThatCannotBegin(t *testing.T) {
	s := accordtest.New(t)
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"an agreement that is hidden": {[]string{"--url", s.URL, "--agreement", "nothing"}, "there is no agreement"},
		"a position of a later time":  {[]string{"--url", s.URL, "--after", "1000"}, "restored from a backup"},
		"a server that is away":       {[]string{"--url", "http://127.0.0.1:1"}, "refused"},
		"no position":                 {[]string{"--url", s.URL, "--after", "x"}, "expected a position"},
	} {
		t.Run(name, func(t *testing.T) {
			_, said, code := watching(t, row.args...)
			if got := <-code; got == exitOK || !strings.Contains(said.String(), row.want) {
				t.Errorf("got the exit code %d and %s, want %q", got, said, row.want)
			}
		})
	}
}

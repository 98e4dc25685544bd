package live_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/live"
)

// events serves the streams of an agreement to the agency by a service of its own.
func events(t *testing.T, s *accordtest.Server, c live.Config, change func(*httptest.Server)) (*live.Service, *httptest.Server) {
	t.Helper()
	c.Store = s.Store
	service := live.New(c)
	hs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := service.Serve(w, r, live.Reader{Caller: agreement.Caller{Account: accordtest.Agency, Party: accordtest.Agency}, Collection: s.Collection(accordtest.Programme)})
		var limit *live.LimitError
		switch {
		case errors.As(err, &limit):
			w.WriteHeader(http.StatusTooManyRequests)
		case err != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	change(hs)
	t.Cleanup(func() {
		service.Stop()
		hs.Close()
	})
	return service, hs
}

func TestStreamsAreBounded(t *testing.T) {
	s := accordtest.New(t)
	for name, row := range map[string]struct {
		limits live.Limits
		want   int
	}{
		"of an account":     {live.Limits{Account: 1}, 429},
		"of a party":        {live.Limits{Party: 1}, 429},
		"of a connection":   {live.Limits{Connection: 1}, 429},
		"of all the server": {live.Limits{Streams: 1, Party: 9, Account: 9}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			service, hs := events(t, s, live.Config{Limits: row.limits}, func(hs *httptest.Server) {
				hs.EnableHTTP2 = true
				hs.StartTLS()
			})
			newListener(t, open(t, hs.Client(), hs.URL, accordtest.Agency, accordtest.Programme, ""))
			if resp := open(t, hs.Client(), hs.URL, accordtest.Agency, accordtest.Programme, ""); resp.StatusCode != row.want {
				t.Errorf("a second stream: got %d, want %d", resp.StatusCode, row.want)
			}
			if n := service.Open(); n != 1 {
				t.Errorf("%d streams are open, want 1", n)
			}
		})
	}
}

// A stream outlives the time that the server gives an answer, over HTTP/1.1 and HTTP/2, and ends with the service.
func TestAStreamOutlivesTheWriteTimeout(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			s := accordtest.New(t)
			const timeout = 700 * time.Millisecond
			service, hs := events(t, s, live.Config{Heartbeat: timeout * 3 / 5}, func(hs *httptest.Server) {
				hs.EnableHTTP2 = proto == "HTTP/2.0"
				hs.Config.WriteTimeout = timeout
				hs.StartTLS()
			})
			l := newListener(t, open(t, hs.Client(), hs.URL, accordtest.Agency, accordtest.Programme, ""))
			if l.resp.Proto != proto {
				t.Fatalf("got %s", l.resp.Proto)
			}
			for range 2 {
				if e := l.any(); e.name != live.EventHeartbeat {
					t.Fatalf("got %s %s, want a heartbeat", e.name, e.text)
				}
			}
			s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(1, 0))
			l.want("added", accordtest.IndicatorID(1), accordtest.Modified(0))
			service.Stop()
			l.ends(live.Stopping)
			if resp := open(t, hs.Client(), hs.URL, accordtest.Agency, accordtest.Programme, ""); resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("after the end: got %d", resp.StatusCode)
			}
		})
	}
}

// A reader that does not read holds its stream no longer than a piece may take, and nothing is kept for it.
func TestAReaderThatDoesNotRead(t *testing.T) {
	s := accordtest.New(t)
	service, hs := events(t, s, live.Config{WriteTime: 50 * time.Millisecond}, (*httptest.Server).Start)
	var large [][]byte // more than sockets buffer
	for n := range 50 {
		large = append(large, bytes.Replace(accordtest.Indicator(n, 0), []byte("Version"), bytes.Repeat([]byte("long "), 100_000), 1))
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), large...)
	resp := open(t, hs.Client(), hs.URL, accordtest.Agency, accordtest.Programme, "after=0&content=1")
	for service.Open() > 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the stream goes on")
		}
	}
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the answer ended as if it were whole")
	}
}

// A server that stops ends its streams first: each reader is told, and the stop waits for none of them.
func TestAServerThatStopsEndsItsStreams(t *testing.T) {
	s := accordtest.New(t)
	l := listen(t, s, accordtest.Agency, accordtest.Programme, "")
	stopped := make(chan struct{})
	go func() {
		s.Stop()
		close(stopped)
	}()
	l.ends(live.Stopping)
	<-stopped
}

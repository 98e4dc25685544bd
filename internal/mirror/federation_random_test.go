package mirror_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
)

// line is the way from one server to another: it breaks, and leads wherever the server has come up again. What it is told to show in
// the server's place, it shows.
type line struct {
	*httptest.Server
	mu     sync.Mutex
	to     *url.URL                         // guarded by mu
	breaks func(path string) bool           // guarded by mu; nil: never
	shows  func(path string) ([]byte, bool) // guarded by mu; nil: what the server says
}

func newLine(t *testing.T) *line {
	l := &line{}
	proxy := &httputil.ReverseProxy{ErrorLog: nil, Rewrite: func(r *httputil.ProxyRequest) {
		l.mu.Lock()
		defer l.mu.Unlock()
		r.SetURL(l.to)
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.RequestURI()
		l.mu.Lock()
		broken := l.breaks != nil && l.breaks(path)
		var text []byte
		shown := false
		if l.shows != nil {
			text, shown = l.shows(path)
		}
		l.mu.Unlock()
		switch {
		case broken:
			panic(http.ErrAbortHandler)
		case shown:
			w.Write(text)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *line) lead(t *testing.T, to string) {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.to = u })
}

// side is one of two servers that follow each other.
type side struct {
	*accordtest.Server
	line  *line // to this server
	wrote int
}

// visit has a server's mirror visit, which may fail while the line is broken.
func (s *side) visit() { s.try("now") }

func (s *side) try(act string) accordtest.Answer {
	return s.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: "/accord/v1/mirrors/feed/" + act + "/"})
}

// contradiction is what a server has found out about the one that it follows, and about those that give it heads; "" if nothing.
func (s *side) contradiction(t *testing.T) string {
	t.Helper()
	for _, name := range []agreement.Name{"feed", accordtest.Programme} {
		for _, p := range peersOf(t, s.Server, name) {
			var broken *audit.HistoryError
			if _, err := audit.VerifyPeer(p, nil); errors.As(err, &broken) {
				return broken.Kind
			} else if err != nil {
				t.Fatalf("verify what %s keeps: %v", name, err)
			}
			for _, b := range p.Breaks {
				return b.Kind
			}
		}
	}
	return ""
}

// Two servers that follow each other, while both are written to, are started again, rotate their keys, and lose the connection at any
// request: neither ever accuses the other. When one shows another history than before, the other finds it, and goes on taking objects.
func TestForksAreFoundAndNothingElse(t *testing.T) {
	seeds, steps := uint64(3), 40
	if testing.Short() {
		seeds, steps = 1, 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 9))
			path := accordtest.Path(accordtest.Programme)
			sides := []*side{{Server: accordtest.New(t), line: newLine(t)}, {Server: accordtest.New(t), line: newLine(t)}}
			for i, s := range sides {
				s.line.lead(t, s.URL)
				other := sides[1-i]
				other.line.lead(t, other.URL)
				follow(t, s.Server, "feed", other.line.URL+path, accordtest.Agency, nil)
			}
			write := func(s *side) {
				n := 1 + r.IntN(4)
				s.Post(accordtest.Vendor, path, accordtest.Indicators(s.wrote, s.wrote+n)...)
				s.wrote += n
			}
			for step := range steps {
				s := sides[r.IntN(2)]
				switch n := r.IntN(20); {
				case n < 8:
					write(s)
				case n < 15:
					s.visit()
				case n < 17:
					s.Restart()
					s.line.lead(t, s.URL)
				case n == 17:
					if _, err := (audit.Source{Store: s.Store, Now: time.Now}).RotateKey(t.Context()); err != nil {
						t.Fatal(err)
					}
				default:
					every := 2 + r.IntN(4)
					asked := 0
					s.line.set(func() {
						s.line.breaks = func(string) bool { asked++; return asked%every == 0 }
						if r.IntN(2) == 0 {
							s.line.breaks = nil
						}
					})
				}
				for i, s := range sides {
					if kind := s.contradiction(t); kind != "" {
						t.Fatalf("step %d: server %d accuses the other of %s", step, i, kind)
					}
				}
			}
			for _, s := range sides {
				s.line.set(func() { s.line.breaks = nil })
				write(s)
			}
			for i, s := range sides {
				visitNow(t, s.Server, "feed")
				if got := s.held(t); got != sides[1-i].wrote {
					t.Errorf("server %d has %d versions of the other, want %d", i, got, sides[1-i].wrote)
				}
			}
			// One of them forks, or shows what it had long ago; the other finds it, and does not stop.
			forking, finding := sides[r.IntN(2)], sides[0]
			if forking == finding {
				finding = sides[1]
			}
			fork := accordtest.New(t)
			fork.Post(accordtest.Vendor, path, accordtest.Tool(0, 0))
			for n := range forking.wrote + 20 {
				fork.Post(accordtest.Vendor, path, accordtest.Tool(n, 1))
			}
			forged := forkedHead(t, forking.Server, fork)
			forking.line.set(func() { forking.line.shows = showing(forged, nil) })
			write(forking)
			visitNow(t, finding.Server, "feed")
			if kind := finding.contradiction(t); kind != audit.HistoryForked {
				t.Errorf("a fork: got %q, want %s", kind, audit.HistoryForked)
			}
			forking.line.set(func() { forking.line.shows = nil })
			visitNow(t, finding.Server, "feed")
			if kind := finding.contradiction(t); kind != audit.HistoryForked {
				t.Errorf("after the fork is shown no more: got %q, want that it is remembered", kind)
			}
			if got := finding.held(t); got != forking.wrote {
				t.Errorf("%d versions came, want %d", got, forking.wrote)
			}
			if kind := forking.contradiction(t); strings.HasPrefix(kind, audit.HistoryForked) {
				t.Errorf("the one that was forged accuses the other of %s", kind)
			}
		})
	}
}

// held counts the versions that a server's mirror has brought.
func (s *side) held(t *testing.T) (n int) {
	t.Helper()
	err := s.Collection("feed").Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(store.StoredVersion, []byte) bool {
			n++
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

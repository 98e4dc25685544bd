package accordtest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// Server is a server with the exchange of this package, listening on loopback.
type Server struct {
	URL    string // without a slash at its end
	Store  *store.Store
	TAXII  *server.Server
	Clock  *Clock
	Log    *Log // what the server logged, as JSON lines
	Client *http.Client

	dir string
	t   testing.TB
}

// Option changes how a Server is made.
type Option func(*setup)

type setup struct {
	config server.Config
	mounts map[string]http.Handler
	roots  []store.Root
}

// WithLimits bounds requests otherwise.
func WithLimits(l server.Limits) Option { return func(s *setup) { s.config.Limits = l } }

// WithDelivered sets Config.Delivered.
func WithDelivered(f func(server.Delivery)) Option {
	return func(s *setup) { s.config.Delivered = f }
}

// WithDelivering sets Config.Delivering.
func WithDelivering(f func(context.Context, server.Delivery) error) Option {
	return func(s *setup) { s.config.Delivering = f }
}

// WithMount mounts another room, as Server.Mount does.
func WithMount(prefix string, h http.Handler) Option {
	return func(s *setup) { s.mounts[prefix] = h }
}

// WithRoot replaces or adds an API root.
func WithRoot(r store.Root) Option { return func(s *setup) { s.roots = append(s.roots, r) } }

// New starts a Server that ends with the test.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{Clock: new(Clock), Log: new(Log), dir: t.TempDir(), t: t}
	opened, err := store.Open(s.dir, store.Options{})
	if err != nil {
		t.Fatalf("open the data folder: %v", err)
	}
	s.Store = opened
	t.Cleanup(s.close)

	set := setup{mounts: map[string]http.Handler{}, config: server.Config{
		Store: opened,
		Auth:  auth.New(auth.Current(func() auth.Directory { return opened.Registry() }), auth.Options{}),
		Now:   s.Clock.Now,
		Log:   zerolog.New(s.Log).Level(zerolog.DebugLevel),
	}}
	for _, o := range options {
		o(&set)
	}
	s.populate(set.roots)
	if s.TAXII, err = server.New(set.config); err != nil {
		t.Fatalf("make the server: %v", err)
	}
	for prefix, h := range set.mounts {
		s.TAXII.Mount(prefix, h)
	}
	listening := httptest.NewServer(s.TAXII.Handler())
	t.Cleanup(listening.Close)
	s.URL, s.Client = listening.URL, listening.Client()
	s.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// close checks every agreement's file and closes them.
func (s *Server) close() {
	for _, col := range s.Store.Collections() {
		faults, err := col.Check(context.Background())
		if err != nil {
			s.t.Errorf("check %s: %v", col.Agreement().Name, err)
		}
		for _, fault := range faults {
			s.t.Errorf("check %s: %s", col.Agreement().Name, fault)
		}
	}
	if err := s.Store.Close(); err != nil {
		s.t.Errorf("close the data folder: %v", err)
	}
}

// Collection is the open collection of an agreement.
func (s *Server) Collection(name agreement.Name) *store.Collection {
	s.t.Helper()
	col, ok := s.Store.Collection(name)
	if !ok {
		s.t.Fatalf("no agreement %s", name)
	}
	return col
}

// Change puts changed terms of an agreement in force, as an operator would.
func (s *Server) Change(name agreement.Name, act string, change func(*agreement.Agreement)) {
	s.t.Helper()
	col := s.Collection(name)
	terms := col.Agreement().Clone()
	change(terms)
	_, err := col.Append(context.Background(), store.Batch{
		Actor:   store.Actor{Account: Operator},
		Changes: []store.Change{{Terms: &store.TermsChange{Agreement: terms, Act: act, Reason: "for a test"}}},
	})
	if err != nil {
		s.t.Fatalf("%s %s: %v", act, name, err)
	}
}

// Clock tells the real time until it is set.
type Clock struct {
	mu  sync.Mutex
	set time.Time
}

// Now is the time it was set to, or the real one.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set.IsZero() {
		return time.Now()
	}
	return c.set
}

// Set stops the clock at a moment; the zero time lets it run again.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = t
}

// mostLog is what a Log keeps; then it begins anew.
const mostLog = 16 << 20

// Log collects what a server logs.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() > mostLog {
		l.text.Reset() // a benchmark, which would measure how memory grows
	}
	return l.text.Write(b)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

package accordtest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// Server is a server with the exchange of this package, listening on loopback.
type Server struct {
	serve.Running // URL, Store, TAXII and the like

	Clock  *Clock
	Log    *Log // what the server logged, as JSON lines
	Client *http.Client

	dir    string
	config serve.Config
	stop   func()
	t      testing.TB
}

// Stop stops the server, which the end of the test does otherwise.
func (s *Server) Stop() { s.stop() }

// Restart stops the server and serves its folder again, at another address.
func (s *Server) Restart() {
	s.t.Helper()
	s.stop()
	s.Running, s.stop = Serve(s.t, s.config)
}

// Option changes how a Server is made.
type Option func(*setup)

type setup struct {
	config server.Config
	mounts map[string]http.Handler
	roots  []store.Root

	changes []func(*server.Config)
	serving []func(*serve.Config)
	index   bool
}

// WithLimits sets other limits on requests.
func WithLimits(l server.Limits) Option { return func(s *setup) { s.config.Limits = l } }

// WithConfig changes the configuration of the TAXII server.
func WithConfig(change func(*server.Config)) Option {
	return func(s *setup) { s.changes = append(s.changes, change) }
}

// WithServe changes the configuration of the whole server.
func WithServe(change func(*serve.Config)) Option {
	return func(s *setup) { s.serving = append(s.serving, change) }
}

// WithDelivered calls f with each page of objects that was sent completely, in place of the server's own record.
func WithDelivered(f func(server.Delivery)) Option {
	return WithDelivering(func(_ context.Context, d server.Delivery) (func(bool), error) {
		return func(whole bool) {
			if whole {
				f(d)
			}
		}, nil
	})
}

// WithDelivering sets Config.Delivering in place of the server's own.
func WithDelivering(f func(context.Context, server.Delivery) (func(whole bool), error)) Option {
	return func(s *setup) { s.config.Delivering = f }
}

// WithMount mounts another handler, as Server.Mount does.
func WithMount(prefix string, h http.Handler) Option {
	return func(s *setup) { s.mounts[prefix] = h }
}

// WithRoot replaces or adds an API root.
func WithRoot(r store.Root) Option { return func(s *setup) { s.roots = append(s.roots, r) } }

// WithIndex keeps a search index, which tests do not have by default.
func WithIndex() Option { return func(s *setup) { s.index = true } }

// New starts a Server that ends with the test.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{Clock: new(Clock), Log: new(Log), dir: t.TempDir(), t: t}
	set := setup{mounts: map[string]http.Handler{}}
	for _, o := range options {
		o(&set)
	}
	config := Config(s.dir)
	config.Now, config.Log = s.Clock.Now, zerolog.New(s.Log).Level(zerolog.DebugLevel)
	config.NoIndex = !set.index
	config.Prepare = func(ctx context.Context, st *store.Store, _ *admin.Service) error {
		return populate(ctx, st, set.roots)
	}
	config.TAXII = func(c *server.Config) {
		c.Limits = set.config.Limits
		if set.config.Delivering != nil {
			c.Delivering = set.config.Delivering
		}
		for _, change := range set.changes {
			change(c)
		}
	}
	for _, change := range set.serving {
		change(&config)
	}
	s.Running, s.stop = Serve(t, config)
	config.Prepare = nil
	s.config = config
	for prefix, h := range set.mounts {
		s.TAXII.Mount(prefix, h)
	}
	t.Cleanup(s.check) // before the server stops
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.Client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// check checks every agreement's file.
func (s *Server) check() {
	for _, col := range s.Store.Collections() {
		faults, err := col.Check(context.Background())
		if errors.Is(err, store.ErrClosed) {
			continue // the test stopped the server
		}
		if err != nil {
			s.t.Errorf("check %s: %v", col.Agreement().Name, err)
		}
		for _, fault := range faults {
			s.t.Errorf("check %s: %s", col.Agreement().Name, fault)
		}
	}
}

// Collection returns the open collection of an agreement.
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

// Clock returns the real time until it is set.
type Clock struct {
	mu  sync.Mutex
	set time.Time
}

// Now returns the time it was set to, or the real time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set.IsZero() {
		return time.Now()
	}
	return c.set
}

// Set stops the clock at a time. The zero time makes it run again.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = t
}

// mostLog is the size at which a Log is emptied.
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

// String returns all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

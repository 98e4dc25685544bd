package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// Config is what a Manager works with. Store is required.
type Config struct {
	Store      *store.Store
	Deliveries *delivery.Log
	Now        func() time.Time // default time.Now
	Failed     func(error)
}

// How long an outbox rests after a failure; each further one in a row doubles it.
const (
	firstRest  = 2 * time.Second
	mostRest   = time.Hour
	mostAtOnce = 4
)

// Manager pushes from the outboxes of a store.
type Manager struct {
	config Config
	turns  chan struct{} // capacity is how many push at once

	mu      sync.Mutex
	runners map[agreement.Name]*runner // guarded by mu
}

// New returns a Manager.
func New(c Config) *Manager {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	return &Manager{config: c, turns: make(chan struct{}, mostAtOnce), runners: map[agreement.Name]*runner{}}
}

// Outcome is how pushing from an outbox went last.
type Outcome struct {
	Done     time.Time // when the queue was last empty; zero: not since the server started
	Failing  time.Time // since when it fails
	Failures int       // in a row
	Fault    string
	Error    string
	Advice   string
}

// runner pushes from one outbox.
type runner struct {
	manager *Manager
	col     *store.Collection
	cancel  context.CancelFunc
	wake    chan struct{} // capacity 1
	again   atomic.Bool   // try again at once

	mu      sync.Mutex
	outcome Outcome // guarded by mu

	// Used by the runner's goroutine alone.
	client *taxii.Client
	terms  *agreement.Push
	secret string
	close  func()
}

func (r *runner) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run pushes until ctx ends, with a goroutine for each agreement. It may be called again after it has returned.
func (m *Manager) Run(ctx context.Context) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		clear(m.runners)
	}()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		version := m.config.Store.Version()
		m.mu.Lock()
		for _, col := range m.config.Store.Collections() {
			name := col.Agreement().Name
			r := m.runners[name]
			if r == nil || r.col != col { // it is new, or its file was replaced
				if r != nil {
					r.cancel()
				}
				of, cancel := context.WithCancel(ctx)
				r = &runner{manager: m, col: col, cancel: cancel, wake: make(chan struct{}, 1), close: func() {}}
				m.runners[name] = r
				group.Go(func() { r.run(of) })
				group.Go(func() { r.followJournal(of) })
			}
			r.notify()
		}
		m.mu.Unlock()
		if err := m.config.Store.Wait(ctx, version); err != nil {
			return
		}
	}
}

// followJournal wakes the runner of an outbox whenever its journal grows.
func (r *runner) followJournal(ctx context.Context) {
	for {
		stats, err := r.col.Stats()
		if err != nil {
			return
		}
		r.notify()
		if r.col.Wait(ctx, journal.Position(stats.Entries)) != nil {
			return
		}
	}
}

func (r *runner) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() { r.close() }()
	var rest time.Time // until then, after a failure
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		terms := r.col.Agreement().Push
		if terms == nil {
			continue
		}
		if left := time.Until(rest); left > 0 && r.same(terms) && !r.again.Load() {
			timer.Reset(left)
			continue
		}
		r.again.Store(false)
		err := r.push(ctx, terms)
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		rest = time.Time{}
		if wait := r.finished(err); wait > 0 {
			rest = time.Now().Add(wait)
			timer.Reset(wait)
		}
	}
}

// same reports whether the terms, and the secret for them, are those that failed.
func (r *runner) same(terms *agreement.Push) bool {
	return r.terms != nil && terms.Equal(r.terms) && r.secretOf(terms) == r.secret
}

func (r *runner) secretOf(terms *agreement.Push) string {
	secret, _ := r.manager.config.Store.Registry().Credential(store.CredentialName(r.col.Agreement().Name, "push", terms.URL))
	return secret
}

// push pushes everything that waits, in the runner's turn.
func (r *runner) push(ctx context.Context, terms *agreement.Push) error {
	m := r.manager
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.client == nil || !r.same(terms) {
		r.close()
		r.client, r.close = nil, func() {}
		r.terms, r.secret = terms, r.secretOf(terms)
		client, closer, err := connect(&terms.Remote, r.secret)
		if err != nil {
			return err
		}
		r.client, r.close = client, closer
	}
	p := &pusher{col: r.col, terms: terms, client: r.client, deliveries: m.config.Deliveries, now: m.config.Now, step: func(string) {}}
	return p.run(ctx)
}

// connect returns a client of a remote server.
func connect(r *agreement.Remote, secret string) (*taxii.Client, func(), error) {
	client, err := mirror.HTTP(r, secret)
	if err != nil {
		return nil, nil, err
	}
	c, err := taxii.NewClient(taxii.ClientOptions{HTTP: client, UserAgent: "accord-push", Retries: 2, MaxWait: 30 * time.Second})
	return c, client.CloseIdleConnections, err
}

// finished notes how pushing went, and returns how long to rest.
func (r *runner) finished(err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, now := &r.outcome, r.manager.config.Now()
	if err == nil {
		*o = Outcome{Done: now}
		return 0
	}
	if errors.Is(err, store.ErrStale) {
		return time.Second // it was told to try again
	}
	if o.Failures++; o.Failures == 1 {
		o.Failing = now
		r.manager.config.Failed(fmt.Errorf("push from %s: %w", r.col.Agreement().Name, err))
	}
	o.Fault, o.Advice = faultOf(err)
	o.Error = short(err.Error())
	wait := min(firstRest<<min(o.Failures-1, 20), mostRest)
	return wait - rand.N(wait/5+1)
}

// Outcome returns how pushing from an outbox went last.
func (m *Manager) Outcome(name agreement.Name) Outcome {
	m.mu.Lock()
	r := m.runners[name]
	m.mu.Unlock()
	if r == nil {
		return Outcome{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome
}

// Notify has an outbox tried again at once.
func (m *Manager) Notify(name agreement.Name) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.runners[name]; r != nil {
		r.again.Store(true)
		r.notify()
	}
}

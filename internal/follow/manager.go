package follow

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Config is what a Manager is made of. Store is required; zero values are the defaults.
type Config struct {
	Store *store.Store
	Now   func() time.Time // default time.Now
	Log   zerolog.Logger   // silent unless set

	// Requests is how many requests have been answered, in all: while that grows, releases go easy, as Pace says. Without
	// it they never do.
	Requests func() uint64

	BatchEntries int // entries of a source that make one transaction, at most; default 500
	BatchBytes   int // bytes of objects in one transaction; default 2 MiB
	AtOnce       int // targets that are written at the same moment; default half the processors
}

// Manager runs the releases into all agreements of a store.
type Manager struct {
	store *store.Store
	now   func() time.Time
	log   zerolog.Logger

	batchEntries, batchBytes int
	pace                     *Pace

	turns  chan struct{} // one token a target that may work at the same moment
	chunks chunks

	mu     sync.Mutex
	bells  map[uuid.UUID]bell // guarded by mu; by target
	places map[string][]byte  // guarded by mu: how far taking back has come, by flow

	// seen is up to where a target's own journal has been looked at, by flow; guarded by mu.
	seen map[string]journal.Position

	targets map[uuid.UUID]*target // guarded by mu
	working int                   // guarded by mu: steps in progress
}

// target serialises what is released into one agreement.
type target struct{ sync.Mutex }

// New makes a Manager.
func New(c Config) *Manager {
	m := &Manager{
		store: c.Store, now: c.Now, log: c.Log, batchEntries: c.BatchEntries, batchBytes: c.BatchBytes, pace: NewPace(c.Requests),
		bells: make(map[uuid.UUID]bell), places: make(map[string][]byte), seen: make(map[string]journal.Position), targets: make(map[uuid.UUID]*target),
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.batchEntries == 0 {
		m.batchEntries = 500
	}
	if m.batchBytes == 0 {
		m.batchBytes = 2 << 20
	}
	atOnce := c.AtOnce
	if atOnce == 0 {
		atOnce = max(1, runtime.GOMAXPROCS(0)/2)
	}
	m.turns = make(chan struct{}, atOnce)
	return m
}

// enter waits for a turn: releases leave the other processors to those who read and write.
func (m *Manager) enter(ctx context.Context) error {
	select {
	case m.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Manager) leave() { <-m.turns }

// place is how far taking everything back has come in a target; nil at the beginning. It is lost in a crash: then the
// walk begins again and finds less.
func (m *Manager) place(f flow) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.places[f.key()]
}

func (m *Manager) remember(f flow, place []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := f.key()
	if place == nil {
		delete(m.places, key)
		return
	}
	m.places[key] = bytes.Clone(place)
}

func (f flow) key() string { return f.target.ID().String() + f.name }

func (m *Manager) see(f flow, p journal.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[f.key()] = p
}

func (m *Manager) seenOf(f flow) (p journal.Position, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, known = m.seen[f.key()]
	return p, known
}

// Settle brings every target up to date and returns when nothing is left to do: for tests, and for commands that work
// without a server. Only one of Settle and Run is used.
func (m *Manager) Settle(ctx context.Context) error {
	for busy := true; busy; {
		busy = false
		for _, col := range m.store.Collections() {
			done, err := m.advance(ctx, col)
			if err != nil {
				return err
			}
			busy = busy || done
		}
	}
	m.chunks.forget()
	return nil
}

// advance does all that is to be done in one target now, and says whether anything was.
func (m *Manager) advance(ctx context.Context, col *store.Collection) (did bool, err error) {
	t := m.targetOf(col)
	t.Lock()
	defer t.Unlock()
	m.begin()
	defer m.end()
	flows, err := flowsInto(m.store, col)
	if err != nil {
		return false, err
	}
	var errs []error // one source that is damaged does not keep the others away
	for _, f := range flows {
		before := col.Commits()
		for more := true; more; {
			if more, err = m.step(ctx, f); err != nil {
				errs = append(errs, err)
				break
			}
			f = f.current()
		}
		did = did || col.Commits() != before
	}
	return did, errors.Join(errs...)
}

// current is a flow under the terms as they are now.
func (f flow) current() flow {
	f.rule, f.ruled = f.source.Agreement().ReleaseTo(f.target.Agreement().Name)
	if !f.ruled {
		f.rule = agreement.Release{To: f.target.Agreement().Name}
	}
	return f
}

func (m *Manager) targetOf(col *store.Collection) *target {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.targets[col.ID()]
	if t == nil {
		t = new(target)
		m.targets[col.ID()] = t
	}
	return t
}

func (m *Manager) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.working++
}

// end drops parsed objects when nobody is left to use them.
func (m *Manager) end() {
	m.mu.Lock()
	m.working--
	idle := m.working == 0
	m.mu.Unlock()
	if idle {
		m.chunks.forget()
	}
}

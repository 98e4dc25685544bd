package follow

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Config configures a Manager. Store is required; zero values are the defaults.
type Config struct {
	Store *store.Store
	Now   func() time.Time // default time.Now
	Log   zerolog.Logger   // silent unless set

	// Requests returns how many requests have been answered since the start. While it grows, releases are paced; see Pace.
	// If it is nil, they never are.
	Requests func() uint64

	BatchEntries int // most entries of a source in one transaction; default 500
	BatchBytes   int // most bytes of objects in one transaction; default 2 MiB
	AtOnce       int // targets written at the same time; default half the processors
}

// Manager runs the releases into all agreements of a store.
type Manager struct {
	store *store.Store
	now   func() time.Time
	log   zerolog.Logger

	batchEntries, batchBytes int
	pace                     *Pace

	slots      chan struct{} // worker slots: one token per target being worked on
	chunkCache chunkCache

	mu     sync.Mutex
	wake   map[uuid.UUID]wakeChannel // guarded by mu; by target
	places map[string][]byte         // guarded by mu: how far a withdrawal of everything has come, by route

	// seen is the position up to which a target's own journal has been examined, by route; guarded by mu.
	seen map[string]journal.Position

	locks   map[uuid.UUID]*sync.Mutex // guarded by mu; serialises what is released into one target
	lost    map[string][]lost         // guarded by mu: additions that a target did not take, by route, until they are recorded
	working int                       // guarded by mu: steps in progress
}

// New returns a Manager.
func New(c Config) *Manager {
	m := &Manager{
		store: c.Store, now: c.Now, log: c.Log, batchEntries: c.BatchEntries, batchBytes: c.BatchBytes, pace: NewPace(c.Requests),
		wake: make(map[uuid.UUID]wakeChannel), places: make(map[string][]byte), seen: make(map[string]journal.Position), lost: make(map[string][]lost), locks: make(map[uuid.UUID]*sync.Mutex),
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
	m.slots = make(chan struct{}, atOnce)
	return m
}

// acquireSlot waits for a worker slot: releases leave the other processors to readers and writers.
func (m *Manager) acquireSlot(ctx context.Context) error {
	select {
	case m.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Manager) releaseSlot() { <-m.slots }

// place returns how far a withdrawal of everything has come in a target; nil at the start. A crash loses it: then the walk
// starts again and finds less to do.
func (m *Manager) place(r route) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.places[r.key()]
}

func (m *Manager) remember(r route, place []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := r.key()
	if place == nil {
		delete(m.places, key)
		return
	}
	m.places[key] = bytes.Clone(place)
}

func (r route) key() string { return r.target.ID().String() + r.name }

// lose keeps additions that a target did not take for the next batch to record.
func (m *Manager) lose(r route, list []lost) {
	if len(list) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost[r.key()] = append(m.lost[r.key()], list...)
}

func (m *Manager) takeLost(r route) []lost {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.lost[r.key()]
	delete(m.lost, r.key())
	return list
}

// forgetTarget forgets how far a target's own journal was examined: its file was replaced by another node's.
func (m *Manager) forgetTarget(target uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	into := func(key string) bool { return strings.HasPrefix(key, target.String()) }
	maps.DeleteFunc(m.places, func(key string, _ []byte) bool { return into(key) })
	maps.DeleteFunc(m.seen, func(key string, _ journal.Position) bool { return into(key) })
	maps.DeleteFunc(m.lost, func(key string, _ []lost) bool { return into(key) })
}

func (m *Manager) setSeen(r route, p journal.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[r.key()] = p
}

func (m *Manager) seenOf(r route) (p journal.Position, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, known = m.seen[r.key()]
	return p, known
}

// Settle brings every target up to date and returns when nothing is left to do. It is for tests and for commands that run
// without a server; Settle and Run must not run at the same time.
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
	m.chunkCache.forget()
	return nil
}

// advance does everything that is due in one target and reports whether it changed anything.
func (m *Manager) advance(ctx context.Context, col *store.Collection) (did bool, err error) {
	lock := m.lockOf(col)
	lock.Lock()
	defer lock.Unlock()
	m.begin()
	defer m.end()
	routes, err := routesInto(m.store, col)
	if err != nil {
		return false, err
	}
	var errs []error // a damaged source does not stop the others
	for len(routes) > 0 {
		// One step of each in turn: a long release does not keep the withdrawals of others waiting.
		routes = slices.DeleteFunc(routes, func(r route) bool {
			before := col.Commits()
			more, err := m.step(ctx, r.current())
			if err != nil {
				errs = append(errs, err)
			}
			did = did || col.Commits() != before
			return !more
		})
	}
	return did, errors.Join(errs...)
}

// current returns the route under the present terms.
func (r route) current() route {
	if r.forward != nil {
		rule, ok := r.target.Agreement().ReleaseTo(r.source.Agreement().Name)
		if !ok {
			rule = agreement.Release{To: r.source.Agreement().Name}
		}
		return feedbackInto(r.target, r.source, rule)
	}
	r.rule, r.ruled = r.source.Agreement().ReleaseTo(r.target.Agreement().Name)
	if !r.ruled {
		r.rule = agreement.Release{To: r.target.Agreement().Name}
	}
	return r
}

func (m *Manager) lockOf(target *store.Collection) *sync.Mutex {
	m.mu.Lock()
	defer m.mu.Unlock()
	lock := m.locks[target.ID()]
	if lock == nil {
		lock = new(sync.Mutex)
		m.locks[target.ID()] = lock
	}
	return lock
}

func (m *Manager) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.working++
}

// end drops the parsed objects once no target uses them.
func (m *Manager) end() {
	m.mu.Lock()
	m.working--
	idle := m.working == 0
	m.mu.Unlock()
	if idle {
		m.chunkCache.forget()
	}
}

package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// tick is how often a hub looks whether its agreement's term has begun or ended, or credentials of a stream have.
const tick = 200 * time.Millisecond

// hub wakes the streams of one agreement: when its journal has grown, when accounts or anything else that is registered has
// changed, and when its term has begun or ended, or credentials have. It lives as long as it has a stream.
type hub struct {
	col    *store.Collection
	store  *store.Store
	now    func() time.Time
	pace   *pace
	users  atomic.Int64 // changed under Service.mu
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{}           // guarded by mu; closed and replaced at each change
	steps   map[stepKey]*sharedStep // guarded by mu
	expires time.Time               // guarded by mu; when credentials of a stream end first; zero: never
}

// join returns the hub of a collection; leave must be called when the stream ends.
func (s *Service) join(col *store.Collection) (h *hub, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h = s.hubs[col.ID()]
	if h == nil || h.col != col { // none has a stream, or those that have are about to end: the file was replaced
		ctx, cancel := context.WithCancel(context.Background())
		h = &hub{col: col, store: s.config.Store, now: s.config.Now, pace: s.pace, cancel: cancel, changed: make(chan struct{})}
		h.group.Go(func() { h.followJournal(ctx) })
		h.group.Go(func() { h.followRegistry(ctx) })
		h.group.Go(func() { h.followTerm(ctx) })
		s.hubs[col.ID()] = h
	}
	h.users.Add(1)
	return h, func() { s.leave(col.ID(), h) }
}

// leave ends a hub with its last stream, and waits for its goroutines.
func (s *Service) leave(id uuid.UUID, h *hub) {
	s.mu.Lock()
	last := h.users.Add(-1) == 0
	if last && s.hubs[id] == h {
		delete(s.hubs, id)
	}
	s.mu.Unlock()
	if last {
		h.cancel()
		h.group.Wait()
	}
}

// change returns a channel that is closed at the next change.
func (h *hub) change() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.changed)
	h.changed = make(chan struct{})
	h.forget()
}

// expire has the streams woken when credentials end.
func (h *hub) expire(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !at.IsZero() && (h.expires.IsZero() || at.Before(h.expires)) {
		h.expires = at
	}
}

// expired reports whether credentials of a stream have ended, once.
func (h *hub) expired(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.expires.IsZero() || now.Before(h.expires) {
		return false
	}
	h.expires = time.Time{} // the streams that go on say when theirs end
	return true
}

func (h *hub) followJournal(ctx context.Context) {
	for {
		stats, err := h.col.Stats()
		h.pace.grew()
		h.wake()
		if err != nil || h.col.Wait(ctx, journal.Position(stats.Entries)) != nil {
			h.wake() // the streams read on, and find the same error
			return
		}
	}
}

func (h *hub) followRegistry(ctx context.Context) {
	for {
		version := h.store.Version()
		h.wake()
		if h.store.Wait(ctx, version) != nil {
			return
		}
	}
}

func (h *hub) followTerm(ctx context.Context) {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for state := h.col.Agreement().State(h.now()); ; {
		select {
		case <-clock.C:
		case <-ctx.Done():
			return
		}
		if now := h.col.Agreement().State(h.now()); now != state || h.expired(h.now()) {
			state = now
			h.wake()
		}
	}
}

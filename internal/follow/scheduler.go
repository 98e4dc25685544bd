package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A wakeChannel wakes the goroutine of a target.
type wakeChannel chan struct{}

func (b wakeChannel) notify() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Run releases until ctx ends, with one goroutine per target so that each target is written in one order. It sleeps until
// a journal grows, an agreement is created, or a term begins or ends.
func (m *Manager) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	works := make(map[uuid.UUID]*targetWork)
	for {
		version := m.store.Version()
		for _, col := range m.store.Collections() {
			before := works[col.ID()]
			if before != nil {
				if before.col == col {
					continue
				}
				before.end() // its file was replaced
				m.forgetTarget(col.ID())
			}
			of, cancel := context.WithCancel(ctx)
			now := &targetWork{col: col, cancel: cancel}
			works[col.ID()] = now
			b := m.wakeOf(col.ID())
			b.notify()
			now.group.Go(func() { m.serve(of, col, b) })
			now.group.Go(func() { m.watchJournal(of, col) })
			group.Go(now.group.Wait)
		}
		// A new agreement may be the target of an old one whose journal does not grow.
		if err := m.store.Wait(ctx, version); err != nil {
			return nil
		}
		m.notifyAll()
	}
}

// targetWork is a collection, with the goroutines that work for it.
type targetWork struct {
	col    *store.Collection
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// end ends the goroutines. Two for one target would take each other's wake-ups.
func (w *targetWork) end() {
	w.cancel()
	w.group.Wait()
}

func (m *Manager) wakeOf(target uuid.UUID) wakeChannel {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.wake[target]
	if b == nil {
		b = make(wakeChannel, 1)
		m.wake[target] = b
	}
	return b
}

func (m *Manager) notifyAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.wake {
		b.notify()
	}
}

// watchJournal wakes a collection's own goroutine and those of its targets whenever its journal grows.
func (m *Manager) watchJournal(ctx context.Context, col *store.Collection) {
	var p journal.Position
	to := m.targetsOf(col)
	for {
		if err := col.Wait(ctx, p); err != nil {
			return
		}
		stats, err := col.Stats()
		if err != nil {
			return
		}
		p = journal.Position(stats.Entries)
		now := m.targetsOf(col)
		m.wakeOf(col.ID()).notify()
		for id := range now {
			m.wakeOf(id).notify()
		}
		for id := range to { // targets that the new terms may leave out
			m.wakeOf(id).notify()
		}
		to = now
	}
}

func (m *Manager) targetsOf(col *store.Collection) map[uuid.UUID]bool {
	ids := make(map[uuid.UUID]bool)
	for _, rule := range col.Agreement().Release {
		if target, ok := m.store.Collection(rule.To); ok {
			ids[target.ID()] = true
		}
	}
	for _, source := range m.store.Collections() { // feedback on what they released to it goes back
		if rule, ok := source.Agreement().ReleaseTo(col.Agreement().Name); ok && rule.Feedback != nil {
			ids[source.ID()] = true
		}
	}
	return ids
}

// How long a target pauses after an error; each further error in a row doubles it.
const (
	firstRest = time.Second
	mostRest  = time.Minute
)

// serve runs the releases into one target.
func (m *Manager) serve(ctx context.Context, col *store.Collection, b wakeChannel) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	rest := firstRest
	for {
		select {
		case <-ctx.Done():
			return
		case <-b:
		case <-timer.C:
		}
		_, err := m.advance(ctx, col)
		if err == nil {
			rest = firstRest
			m.sleep(timer, col)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, store.ErrClosed) { // the server stops, or the file of one of the agreements is being replaced
			timer.Reset(firstRest)
			continue
		}
		m.log.Error().Str("target", string(col.Agreement().Name)).Err(err).Dur("again_in", rest).Msg("release failed")
		timer.Reset(rest)
		rest = min(2*rest, mostRest)
	}
}

// sleep sets the timer to the next moment at which a term begins or ends that concerns a target.
func (m *Manager) sleep(timer *time.Timer, col *store.Collection) {
	routes, err := routesInto(m.store, col)
	if err != nil || len(routes) == 0 {
		timer.Stop()
		return
	}
	now := m.now()
	next := col.Agreement().NextChange(now)
	for _, r := range routes {
		for _, t := range []time.Time{r.source.Agreement().NextChange(now), r.nextDate()} {
			if !t.IsZero() && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	if next.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(min(next.Sub(now)+time.Millisecond, longestSleep))
}

// longestSleep bounds how long a target sleeps while something waits for a time: clocks may be set.
const longestSleep = time.Minute

// nextDate returns the next moment that a marking, an embargo or an expiry waits for; zero if there is none.
func (r route) nextDate() (next time.Time) {
	err := r.target.Snapshot(func(target *store.Snapshot) error {
		m := newState(target, r.name)
		for _, prefix := range []string{prefixTime, prefixEmbargo, prefixExpiry} {
			if word, ok := m.first(prefix); ok {
				if at, _ := parseTimeWord(word); next.IsZero() || at.Before(next) {
					next = at
				}
			}
		}
		return nil
	})
	if err != nil {
		return time.Time{} // the next step reports it
	}
	return next
}

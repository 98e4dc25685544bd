package follow

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// bell wakes the goroutine of a target.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Run releases until ctx ends: one goroutine a target, so that what is written to a target is written in one order. It
// sleeps until a journal grows, an agreement is made, or a term begins or ends.
func (m *Manager) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	known := make(map[uuid.UUID]bool)
	for {
		revision := m.store.Registry().Revision
		for _, col := range m.store.Collections() {
			if known[col.ID()] {
				continue
			}
			known[col.ID()] = true
			b := m.bellOf(col.ID())
			b.ring()
			group.Go(func() { m.serve(ctx, col, b) })
			group.Go(func() { m.watch(ctx, col) })
		}
		// A new agreement may be the target of an old one, which then has entries but no news.
		if err := m.store.Wait(ctx, revision); err != nil {
			return nil
		}
		m.ringAll()
	}
}

func (m *Manager) bellOf(target uuid.UUID) bell {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.bells[target]
	if b == nil {
		b = make(bell, 1)
		m.bells[target] = b
	}
	return b
}

func (m *Manager) ringAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.bells {
		b.ring()
	}
}

// watch rings for the targets of a collection, and for itself, when its journal grows: objects came or went, or terms
// changed.
func (m *Manager) watch(ctx context.Context, col *store.Collection) {
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
		m.bellOf(col.ID()).ring()
		for id := range now {
			m.bellOf(id).ring()
		}
		for id := range to { // those that the last terms may have left out
			m.bellOf(id).ring()
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
	return ids
}

// How long a target rests after an error; the time doubles with each in a row.
const (
	firstRest = time.Second
	mostRest  = time.Minute
)

// serve is the goroutine of one target.
func (m *Manager) serve(ctx context.Context, col *store.Collection, b bell) {
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
		if ended(ctx, err) {
			return
		}
		m.log.Error().Str("target", string(col.Agreement().Name)).Err(err).Dur("again_in", rest).Msg("release failed")
		timer.Reset(rest)
		rest = min(2*rest, mostRest)
	}
}

// sleep sets the timer for the next moment at which a term begins or ends that matters to a target.
func (m *Manager) sleep(timer *time.Timer, col *store.Collection) {
	flows, err := flowsInto(m.store, col)
	if err != nil || len(flows) == 0 {
		timer.Stop()
		return
	}
	now := m.now()
	next := col.Agreement().NextChange(now)
	for _, f := range flows {
		if t := f.source.Agreement().NextChange(now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(min(next.Sub(now)+time.Millisecond, 24*time.Hour))
}

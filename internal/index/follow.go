package index

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// step is how many entries the index reads at once. A search that waits for the index waits for a step at most.
const step = 500

// The index rests after a step that was taken beside writers, so that it leaves them the processors and finds more to read
// at once. A search that waits for it ends the rest.
const (
	shortestRest = 20 * time.Millisecond
	longestRest  = 100 * time.Millisecond
)

// retry is how long the index leaves an agreement alone that it could not read.
const retry = 5 * time.Second

// Run follows every agreement's journal until ctx ends.
func (x *Index) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	w := &work{index: x, wake: make(chan struct{}, 1), batches: make(map[uuid.UUID]uint64), anew: make(map[uuid.UUID]bool)}
	group.Go(func() { w.run(ctx) })
	known := make(map[uuid.UUID]*store.Collection)
	for {
		version := x.store.Version()
		for _, col := range x.store.Collections() {
			before := known[col.ID()]
			if before == col {
				continue
			}
			known[col.ID()] = col
			if before != nil { // its file was replaced: what was read may have been wrong
				w.mu.Lock()
				w.anew[col.ID()] = true
				w.mu.Unlock()
			}
			group.Go(func() { w.watch(ctx, col) })
		}
		if err := x.store.Wait(ctx, version); err != nil {
			return nil
		}
	}
}

// work is the one goroutine that writes to the index.
type work struct {
	index  *Index
	wake   chan struct{}
	reader reader

	batches map[uuid.UUID]uint64 // how many each agreement had at its last step
	steps   int                  // since pebble was last told to write what it has in memory

	mu     sync.Mutex
	behind map[uuid.UUID]*store.Collection // guarded by mu: their journals have grown
	anew   map[uuid.UUID]bool              // guarded by mu: agreements that are to be read from the beginning
}

// watch tells the worker when a collection's journal has grown.
func (w *work) watch(ctx context.Context, col *store.Collection) {
	for p := journal.Position(0); ; {
		if err := col.Wait(ctx, p); err != nil {
			return
		}
		stats, err := col.Stats()
		if err != nil {
			return // the file is damaged: there is nothing to search in it
		}
		p = journal.Position(stats.Entries)
		w.mu.Lock()
		if w.behind == nil {
			w.behind = make(map[uuid.UUID]*store.Collection)
		}
		w.behind[col.ID()] = col
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// run takes a step in each agreement that is behind, in turn, until none is.
func (w *work) run(ctx context.Context) {
	resting := make(map[uuid.UUID]time.Time) // until when an agreement that could not be read is left alone
	for {
		w.mu.Lock()
		todo := slices.SortedFunc(maps.Values(w.behind), func(a, b *store.Collection) int { return slices.Compare(idBytes(a), idBytes(b)) })
		w.mu.Unlock()
		var soonest time.Time
		for _, col := range todo {
			if ctx.Err() != nil {
				return
			}
			if col.CatchesUp() { // its file is to have the processors first
				resting[col.ID()] = time.Now().Add(longestRest)
			}
			if until := resting[col.ID()]; time.Now().Before(until) {
				if soonest.IsZero() || until.Before(soonest) {
					soonest = until
				}
				continue
			}
			more, err := w.step(ctx, col)
			if err != nil {
				if !errors.Is(err, store.ErrClosed) {
					w.index.opts.Failed(fmt.Errorf("the search index does not follow the agreement %s: %w", col.Agreement().Name, err))
				}
				resting[col.ID()] = time.Now().Add(retry)
				continue
			}
			if !more {
				w.done(col)
			}
		}
		if err := w.settle(); err != nil {
			w.index.opts.Failed(fmt.Errorf("write the search index: %w", err))
		}
		if !w.sleep(ctx, soonest) {
			return
		}
	}
}

// manySteps is after how many steps pebble joins what they wrote.
const manySteps = 20

// settle has pebble write what many steps left in memory, once nothing is behind: a term that every step added to is one
// bitmap then, where searches would join as many as there were steps.
func (w *work) settle() error {
	w.mu.Lock()
	idle := len(w.behind) == 0
	w.mu.Unlock()
	if !idle || w.steps < manySteps {
		return nil
	}
	w.steps = 0
	err := w.index.use(func(db *pebble.DB) error {
		_, err := db.AsyncFlush()
		return err
	})
	if errors.Is(err, ErrUnavailable) {
		return nil // the next step says so
	}
	return err
}

func idBytes(c *store.Collection) []byte { id := c.ID(); return id[:] }

// done takes a collection off the list, unless its journal has grown meanwhile.
func (w *work) done(col *store.Collection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.behind[col.ID()] != col {
		return // its file was replaced
	}
	stats, err := col.Stats()
	if s, ok := w.index.stateOf(col.ID()); err != nil || ok && s.cursor >= stats.Entries {
		delete(w.behind, col.ID())
	}
}

// sleep waits until there is something to do; false when ctx has ended.
func (w *work) sleep(ctx context.Context, soonest time.Time) bool {
	w.mu.Lock()
	idle := len(w.behind) == 0 || !soonest.IsZero()
	w.mu.Unlock()
	if !idle {
		return ctx.Err() == nil
	}
	var timer <-chan time.Time
	if !soonest.IsZero() {
		t := time.NewTimer(max(time.Until(soonest), time.Millisecond))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-w.wake:
	case <-timer:
	case <-ctx.Done():
		return false
	}
	return true
}

// step reads some entries of an agreement's journal, and rests if there are writers.
func (w *work) step(ctx context.Context, col *store.Collection) (more bool, err error) {
	start := time.Now()
	err = w.index.use(func(db *pebble.DB) error {
		if err := w.beginAnew(db, col); err != nil {
			return err
		}
		more, err = w.index.advance(db, col, &w.reader)
		return err
	})
	if err != nil {
		return false, err
	}
	w.steps++
	if now := col.Batches(); now != w.batches[col.ID()] {
		w.batches[col.ID()] = now
		rest := time.NewTimer(min(max(3*time.Since(start), shortestRest), longestRest))
		defer rest.Stop()
		select {
		case <-rest.C:
		case <-w.index.hurry:
		case <-ctx.Done():
		}
	}
	return more, nil
}

// beginAnew forgets what the index has of an agreement, if its file was replaced.
func (w *work) beginAnew(db *pebble.DB, col *store.Collection) error {
	id := col.ID()
	w.mu.Lock()
	anew := w.anew[id]
	w.mu.Unlock()
	if !anew {
		return nil
	}
	if s, ok := w.index.stateOf(id); ok {
		if err := forget(db, s.number); err != nil {
			return err
		}
		if _, err := w.index.begin(db, col); err != nil {
			return err
		}
		w.index.dropState(id)
	}
	w.mu.Lock()
	delete(w.anew, id)
	w.mu.Unlock()
	return nil
}

// load is the state of an agreement, as it is kept. An agreement that the index does not know, or whose journal is not
// the one that was read, begins anew.
func (x *Index) load(db *pebble.DB, col *store.Collection) (state, error) {
	if s, ok := x.stateOf(col.ID()); ok {
		return s, nil
	}
	kept, err := get(db, numberKey(col.ID()))
	if err != nil {
		return state{}, err
	}
	if len(kept) == 4 {
		n := number(binary.BigEndian.Uint32(kept))
		text, err := get(db, stateKey(n))
		if err != nil {
			return state{}, err
		}
		s, err := parseState(n, text)
		if err != nil {
			return state{}, err
		}
		if same, err := sameJournal(col, s); err != nil || same {
			if err == nil {
				err = readLive(db, s)
			}
			return *s, err
		}
		if err := forget(db, n); err != nil {
			return state{}, err
		}
	}
	return x.begin(db, col)
}

// sameJournal reports whether the entry at the cursor is the one that was read: a restored or replaced file has another.
func sameJournal(col *store.Collection, s *state) (bool, error) {
	if s.cursor == 0 {
		return true, nil
	}
	_, raw, err := col.Entry(journal.Position(s.cursor))
	if errors.Is(err, store.ErrNoEntry) {
		return false, nil
	}
	return err == nil && sha256.Sum256(raw) == s.digest, err
}

func readLive(db *pebble.DB, s *state) error {
	prefix := key(kindLive, s.number, 0)
	return scan(db, prefix, behind(prefix), func(k, v []byte) (bool, error) {
		return true, orBitmap(s.live, chunkOfKey(k), v)
	})
}

// forget removes what is kept of an agreement's number.
func forget(db *pebble.DB, n number) error {
	b := db.NewBatch()
	defer b.Close()
	for kind := kindState; kind <= kindDay; kind++ {
		prefix := key(kind, n, 0)
		if err := b.DeleteRange(prefix, behind(prefix), nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.NoSync)
}

// begin gives an agreement a number.
func (x *Index) begin(db *pebble.DB, col *store.Collection) (state, error) {
	kept, err := get(db, metaKey("next"))
	if err != nil {
		return state{}, err
	}
	next := uint32(1)
	if len(kept) == 4 {
		next = binary.BigEndian.Uint32(kept)
	}
	s := state{number: number(next), live: roaring.New()}
	b := db.NewBatch()
	defer b.Close()
	id := numberKey(col.ID())
	err = errors.Join(
		b.Set(metaKey("next"), binary.BigEndian.AppendUint32(nil, next+1), nil),
		b.Set(id, binary.BigEndian.AppendUint32(nil, next), nil),
		b.Set(stateKey(s.number), s.encode(), nil),
		b.Commit(pebble.NoSync),
	)
	return s, err
}

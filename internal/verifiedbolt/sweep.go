package verifiedbolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// bbolt never changes a page that is in use: a transaction writes its changes into free pages, and frees those that it
// replaces when it is committed. What was deleted therefore stays readable in free pages until they are used again.
//
// A page may be overwritten when nothing leads to it:
//
//   - it is in the list of free pages of both meta pages, so that damage to the newer one loses a transaction and no page;
//   - no read transaction is open that began before the newer one was committed;
//   - no write transaction is open, which could use it.
//
// A process that is killed, or a machine that fails, while pages are overwritten leaves some of them overwritten and others
// not, all of them free.

// How a sweep makes way for others.
const (
	sweepHold  = 2 * time.Millisecond // it gives the write lock back after this time
	sweepPause = 4                    // then it pauses for this many times as long as it held the lock
	sweepDrain = 2 * time.Millisecond // it waits for readers with the lock held for this time
	sweepRetry = 50 * time.Millisecond
)

// errReaders reports that older read transactions are open.
var errReaders = errors.New("older read transactions are open")

// readers counts the read transactions that are open, in two generations, so that a sweep can wait for all that were open
// before a moment while new ones begin.
type readers struct {
	generation atomic.Uint64
	open       [2]atomic.Int64
}

func (r *readers) enter() (generation uint64) {
	generation = r.generation.Load()
	r.open[generation&1].Add(1)
	return generation
}

func (r *readers) leave(generation uint64) { r.open[generation&1].Add(-1) }

// drain waits until the read transactions that were open before the call have ended. The caller holds the write lock: what
// begins now sees the newest state, in whichever generation it is counted.
func (r *readers) drain(most time.Duration) bool {
	deadline := time.Now().Add(most)
	ended := func(n *atomic.Int64) bool {
		for n.Load() > 0 {
			if time.Now().After(deadline) {
				return false
			}
			time.Sleep(20 * time.Microsecond)
		}
		return true
	}
	generation := r.generation.Load()
	if !ended(&r.open[(generation+1)&1]) { // those of a drain that was given up
		return false
	}
	r.generation.Store(generation + 1)
	return ended(&r.open[generation&1])
}

// Sweep overwrites with zeros the free pages that both meta pages list, and returns how many it overwrote. What a
// transaction deleted is gone afterwards, if another one was committed between it and the call: see Touch. Others go on
// reading and writing meanwhile; writers wait a few milliseconds at a time. While a read transaction stays open that is
// older than the last commit, Sweep waits for it, or for the end of ctx.
func (db *DB) Sweep(ctx context.Context) (swept int, err error) {
	s := &sweep{db: db}
	for !s.done {
		started := time.Now()
		n, err := s.step()
		swept += n
		pause := sweepPause * time.Since(started)
		if errors.Is(err, errReaders) {
			pause, err = sweepRetry, nil
		}
		if err != nil {
			return swept, fmt.Errorf("sweep %s: %w", db.Path(), err)
		}
		if s.done {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return swept, context.Cause(ctx)
		}
	}
	if swept > 0 && !db.NoSync {
		if err := syncData(db.file); err != nil {
			return swept, fmt.Errorf("sweep %s: %w", db.Path(), err)
		}
	}
	return swept, nil
}

// Touch commits a transaction that changes nothing. After it both meta pages are those of transactions that were committed
// at its call or later.
func (db *DB) Touch() error {
	return db.Update(func(*bolt.Tx) error { return nil })
}

// sweep is a sweep in progress.
type sweep struct {
	db   *DB
	next uint64 // the first page that it has not looked at
	done bool

	transaction int      // of which free lists the pages
	free        []uint64 // in order

	page, zeros []byte
}

// step overwrites some pages, holding the write lock.
func (s *sweep) step() (swept int, err error) {
	err = Guard(func() (err error) {
		tx, err := s.db.begin(true)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if !s.db.readers.drain(sweepDrain) {
			return errReaders
		}
		if err := s.list(tx); err != nil {
			return err
		}
		swept, err = s.overwrite(time.Now().Add(sweepHold))
		return err
	})
	return swept, err
}

// list reads which pages are free, unless it knows.
func (s *sweep) list(tx *bolt.Tx) error {
	if s.transaction == tx.ID() {
		return nil
	}
	size := s.db.pageSize
	if s.page == nil {
		s.page, s.zeros = make([]byte, size), make([]byte, size)
	}
	var lists [2][]uint64
	for n := range lists {
		var b [metaLen]byte
		if _, err := s.db.file.ReadAt(b[:], int64(n*size)); err != nil {
			return err
		}
		m, ok := parseMeta(b[:])
		if !ok {
			return fmt.Errorf("%w: meta page %d is", ErrDamaged, n)
		}
		var err error
		if lists[n], err = s.db.readFreelist(m.freelist, tx.Size()); err != nil {
			return err
		}
	}
	s.free = common(lists[0], lists[1])
	s.transaction = tx.ID()
	return nil
}

// common returns the numbers that are in two ascending lists.
func common(a, b []uint64) (both []uint64) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			both = append(both, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return both
}

// overwrite overwrites free pages from next on, until a deadline.
func (s *sweep) overwrite(deadline time.Time) (swept int, err error) {
	file := s.db.file
	for i, id := range s.free {
		if id < s.next {
			continue
		}
		if i%16 == 0 && time.Now().After(deadline) {
			return swept, nil
		}
		at := int64(id) * int64(len(s.page))
		if _, err := file.ReadAt(s.page, at); err != nil {
			return swept, err
		}
		if string(s.page) != string(s.zeros) {
			if _, err := file.WriteAt(s.zeros, at); err != nil {
				return swept, err
			}
			swept++
		}
		s.next = id + 1
	}
	s.done = true
	return swept, nil
}

// readFreelist reads a list of free pages from the file, whose pages in use end at size.
func (db *DB) readFreelist(id uint64, size int64) ([]uint64, error) {
	count := uint64(size) / uint64(db.pageSize)
	if id < firstPage || id >= count {
		return nil, fmt.Errorf("%w: its list of free pages is outside of it", ErrDamaged)
	}
	p := make(page, db.pageSize)
	if _, err := db.file.ReadAt(p, int64(id)*int64(db.pageSize)); err != nil {
		return nil, err
	}
	if more := p.overflow(); more > 0 {
		if id+more >= count {
			return nil, fmt.Errorf("%w: its list of free pages reaches out of it", ErrDamaged)
		}
		p = make(page, (1+more)*uint64(db.pageSize))
		if _, err := db.file.ReadAt(p, int64(id)*int64(db.pageSize)); err != nil {
			return nil, err
		}
	}
	list, err := p.freelist(id)
	if err != nil {
		return nil, err
	}
	if n := len(list); n > 0 && (list[0] < firstPage || list[n-1] >= count) {
		return nil, fmt.Errorf("%w: its list of free pages has one outside of it", ErrDamaged)
	}
	return list, nil
}

// freelist returns the free pages that the page id lists, in ascending order.
func (p page) freelist(id uint64) ([]uint64, error) {
	ids, count := p[pageHeader:], uint64(p.count())
	if count == manyFree {
		count, ids = binary.NativeEndian.Uint64(ids), ids[pageIDLen:]
	}
	if p.id() != id || p.flags() != freelistPage || count > uint64(len(ids)/pageIDLen) {
		return nil, fmt.Errorf("%w: page %d is not one", ErrDamaged, id)
	}
	list := make([]uint64, count)
	for i := range list {
		list[i] = binary.NativeEndian.Uint64(ids[i*pageIDLen:])
		if i > 0 && list[i] <= list[i-1] {
			return nil, fmt.Errorf("%w: page %d is listed after %d", ErrDamaged, list[i], list[i-1])
		}
	}
	return list, nil
}

package raftlog

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Keep says how much of a log is kept.
type Keep struct {
	For   time.Duration // older entries are dropped
	Bytes int64         // beyond it the oldest entries are dropped
}

// dropAtOnce and dropBytesAtOnce bound what one transaction drops, so that Save waits little.
const (
	dropAtOnce      = 2000
	dropBytesAtOnce = 8 << 20
)

// Drop drops the oldest entries, those that keep does not want. It keeps every entry that the node's own files have not
// applied, or that may not be committed. It reports how many it dropped; one call drops a bounded number.
func (l *Log) Drop(keep Keep) (dropped int, err error) {
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	s, total, fault := l.state, l.bytes, l.fault
	l.mu.Unlock()
	if fault != nil {
		return 0, fault
	}
	freed := int64(0)
	since := l.now().Add(-keep.For)
	until := min(s.applied, s.commit)
	drop := func(b *bolt.Bucket, remove bool) error {
		for dropped < dropAtOnce && freed < dropBytesAtOnce && s.before+1 < until {
			key := keyOf(s.before + 1)
			v := b.Get(key)
			e, at, err := decodeEntry(key, v)
			if err != nil {
				return &DamagedError{s.before + 1, err}
			}
			if !at.Before(since) && total-freed <= keep.Bytes {
				return nil
			}
			if !remove { // there is something to drop
				dropped++
				return nil
			}
			freed += int64(len(v))
			if err := b.Delete(key); err != nil {
				return err
			}
			s.before, s.beforeTerm = s.before+1, e.GetTerm()
			dropped++
		}
		return nil
	}
	err = l.db.View(func(tx *bolt.Tx) error { return drop(tx.Bucket(bucketEntries), false) })
	if err == nil && dropped > 0 {
		dropped = 0
		err = l.db.Update(func(tx *bolt.Tx) error {
			if err := drop(tx.Bucket(bucketEntries), true); err != nil {
				return err
			}
			return put(tx.Bucket(bucketState), keyState, s.encode())
		})
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return 0, nil // another time
	}
	if err != nil {
		return 0, l.failed(fmt.Errorf("drop old entries of the log: %w", err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if dropped > 0 {
		l.state = s
		l.bytes -= freed
		l.forget()
	}
	return dropped, nil
}

// forget removes from memory what is before the first entry.
func (l *Log) forget() {
	for len(l.terms) > 1 && l.terms[1].first <= l.state.before {
		l.terms = l.terms[1:]
	}
	for len(l.tail) > 0 && l.tail[0].GetIndex() <= l.state.before {
		l.held -= len(l.tail[0].GetData())
		l.tail = l.tail[1:]
	}
}

// Overwrite overwrites with zeros what was dropped: the texts of objects, which may have been deleted since.
func (l *Log) Overwrite(ctx context.Context) error {
	_, err := l.db.Sweep(ctx)
	return err
}

// Bytes returns how much the entries take.
func (l *Log) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

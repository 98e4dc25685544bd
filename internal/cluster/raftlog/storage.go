package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// HardState returns the term, the vote and how far the log is known to be committed, as they were saved last.
func (l *Log) HardState() *pb.HardState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &pb.HardState{Term: new(l.state.term), Vote: new(l.state.vote), Commit: new(l.state.commit)}
}

// FirstIndex is raft.Storage's.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.before + 1, l.fault
}

// LastIndex is raft.Storage's.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.last, l.fault
}

// Term is raft.Storage's.
func (l *Log) Term(i uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.fault != nil:
		return 0, l.fault
	case i < l.state.before:
		return 0, raft.ErrCompacted
	case i > l.state.last:
		return 0, raft.ErrUnavailable
	case i == l.state.before:
		return l.state.beforeTerm, nil
	}
	n := sort.Search(len(l.terms), func(n int) bool { return l.terms[n].first > i })
	return l.terms[n-1].term, nil
}

// Entries is raft.Storage's.
func (l *Log) Entries(lo, hi, maxSize uint64) ([]*pb.Entry, error) {
	list, err := l.entries(lo, hi, maxSize)
	if err != nil && err != raft.ErrCompacted && err != raft.ErrUnavailable {
		return nil, l.failed(err)
	}
	return list, err
}

func (l *Log) entries(lo, hi, maxSize uint64) (list []*pb.Entry, err error) {
	l.mu.Lock()
	first, last, fault := l.state.before+1, l.state.last, l.fault
	tail := l.tail
	l.mu.Unlock()
	switch {
	case fault != nil:
		return nil, fault
	case lo < first:
		return nil, raft.ErrCompacted
	case hi > last+1:
		return nil, raft.ErrUnavailable
	}
	size := uint64(0)
	take := func(e *pb.Entry) (more bool) {
		size += uint64(len(e.GetData())) + entryHead
		if len(list) > 0 && size > maxSize {
			return false
		}
		list = append(list, e)
		return true
	}
	if len(tail) > 0 && lo >= tail[0].GetIndex() {
		for i := lo; i < hi; i++ {
			if !take(tail[i-tail[0].GetIndex()]) {
				break
			}
		}
		return list, nil
	}
	err = l.db.View(func(tx *bolt.Tx) error {
		var s state
		text, err := get(tx.Bucket(bucketState), keyState)
		if err == nil {
			err = s.decode(text)
		}
		if err != nil {
			return err
		}
		if lo <= s.before { // dropped in between
			return raft.ErrCompacted
		}
		c := tx.Bucket(bucketEntries).Cursor()
		k, v := c.Seek(keyOf(lo))
		for i := lo; i < hi; i++ {
			if !bytes.Equal(k, keyOf(i)) {
				return &DamagedError{i, fmt.Errorf("%w: the entry is missing", verifiedbolt.ErrDamaged)}
			}
			e, _, err := decodeEntry(k, v)
			if err != nil {
				return &DamagedError{i, err}
			}
			if !take(e) {
				return nil
			}
			k, v = c.Next()
		}
		return nil
	})
	if err == raft.ErrCompacted {
		return nil, err
	}
	if err != nil {
		var damaged *DamagedError
		if !errors.As(err, &damaged) {
			err = &DamagedError{Err: err}
		}
		return nil, err
	}
	return list, nil
}

// verify reads all of a log that was just opened.
func (l *Log) verify(identity []byte) error {
	faults, err := l.db.MetaFaults()
	if err == nil {
		err = errors.Join(faults...)
	}
	if err != nil {
		return &DamagedError{Err: err} // the one that is left may be of an earlier time
	}
	return l.db.View(func(tx *bolt.Tx) error {
		damage, err := l.db.Walk(tx)
		if err = errors.Join(append(damage.Faults(), err)...); err != nil {
			return &DamagedError{Err: err}
		}
		about := tx.Bucket(bucketState)
		text, err := get(about, keyState)
		if err != nil {
			return &DamagedError{Err: err}
		}
		if err := l.state.decode(text); err != nil {
			return err
		}
		if _, err := get(about, keyMembers); err != nil {
			return &DamagedError{Err: err}
		}
		kept, err := get(about, keyIdentity)
		if err != nil {
			return &DamagedError{Err: err}
		}
		if !bytes.Equal(kept, identity) {
			return ErrForeign
		}
		return l.verifyEntries(tx.Bucket(bucketEntries))
	})
}

// verifyEntries reads every entry: none may be missing or too many, and terms never fall.
func (l *Log) verifyEntries(b *bolt.Bucket) error {
	if b == nil {
		return &DamagedError{Err: errors.New("it has no entries")}
	}
	s := l.state
	next, term := s.before+1, s.beforeTerm
	l.addTerm(s.before, s.beforeTerm)
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		e, _, err := decodeEntry(k, v)
		switch {
		case err != nil:
			return &DamagedError{next, err}
		case e.GetIndex() != next:
			return &DamagedError{next, fmt.Errorf("entry %d stands in its place", e.GetIndex())}
		case e.GetTerm() < term:
			return &DamagedError{next, fmt.Errorf("its term %d comes after %d", e.GetTerm(), term)}
		}
		term = e.GetTerm()
		l.addTerm(next, term)
		l.bytes += int64(len(v))
		next++
	}
	if next != s.last+1 {
		return &DamagedError{next, fmt.Errorf("it should end at %d", s.last)}
	}
	if term != s.lastTerm || s.commit > s.last || s.applied > s.last || s.term < s.lastTerm {
		return &DamagedError{Err: errors.New("its state and its entries do not agree")}
	}
	return nil
}

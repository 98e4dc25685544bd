package raftlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// Log is a log, open. One goroutine saves; any may read.
type Log struct {
	db  *verifiedbolt.DB
	now func() time.Time

	saving sync.Mutex // held while the file changes

	interrupted chan struct{}         // closed by Interrupt
	blocked     atomic.Pointer[error] // why Save waits; nil: it does not

	mu    sync.Mutex
	state state       // guarded by mu
	terms []run       // guarded by mu; ascending, of the entries that are there and the one before them
	tail  []*pb.Entry // guarded by mu; the newest entries, the last one included, unless it is empty
	held  int         // guarded by mu; bytes of tail
	bytes int64       // guarded by mu; of all entries
	fault error       // guarded by mu; the first damage that was met
}

// run is where a term begins.
type run struct{ first, term uint64 }

// maxTail bounds the entries that are kept in memory besides: what a follower that keeps up and the files ask for.
const maxTail = 16 << 20

// Beginning is what a new log starts with.
type Beginning struct {
	Identity    []byte // of the cluster and the node; Open compares it
	Index, Term uint64 // the last entry that the node's files have already
	Members     []byte

	hard *pb.HardState // of the log that this one replaces; nil: of none
	rest *Log          // has entries behind this beginning that stay; nil: none do
}

// DamagedError reports a log that is not as it was saved.
type DamagedError struct {
	Index uint64 // of the first entry that is damaged; 0: it is not in an entry
	Err   error
}

func (e *DamagedError) Error() string {
	if e.Index > 0 {
		return fmt.Sprintf("the log is damaged at %d (%v): this node must join anew", e.Index, e.Err)
	}
	return fmt.Sprintf("the log is damaged (%v): this node must join anew", e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// ErrForeign reports a log of another cluster, or of another node.
var ErrForeign = errors.New("the log belongs to another node or another cluster")

// Create makes a log at path. The file appears under its name once it is complete and durable. An existing one is an
// error.
func Create(path string, b Beginning) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("make the log %s: %w", path, os.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the log: %w", err)
	}
	return install(path, b)
}

// Replace puts a log that begins later in the place of one that lacks entries which no log has any more. The term and the vote stay:
// a node without them could vote twice. A log that is damaged is not replaced. It happens as a whole, or not at all.
func Replace(path string, b Beginning, now func() time.Time) error {
	old, err := Open(path, b.Identity, now)
	if err != nil {
		return err
	}
	b.hard = old.HardState()
	if applied := old.Applied(); b.Index < applied {
		return errors.Join(fmt.Errorf("replace the log %s: it has been applied up to %d, and the files that came have only up to %d", path, applied, b.Index), old.Close())
	}
	// Raft's rule for snapshots: entries behind it stay, unless the log contradicts it. The node may have confirmed them.
	if term, err := old.Term(b.Index); err == nil && term == b.Term {
		b.rest = old
	}
	return errors.Join(install(path, b), old.Close())
}

// install makes a log under another name and gives it its own.
func install(path string, b Beginning) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make the log: %w", err)
	}
	if err := fill(fresh, b); err != nil {
		return fmt.Errorf("make the log %s: %w", path, errors.Join(err, os.Remove(fresh)))
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("make the log: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

func fill(path string, b Beginning) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	var s state
	err = db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucket(bucketEntries); err != nil {
			return err
		}
		about, err := tx.CreateBucket(bucketState)
		if err != nil {
			return err
		}
		s = state{before: b.Index, beforeTerm: b.Term, last: b.Index, lastTerm: b.Term, applied: b.Index, term: b.Term, commit: b.Index}
		if b.hard.GetTerm() >= s.term { // a vote that was given stays given
			s.term, s.vote = b.hard.GetTerm(), b.hard.GetVote()
		}
		return errors.Join(put(about, keyIdentity, b.Identity), put(about, keyMembers, b.Members), put(about, keyState, s.encode()))
	})
	if err == nil && b.rest != nil {
		err = s.keep(db, b.rest)
	}
	return errors.Join(err, db.Close())
}

// keep copies what another log has behind the end of this one.
func (s *state) keep(db *bolt.DB, from *Log) error {
	last, err := from.LastIndex()
	for err == nil && s.last < last {
		var entries []*pb.Entry
		if entries, err = from.Entries(s.last+1, last+1, dropBytesAtOnce); err != nil {
			break
		}
		err = db.Update(func(tx *bolt.Tx) error {
			if _, err := s.append(tx.Bucket(bucketEntries), entries, from.now()); err != nil {
				return err
			}
			s.commit = max(s.commit, min(from.HardState().GetCommit(), s.last))
			return put(tx.Bucket(bucketState), keyState, s.encode())
		})
	}
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open opens the log at path, which must be the one of identity, and verifies all of it.
func Open(path string, identity []byte, now func() time.Time) (*Log, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	db, err := verifiedbolt.Open(path, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		if os.IsPermission(err) || errors.Is(err, bolterrors.ErrTimeout) {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		return nil, fmt.Errorf("open %s: %w", path, &DamagedError{Err: err})
	}
	l := &Log{db: db, now: now, interrupted: make(chan struct{})}
	if err := l.verify(identity); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, errors.Join(err, db.Close()))
	}
	return l, nil
}

// Close closes the file.
func (l *Log) Close() error { return l.db.Close() }

// Write is what Save saves, in one transaction.
type Write struct {
	Hard    *pb.HardState // nil: as it was
	Entries []*pb.Entry   // they replace those that the log has from the first of them on
	Applied uint64        // how far the files are; 0: as it was
	Members []byte        // nil: as they were
}

// roomAgain is how often a full disk is tried again.
const roomAgain = 500 * time.Millisecond

// Blocked returns why Save waits, if it does: the disk is full.
func (l *Log) Blocked() error {
	if err := l.blocked.Load(); err != nil {
		return *err
	}
	return nil
}

// Interrupt has Save wait no more for room on the disk. It is called once, before Close.
func (l *Log) Interrupt() { close(l.interrupted) }

// update makes a transaction, again and again while the disk is full: nothing that it returns for is said to be saved before.
func (l *Log) update(do func(*bolt.Tx) error) error {
	for {
		err := l.db.Update(do)
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			l.blocked.Store(nil)
			return err
		}
		l.blocked.Store(&err)
		select {
		case <-time.After(roomAgain):
		case <-l.interrupted:
			return err
		}
	}
}

// Save makes w durable. While the disk is full it waits. Once it returns an error, the log is to be closed: what the disk has is not
// known.
func (l *Log) Save(w Write) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	s := l.state
	fault := l.fault
	l.mu.Unlock()
	if fault != nil {
		return fault
	}
	if w.Hard != nil {
		s.term, s.vote, s.commit = w.Hard.GetTerm(), w.Hard.GetVote(), w.Hard.GetCommit()
	}
	at := l.now()
	grown, before := int64(0), s
	err := l.update(func(tx *bolt.Tx) error {
		s = before
		about := tx.Bucket(bucketState)
		if len(w.Entries) > 0 {
			n, err := s.append(tx.Bucket(bucketEntries), w.Entries, at)
			if err != nil {
				return err
			}
			grown = n
		}
		s.applied = max(s.applied, w.Applied)
		if w.Members != nil {
			if err := put(about, keyMembers, w.Members); err != nil {
				return err
			}
		}
		return put(about, keyState, s.encode())
	})
	if err != nil {
		return l.failed(fmt.Errorf("write the log: %w", err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	l.bytes += grown
	if len(w.Entries) > 0 {
		l.remember(w.Entries)
	}
	return nil
}

// failed keeps the first error: a log that has failed once is not trusted again.
func (l *Log) failed(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault == nil {
		l.fault = err
	}
	return err
}

// Failed returns the error that the log has met, if any.
func (l *Log) Failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// append writes entries to the bucket, in place of those from the first of them on, and returns by how much it has grown.
func (s *state) append(b *bolt.Bucket, entries []*pb.Entry, at time.Time) (grown int64, err error) {
	first := entries[0].GetIndex()
	switch {
	case first > s.last+1:
		return 0, fmt.Errorf("entry %d would leave a gap: the log ends at %d", first, s.last)
	case first <= s.applied || first <= s.before:
		return 0, fmt.Errorf("entry %d would replace one that is applied (to %d)", first, s.applied)
	}
	for i := s.last; i >= first; i-- {
		key := keyOf(i)
		grown -= int64(len(b.Get(key)))
		if err := b.Delete(key); err != nil {
			return 0, err
		}
	}
	b.FillPercent = 0.9 // keys ascend
	for i, e := range entries {
		if e.GetIndex() != first+uint64(i) {
			return 0, fmt.Errorf("entry %d follows %d", e.GetIndex(), first+uint64(i)-1)
		}
		value := encodeEntry(e, at)
		if err := put(b, keyOf(e.GetIndex()), value); err != nil {
			return 0, err
		}
		grown += int64(len(value)) + sumLen
	}
	s.last, s.lastTerm = entries[len(entries)-1].GetIndex(), entries[len(entries)-1].GetTerm()
	return grown, nil
}

// remember updates what is in memory for entries that were saved.
func (l *Log) remember(entries []*pb.Entry) {
	first := entries[0].GetIndex()
	for len(l.terms) > 0 && l.terms[len(l.terms)-1].first >= first {
		l.terms = l.terms[:len(l.terms)-1]
	}
	for len(l.tail) > 0 && l.tail[len(l.tail)-1].GetIndex() >= first {
		l.held -= len(l.tail[len(l.tail)-1].GetData())
		l.tail = l.tail[:len(l.tail)-1]
	}
	for _, e := range entries {
		l.addTerm(e.GetIndex(), e.GetTerm())
		l.held += len(e.GetData())
	}
	l.tail = append(l.tail, entries...)
	cut := 0
	for l.held > maxTail && cut < len(l.tail)-1 {
		l.held -= len(l.tail[cut].GetData())
		cut++
	}
	if cut > 0 {
		l.tail = append([]*pb.Entry(nil), l.tail[cut:]...)
	}
}

func (l *Log) addTerm(index, term uint64) {
	if len(l.terms) == 0 || l.terms[len(l.terms)-1].term != term {
		l.terms = append(l.terms, run{index, term})
	}
}

// Applied returns how far the files are, as it was saved last.
func (l *Log) Applied() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.applied
}

// Members returns the members as they were saved last.
func (l *Log) Members() (members []byte, err error) {
	err = l.db.View(func(tx *bolt.Tx) error {
		v, err := get(tx.Bucket(bucketState), keyMembers)
		members = append([]byte(nil), v...)
		return err
	})
	if err != nil {
		return nil, l.failed(&DamagedError{Err: err})
	}
	return members, nil
}

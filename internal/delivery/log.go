package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/store/journal"
)

// Delivery is one page of a collection that an account was given; without positions, a poll that brought nothing.
type Delivery struct {
	Collection uuid.UUID
	Account    string
	Party      string
	Filter     string             // what it asked for, in few words: accounts are told apart by it
	Positions  []journal.Position // ascending
	At         time.Time
}

// How deliveries are written.
const (
	writePause   = 500 * time.Millisecond // between two times of writing
	maxPending   = 16 << 20               // bytes that wait to be written
	pendingShare = 96                     // bytes that a page takes while it waits, beside its further runs
)

// ErrReadOnly reports that a log was opened for reading.
var ErrReadOnly = errors.New("the record of deliveries is open for reading only")

// Log is the record of deliveries of the agreements of a data folder. Note never waits for the disk: what is noted is
// written within a second, and a crash loses no more than that. When the disk falls behind, so that too much waits to be
// written, deliveries are counted as lost instead.
type Log struct {
	dir    string
	opts   Options
	failed func(error) // called with what could not be written; may be nil

	mu       sync.Mutex
	noted    map[uuid.UUID]*pendingFile // guarded by mu
	size     int                        // guarded by mu: bytes in noted
	underway map[uuid.UUID]Backlog      // guarded by mu: what is being written
	lost     map[uuid.UUID]uint64       // guarded by mu: deliveries that could not be noted
	waiting  []chan error               // guarded by mu: told when noted is written
	closed   bool                       // guarded by mu
	wake     chan struct{}
	urgent   chan struct{}
	stop     chan struct{}
	done     chan struct{}

	writing sync.Mutex          // held while files are used
	files   map[uuid.UUID]*file // guarded by writing
}

// Options of Open. Zero values are the defaults.
type Options struct {
	ReadOnly bool
	Failed   func(error) // called with what could not be written; nil: nothing
}

// pendingFile is what waits to be written into one file.
type pendingFile struct {
	readers map[reader]*pendingReader
	lost    Lost
}

type pendingReader struct {
	first, last      time.Time
	polls, positions uint64
	newest           uint64
	pages            []page
}

// Open opens the record of deliveries that is kept in the folder of the agreements' files. It opens a file when it needs
// it. The caller holds the lock of the data folder, and closes the log first.
func Open(dir string, opts Options) *Log {
	l := &Log{dir: dir, opts: opts, failed: opts.Failed, noted: map[uuid.UUID]*pendingFile{}, files: map[uuid.UUID]*file{},
		underway: map[uuid.UUID]Backlog{}, lost: map[uuid.UUID]uint64{},
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.serve()
	return l
}

// Note notes a delivery. It waits for nothing.
func (l *Log) Note(d Delivery) {
	l.note(d, nil)
	signal(l.wake)
}

// NoteDurably notes a delivery and returns when it is on disk, together with whatever else waits.
func (l *Log) NoteDurably(ctx context.Context, d Delivery) error {
	written := make(chan error, 1)
	if !l.note(d, written) {
		return errors.New("note a delivery: too many wait to be written, or the server is closing")
	}
	signal(l.urgent)
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (l *Log) note(d Delivery, written chan error) bool {
	var p page
	if len(d.Positions) > 0 {
		p = pageOf(uint64(max(d.At.Unix(), 0)), d.Positions)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	f := l.noted[d.Collection]
	if f == nil {
		f = &pendingFile{readers: map[reader]*pendingReader{}}
		l.noted[d.Collection] = f
	}
	size := pendingShare + len(p.rest)
	if l.size+size > maxPending {
		f.lost.add(d.At)
		l.lost[d.Collection]++
		return false
	}
	key := reader{d.Account, d.Party, d.Filter}
	r := f.readers[key]
	if r == nil {
		r = &pendingReader{first: d.At}
		f.readers[key] = r
		size += 2 * pendingShare
	}
	r.last = d.At
	r.polls++
	r.positions += uint64(len(d.Positions))
	if p.end > 0 {
		r.newest = max(r.newest, p.end-1)
		size -= r.add(p)
	}
	l.size += size
	if written != nil {
		l.waiting = append(l.waiting, written)
	}
	return true
}

// add adds a page; one that continues the last, in the same second, becomes part of it. It returns how many bytes that
// saved.
func (r *pendingReader) add(p page) (saved int) {
	if n := len(r.pages); n > 0 && r.pages[n-1].join(p) {
		return pendingShare
	}
	r.pages = append(r.pages, p)
	return 0
}

func (l *Lost) add(at time.Time) {
	if l.Polls == 0 {
		l.First = at
	}
	l.Polls++
	l.Last = at
}

// serve is the goroutine that writes. It ends with Close.
func (l *Log) serve() {
	defer close(l.done)
	pause := time.NewTimer(writePause)
	defer pause.Stop()
	for {
		select {
		case <-l.urgent:
		case <-l.wake:
			pause.Reset(writePause)
			select {
			case <-pause.C:
			case <-l.urgent:
			case <-l.stop:
			}
		case <-l.stop:
			l.write()
			return
		}
		l.write()
	}
}

// write writes what was noted, file by file.
func (l *Log) write() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	noted, waiting := l.begin(), l.waiting
	l.waiting = nil
	l.mu.Unlock()
	var errs []error
	for id, n := range noted {
		f, err := l.file(id)
		if err == nil && f == nil {
			err = ErrReadOnly
		}
		if err == nil {
			err = f.write(n)
		}
		l.end(id)
		if err == nil {
			if n.lost.Polls > 0 && l.failed != nil {
				l.failed(fmt.Errorf("%d deliveries of collection %s could not be noted, between %s and %s: the disk does not keep up, or has failed",
					n.lost.Polls, id, n.lost.First.UTC().Format(time.RFC3339), n.lost.Last.UTC().Format(time.RFC3339)))
			}
			continue
		}
		err = fmt.Errorf("write deliveries of collection %s: %w", id, err)
		errs = append(errs, err)
		if l.failed != nil {
			l.failed(err)
		}
		l.lose(id, n)
	}
	err := errors.Join(errs...)
	for _, c := range waiting {
		c <- err
	}
}

// lose counts what could not be written as lost, in what is written next.
func (l *Log) lose(id uuid.UUID, n *pendingFile) {
	lost := n.lost
	for _, r := range n.readers {
		lost.Polls += r.polls
		if lost.First.IsZero() || r.first.Before(lost.First) {
			lost.First = r.first
		}
		if r.last.After(lost.Last) {
			lost.Last = r.last
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.noted[id]
	if f == nil {
		f = &pendingFile{readers: map[reader]*pendingReader{}}
		l.noted[id] = f
	}
	l.lost[id] += lost.Polls - n.lost.Polls // the others were counted when they came
	f.lost = Lost{Polls: f.lost.Polls + lost.Polls, First: lost.First, Last: lost.Last}
}

// file returns the open file of a collection; nil when it does not exist and must not be made.
func (l *Log) file(id uuid.UUID) (*file, error) {
	if f := l.files[id]; f != nil {
		return f, nil
	}
	f, err := openFile(filepath.Join(l.dir, fileName(id)), l.opts.ReadOnly)
	if err == nil && f != nil {
		l.files[id] = f
	}
	return f, err
}

// fileName is the name of a collection's file of deliveries.
func fileName(id uuid.UUID) string { return id.String() + ".deliveries.db" }

// Received returns who was given which of some versions, by their positions in ascending order: one receipt for each
// reader and position.
func (l *Log) Received(collection uuid.UUID, positions []journal.Position) (list []Receipt, err error) {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.file(collection)
	if err == nil && f != nil {
		list, err = f.received(positions)
	}
	if err != nil {
		return nil, fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return list, nil
}

// Consumers lists who reads a collection, and what could not be noted.
func (l *Log) Consumers(collection uuid.UUID) (list []Consumer, lost Lost, err error) {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.file(collection)
	if err == nil && f != nil {
		list, lost, err = f.consumers()
	}
	if err != nil {
		return nil, Lost{}, fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return list, lost, nil
}

// Snapshot writes what waits and calls add with the name of each collection's file, if it has one, and a snapshot of it,
// which add takes over.
func (l *Log) Snapshot(collections []uuid.UUID, add func(name string, s *verifiedbolt.Snapshot)) error {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	for _, id := range collections {
		name := fileName(id)
		if _, err := os.Stat(filepath.Join(l.dir, name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f, err := l.file(id)
		if err != nil {
			return err
		}
		s, err := f.db.Snapshot()
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		add(name, s)
	}
	return nil
}

// Close writes what waits and closes the files. Nothing is noted afterwards.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	close(l.stop)
	<-l.done
	l.writing.Lock()
	defer l.writing.Unlock()
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.db.Close())
	}
	l.files = nil
	return errors.Join(errs...)
}

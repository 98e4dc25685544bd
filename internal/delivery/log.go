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

// Delivery is one answer with objects of a collection that an account is given; without positions, a poll that brought
// nothing.
type Delivery struct {
	Collection uuid.UUID
	Account    string
	Party      string
	Way        Way
	Filter     string             // what was asked for, in few words
	Positions  []journal.Position // ascending
	At         time.Time
}

// IgnoredParameters ends the Filter of a delivery whose question had parameters without a meaning: the answer is not filtered by
// them, and its reader may think that it is.
const IgnoredParameters = "(parameters without a meaning ignored)"

// Way is a way by which an object's text leaves.
type Way string

const (
	Page    Way = ""        // a page of TAXII: objects, an object, its versions
	Content Way = "content" // the text of one version, for an audit, evidence or a comparison
	Search  Way = "search"  // what a search found, with or without texts
	Graph   Way = "graph"   // what lies around an object
	Refused Way = "refused" // a refused object that is kept, which has no position: Filter names it
	Stream  Way = "stream"  // an event with the text
	Pushed  Way = "pushed"  // posted to a collection of another server, which Filter names
)

// How deliveries are written.
const (
	writePause   = 500 * time.Millisecond // between two times of writing
	maxPending   = 16 << 20               // bytes that wait to be written
	pendingShare = 96                     // bytes that a page takes while it waits, beside its further runs
)

// ErrReadOnly reports that a log was opened for reading.
var ErrReadOnly = errors.New("the record of deliveries is open for reading only")

// Log is the record of deliveries of the agreements of a data folder. Whatever sends the text of objects calls Begin before
// the first byte, and End after the last. Unless Options.Durable is set, neither waits for the disk: what is noted is written within a second, also while a
// delivery is in progress, and a crash loses no more than the last second. A delivery that was begun and not finished is
// recorded as that, whether its client broke it off or the server failed. When the disk falls behind, so that too much waits
// to be written, deliveries are counted as lost instead.
type Log struct {
	dir    string
	opts   Options
	failed func(error) // called with what could not be written; may be nil

	mu       sync.Mutex
	noted    map[uuid.UUID]*pendingFile        // guarded by mu
	size     int                               // guarded by mu: bytes in noted
	underway map[uuid.UUID]Backlog             // guarded by mu: what is being written
	lost     map[uuid.UUID]uint64              // guarded by mu: deliveries that could not be noted
	open     map[uuid.UUID]map[*Begun]struct{} // guarded by mu: begun and not ended
	rows     uint64                            // guarded by mu: the last number given to one of those
	waiting  []chan error                      // guarded by mu: told when noted is written
	closed   bool                              // guarded by mu
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
	Durable  bool        // what is begun is on disk before Begin returns
	Failed   func(error) // called with what could not be written; nil: nothing

	// Others, when set, asks the other nodes of the cluster, each of which has an account of its own: see Ask. silent are the
	// names of those that did not answer.
	Others func(Question) (answers []Answer, silent []string)
}

// pendingFile is what waits to be written into one file.
type pendingFile struct {
	readers map[reader]*pendingReader
	filters map[reader]int // how many filters each reader without its filter has in readers
	lost    Lost
	begun   []row    // not ended, and not yet in the file
	ended   []uint64 // rows of those that have ended
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
		underway: map[uuid.UUID]Backlog{}, lost: map[uuid.UUID]uint64{}, open: map[uuid.UUID]map[*Begun]struct{}{},
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.serve()
	return l
}

// Begun is a delivery that was noted before its first byte left.
type Begun struct {
	log        *Log
	collection uuid.UUID
	key        reader
	page       page
	at         time.Time
	positions  uint64
	row        uint64 // guarded by log.mu; where the file has it while it is not ended, 0 for nowhere
}

// Begin notes that a delivery begins: nothing of it may be sent before, and nothing when it fails. It waits for the disk
// only with Options.Durable. The caller ends the delivery once it knows whether all of it was sent.
func (l *Log) Begin(ctx context.Context, d Delivery) (*Begun, error) {
	if !l.opts.Durable || len(d.Positions) == 0 {
		b, _ := l.begin(d, nil)
		signal(l.wake)
		return b, nil
	}
	written := make(chan error, 1)
	b, ok := l.begin(d, written)
	if !ok {
		return nil, errors.New("note a delivery: too many wait to be written, or the server is closing")
	}
	signal(l.urgent)
	var err error
	select {
	case err = <-written:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		b.End(false)
		return nil, err
	}
	return b, nil
}

// begin notes the beginning of a delivery. An empty one is complete with that; its Begun is nil, and so is that of one which
// could not be noted and is counted as lost. written is told when it is on disk.
func (l *Log) begin(d Delivery, written chan error) (b *Begun, ok bool) {
	if l.opts.ReadOnly {
		if written != nil {
			written <- nil
		}
		return nil, true // of a backup or a stopped server's folder, read by its owner
	}
	b = &Begun{log: l, collection: d.Collection, key: reader{account: d.Account, party: d.Party, way: d.Way, filter: d.Filter},
		at: d.At, positions: uint64(len(d.Positions))}
	if len(d.Positions) > 0 {
		b.page = pageOf(uint64(max(d.At.Unix(), 0)), d.Positions)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, false
	}
	if l.size+b.size() > maxPending {
		l.pending(d.Collection).lost.add(d.At)
		l.lost[d.Collection]++
		return nil, false
	}
	if len(d.Positions) == 0 {
		l.note(b, true)
		return nil, true
	}
	l.size += b.size()
	open := l.open[d.Collection]
	if open == nil {
		open = map[*Begun]struct{}{}
		l.open[d.Collection] = open
	}
	open[b] = struct{}{}
	if written != nil {
		l.waiting = append(l.waiting, written)
	}
	return b, true
}

// size is how many bytes a delivery takes while it waits.
func (b *Begun) size() int { return pendingShare + len(b.page.rest) }

// End notes whether all of a delivery was sent. It waits for nothing.
func (b *Begun) End(finished bool) {
	if b == nil {
		return
	}
	l := b.log
	l.mu.Lock()
	if _, open := l.open[b.collection][b]; open {
		delete(l.open[b.collection], b)
		if b.row == 0 {
			l.size -= b.size() // note counts it again
		} else {
			f := l.pending(b.collection)
			f.ended = append(f.ended, b.row)
		}
		l.note(b, finished)
	}
	l.mu.Unlock()
	signal(l.wake)
}

// pending returns what waits to be written into a collection's file; the mutex is held.
func (l *Log) pending(id uuid.UUID) *pendingFile {
	f := l.noted[id]
	if f == nil {
		f = &pendingFile{readers: map[reader]*pendingReader{}, filters: map[reader]int{}}
		l.noted[id] = f
	}
	return f
}

// note adds a delivery that has ended to what waits; the mutex is held.
func (l *Log) note(b *Begun, finished bool) {
	f, key := l.pending(b.collection), b.key
	key.unfinished = !finished
	r := f.readers[key]
	if r == nil && !key.anyFilter() {
		if account := key.withoutFilter(); f.filters[account] < maxFilters {
			f.filters[account]++
		} else {
			key.filter = otherFilters
			r = f.readers[key]
		}
	}
	size := b.size()
	if r == nil {
		r = &pendingReader{first: b.at}
		f.readers[key] = r
		size += 2 * pendingShare
	}
	r.last = b.at
	r.polls++
	r.positions += b.positions
	if b.page.end > 0 {
		r.newest = max(r.newest, b.page.end-1)
		size -= r.add(b.page)
	}
	l.size += size
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
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
	noted, waiting := l.take(), l.waiting
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
		l.settle(id)
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
	f := l.pending(id)
	f.ended = append(f.ended, n.ended...)
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

// existing returns the open file of a collection, to read what it has; nil when it does not exist: reading makes none.
func (l *Log) existing(id uuid.UUID) (*file, error) {
	if f := l.files[id]; f != nil {
		return f, nil
	}
	if _, err := os.Stat(filepath.Join(l.dir, fileName(id))); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return l.file(id)
}

// fileName is the name of a collection's file of deliveries.
func fileName(id uuid.UUID) string { return id.String() + ".deliveries.db" }

// Received returns who was given which of some versions, by their positions in ascending order: one receipt for each
// reader and position.
func (l *Log) Received(collection uuid.UUID, positions []journal.Position) ([]Receipt, error) {
	a, err := l.everywhere(Question{Kind: askReceived, Collection: collection, Positions: positions})
	return a.Receipts, err
}

// ReceivedHere is Received by this node's own account.
func (l *Log) ReceivedHere(collection uuid.UUID, positions []journal.Position) (list []Receipt, err error) {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.existing(collection)
	if err == nil && f != nil {
		list, err = f.received(positions)
	}
	if err != nil {
		return nil, fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return list, nil
}

// Consumers lists who reads a collection, and what could not be noted, or is not known now.
func (l *Log) Consumers(collection uuid.UUID) ([]Consumer, Lost, error) {
	a, err := l.everywhere(Question{Kind: askConsumers, Collection: collection})
	return a.Consumers, a.Lost, err
}

func (l *Log) consumers(collection uuid.UUID) (list []Consumer, lost Lost, err error) {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.existing(collection)
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

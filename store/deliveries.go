package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

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

// How deliveries are written down.
const (
	deliveryPause = 500 * time.Millisecond // between two times of writing
	notedMost     = 16 << 20               // bytes that wait to be written
	deliverySlack = 96                     // bytes that a page takes while it waits, beside its further runs
)

// Deliveries keeps account of who was given what, in a file beside each agreement's. Noting never waits for the disk: what
// is noted is written within a second, and only so much can be lost in a crash. When the disk falls behind, so that too
// much waits to be written, polls are counted as lost instead.
type Deliveries struct {
	store  *Store
	failed func(error) // told of what could not be written; may be nil

	mu       sync.Mutex
	noted    map[uuid.UUID]*notedFile // guarded by mu
	size     int                      // guarded by mu: bytes in noted
	underway map[uuid.UUID]Backlog    // guarded by mu: what is being written
	lost     map[uuid.UUID]uint64     // guarded by mu: polls that could not be noted
	waiting  []chan error             // guarded by mu: told when noted is written
	closed   bool                     // guarded by mu
	wake     chan struct{}
	urgent   chan struct{}
	stop     chan struct{}
	done     chan struct{}

	writing sync.Mutex                  // held by whoever uses files
	files   map[uuid.UUID]*deliveryFile // guarded by writing
}

// notedFile is what waits to be written into one file.
type notedFile struct {
	readers map[reader]*notedReader
	lost    Lost
}

type notedReader struct {
	first, last      time.Time
	polls, positions uint64
	newest           uint64
	pages            []deliveredPage
}

// OpenDeliveries begins to keep account. failed is told of what could not be written, nil if nobody wants to know. Close
// it before the store.
func (s *Store) OpenDeliveries(failed func(error)) *Deliveries {
	d := &Deliveries{store: s, failed: failed, noted: map[uuid.UUID]*notedFile{}, files: map[uuid.UUID]*deliveryFile{},
		underway: map[uuid.UUID]Backlog{}, lost: map[uuid.UUID]uint64{},
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go d.serve()
	return d
}

// Note notes a delivery. It waits for nothing.
func (d *Deliveries) Note(n Delivery) {
	d.note(n, nil)
	ring(d.wake)
}

// NoteDurably notes a delivery and returns when that is on disk, together with whatever else waits.
func (d *Deliveries) NoteDurably(ctx context.Context, n Delivery) error {
	written := make(chan error, 1)
	if !d.note(n, written) {
		return errors.New("note a delivery: too many wait to be written, or the server is closing")
	}
	ring(d.urgent)
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (d *Deliveries) note(n Delivery, written chan error) bool {
	var page deliveredPage
	if len(n.Positions) > 0 {
		page = pageOf(uint64(max(n.At.Unix(), 0)), n.Positions)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	f := d.noted[n.Collection]
	if f == nil {
		f = &notedFile{readers: map[reader]*notedReader{}}
		d.noted[n.Collection] = f
	}
	size := deliverySlack + len(page.rest)
	if d.size+size > notedMost {
		f.lost.add(n.At)
		d.lost[n.Collection]++
		return false
	}
	who := reader{n.Account, n.Party, n.Filter}
	r := f.readers[who]
	if r == nil {
		r = &notedReader{first: n.At}
		f.readers[who] = r
		size += 2 * deliverySlack
	}
	r.last = n.At
	r.polls++
	r.positions += uint64(len(n.Positions))
	if page.end > 0 {
		r.newest = max(r.newest, page.end-1)
		size -= r.add(page)
	}
	d.size += size
	if written != nil {
		d.waiting = append(d.waiting, written)
	}
	return true
}

// add adds a page; one that goes on where the last ended, in the same second, becomes part of it. It returns how many bytes
// that saved.
func (r *notedReader) add(p deliveredPage) (saved int) {
	if n := len(r.pages); n > 0 && r.pages[n-1].follow(p) {
		return deliverySlack
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

// serve is the goroutine that writes: it ends with Close.
func (d *Deliveries) serve() {
	defer close(d.done)
	pause := time.NewTimer(deliveryPause)
	defer pause.Stop()
	for {
		select {
		case <-d.urgent:
		case <-d.wake:
			pause.Reset(deliveryPause)
			select {
			case <-pause.C:
			case <-d.urgent:
			case <-d.stop:
			}
		case <-d.stop:
			d.write()
			return
		}
		d.write()
	}
}

// write writes what was noted, file by file.
func (d *Deliveries) write() {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	noted, waiting := d.leave(), d.waiting
	d.waiting = nil
	d.mu.Unlock()
	var errs []error
	for id, n := range noted {
		f, err := d.file(id)
		if err == nil && f == nil {
			err = ErrReadOnly
		}
		if err == nil {
			err = f.keep(n)
		}
		d.arrived(id)
		if err == nil {
			if n.lost.Polls > 0 && d.failed != nil {
				d.failed(fmt.Errorf("%d polls of collection %s could not be noted, between %s and %s: the disk does not keep up, or has failed",
					n.lost.Polls, id, n.lost.First.UTC().Format(time.RFC3339), n.lost.Last.UTC().Format(time.RFC3339)))
			}
			continue
		}
		err = fmt.Errorf("write down deliveries of collection %s: %w", id, err)
		errs = append(errs, err)
		if d.failed != nil {
			d.failed(err)
		}
		d.lose(id, n)
	}
	err := errors.Join(errs...)
	for _, c := range waiting {
		c <- err
	}
}

// lose counts what could not be written as lost, in what is written next.
func (d *Deliveries) lose(id uuid.UUID, n *notedFile) {
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
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.noted[id]
	if f == nil {
		f = &notedFile{readers: map[reader]*notedReader{}}
		d.noted[id] = f
	}
	d.lost[id] += lost.Polls - n.lost.Polls // the others were counted when they came
	f.lost = Lost{Polls: f.lost.Polls + lost.Polls, First: lost.First, Last: lost.Last}
}

// file is the open file of a collection; nil when it does not exist and nothing is made.
func (d *Deliveries) file(id uuid.UUID) (*deliveryFile, error) {
	if f := d.files[id]; f != nil {
		return f, nil
	}
	path := filepath.Join(d.store.dir, agreementsName, id.String()+".deliveries.db")
	f, err := openDeliveryFile(path, d.store.opts.ReadOnly)
	if err == nil && f != nil {
		d.files[id] = f
	}
	return f, err
}

// Received says who was given which of some versions, by their positions in ascending order: a row a reader and position.
func (d *Deliveries) Received(collection uuid.UUID, positions []journal.Position) (list []Receipt, err error) {
	d.write()
	d.writing.Lock()
	defer d.writing.Unlock()
	f, err := d.file(collection)
	if err == nil && f != nil {
		list, err = f.received(positions)
	}
	if err != nil {
		return nil, fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return list, nil
}

// Consumers lists who reads a collection, and what could not be noted.
func (d *Deliveries) Consumers(collection uuid.UUID) (list []Consumer, lost Lost, err error) {
	d.write()
	d.writing.Lock()
	defer d.writing.Unlock()
	f, err := d.file(collection)
	if err == nil && f != nil {
		list, lost, err = f.consumers()
	}
	if err != nil {
		return nil, Lost{}, fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return list, lost, nil
}

// Close writes what waits and closes the files. Nothing is noted afterwards.
func (d *Deliveries) Close() error {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	d.mu.Unlock()
	if closed {
		return nil
	}
	close(d.stop)
	<-d.done
	d.writing.Lock()
	defer d.writing.Unlock()
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.db.Close())
	}
	d.files = nil
	return errors.Join(errs...)
}

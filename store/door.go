package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// How much goes into one transaction. A single batch may be larger.
const (
	groupChanges = 20_000
	groupBytes   = 32 << 20
)

// door lets changes into a collection's file: batches wait in a line, and one goroutine takes all that wait into one
// transaction. While it waits for the disk, the next line forms.
type door struct {
	c *Collection

	mu     sync.Mutex
	line   []*passage // guarded by mu
	shut   bool       // guarded by mu: no more may join the line
	wake   chan struct{}
	idle   chan struct{} // closed when the goroutine has ended
	taking atomic.Int32  // batches in the transaction in progress
	passed atomic.Uint64 // batches in transactions that were committed
	broken error         // of the goroutine: set when nobody knows what is on disk
}

// passage is one batch on its way through.
type passage struct {
	batch    preparedBatch
	state    atomic.Int32
	done     chan struct{} // closed when outcomes and err are set
	outcomes []Outcome
	err      error
}

const (
	waiting int32 = iota
	taken
	left
)

func openDoor(c *Collection) *door {
	d := &door{c: c, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	go d.serve()
	return d
}

// pass joins the line and returns when the batch's transaction has ended.
func (d *door) pass(ctx context.Context, b preparedBatch) ([]Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &passage{batch: b, done: make(chan struct{})}
	d.mu.Lock()
	if d.shut {
		d.mu.Unlock()
		return nil, ErrClosed
	}
	d.line = append(d.line, p)
	d.mu.Unlock()
	d.ring()
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.state.CompareAndSwap(waiting, left) {
			return nil, ctx.Err()
		}
		<-p.done
	}
	return p.outcomes, p.err
}

func (d *door) ring() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Batches is how many batches have been committed since the file was opened, in how many transactions Commits says.
func (c *Collection) Batches() uint64 {
	if c.door == nil {
		return 0
	}
	return c.door.passed.Load()
}

// close lets the transaction in progress finish and turns the rest of the line away.
func (d *door) close() {
	d.mu.Lock()
	d.shut = true
	turned := d.line
	d.line = nil
	d.mu.Unlock()
	for _, p := range turned {
		p.end(nil, ErrClosed)
	}
	d.ring()
	<-d.idle
}

func (p *passage) end(outcomes []Outcome, err error) {
	p.outcomes, p.err = outcomes, err
	close(p.done)
}

// serve is the goroutine: it ends when the door is shut and the line is empty.
func (d *door) serve() {
	defer close(d.idle)
	for range d.wake {
		for {
			ps := d.take()
			if len(ps) == 0 {
				break
			}
			d.let(ps)
			d.taking.Store(0)
		}
		d.mu.Lock()
		shut := d.shut
		d.mu.Unlock()
		if shut {
			return
		}
	}
}

// take takes the front of the line, as much as one transaction holds.
func (d *door) take() []*passage {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ps []*passage
	n, changes, bytes := 0, 0, 0
	for _, p := range d.line {
		if len(ps) > 0 && (changes+len(p.batch.changes) > groupChanges || bytes+p.batch.bytes > groupBytes) {
			break
		}
		n++
		if !p.state.CompareAndSwap(waiting, taken) {
			continue
		}
		ps = append(ps, p)
		changes += len(p.batch.changes)
		bytes += p.batch.bytes
	}
	d.taking.Store(int32(len(ps)))
	clear(d.line[:n])
	d.line = d.line[n:]
	if len(d.line) == 0 {
		d.line = nil
	}
	return ps
}

// let runs one transaction and tells each batch what came of it. If a change cannot be applied, which means that the
// file is damaged where it looks, each batch is tried alone: the others may be well.
func (d *door) let(ps []*passage) {
	var got done
	d.c.revision.Add(1)
	err := guard(func() (err error) {
		got, err = d.commit(ps)
		return err
	})
	if err != nil && len(ps) > 1 && d.broken == nil {
		var failed *commitError
		if !errors.As(err, &failed) {
			d.c.revision.Add(1)
			for _, p := range ps {
				d.let([]*passage{p})
			}
			return
		}
	}
	if err == nil {
		d.c.commits.Add(1)
		d.passed.Add(uint64(len(ps)))
		if got.terms != nil {
			d.c.agreement.Store(got.terms)
		}
		d.c.newest.Store(max(d.c.newest.Load(), got.newest))
		d.c.grown(got.entries)
	}
	d.c.revision.Add(1) // before anybody is told
	for i, p := range ps {
		if err != nil {
			p.end(nil, err)
			continue
		}
		p.end(got.outcomes[i], nil)
	}
}

// commitError is a transaction that could not be made durable.
type commitError struct{ err error }

func (e *commitError) Error() string { return fmt.Sprintf("commit: %v", e.err) }
func (e *commitError) Unwrap() error { return e.err }

func (d *door) commit(ps []*passage) (done, error) {
	if d.broken != nil {
		return done{}, d.broken
	}
	tx, err := d.c.db.Begin(true)
	if err != nil {
		return done{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	t, err := openTables(tx)
	if err != nil {
		return done{}, err
	}
	g := group{now: d.clock(t.figures.lastAt), batches: make([]preparedBatch, len(ps))}
	for i, p := range ps {
		g.batches[i] = p.batch
	}
	before := t.figures.entries
	got, err := apply(t, g)
	if err != nil {
		return done{}, err
	}
	d.c.db.AllocSize = growth(tx.Size())
	if err := tx.Commit(); err != nil {
		d.doubt(before, err)
		return done{}, &commitError{err}
	}
	return got, nil
}

// doubt looks at the file after a commit that failed. When the pages could not be written, bbolt has gone back and
// nothing has happened. When the last step failed, the new state may be there or not, and only opening the file again
// tells: until then nothing more is written.
func (d *door) doubt(before uint64, cause error) {
	err := d.c.view(func(tx *bolt.Tx) error {
		f, err := readFigures(tx)
		if err == nil && f.entries != before {
			err = fmt.Errorf("the file has %d entries where it had %d", f.entries, before)
		}
		return err
	})
	if err != nil {
		d.c.newest.Store(unknownNewest)
		d.broken = fmt.Errorf("an earlier transaction failed (%w) and left the file in doubt; open it again: %w", cause, err)
	}
}

// clock reads the clock, in microseconds. The last date_added of a transaction may lie up to a millisecond ahead of the
// clock; waiting for the clock to come after it keeps that from adding up.
func (d *door) clock(lastAt uint64) uint64 {
	now := microseconds(d.c.opts.now())
	if lastAt < now {
		return now
	}
	wait := time.NewTimer(time.Duration(min(lastAt-now+1, 1000)) * time.Microsecond)
	defer wait.Stop()
	<-wait.C
	return microseconds(d.c.opts.now())
}

func microseconds(t time.Time) uint64 { return uint64(max(t.UnixMicro(), 1)) }

// growth is by how much a file grows when it is full: a little of what it has, so that small ones stay small and large
// ones seldom wait for it.
func growth(size int64) int { return int(max(size/64, 512<<10)) }

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	bolt "go.etcd.io/bbolt"
)

// How much goes into one transaction. A single batch may be larger.
const (
	groupChanges = 20_000
	groupBytes   = 32 << 20
)

// commitQueue writes a collection's file: batches wait in it, and one goroutine puts all that wait into one transaction.
// While that transaction waits for the disk, the next batches gather.
type commitQueue struct {
	c *Collection

	mu         sync.Mutex
	pending    []*pendingBatch // guarded by mu
	closed     bool            // guarded by mu: no further batch may join
	wake       chan struct{}
	ended      chan struct{} // closed when the goroutine has ended
	committing atomic.Int32  // batches in the transaction in progress
	batches    atomic.Uint64 // batches in transactions that were committed
	broken     error         // of the goroutine that writes: set when what is on disk is unknown

	// In a cluster: see runOrdered.
	underway underway
	timeout  time.Duration         // how long a group may be under way
	life     context.Context       // ends when the queue is closed
	end      context.CancelFunc    // ends it
	stopped  atomic.Pointer[error] // why messages cannot be applied here; nil: they can
}

// pendingBatch is one batch in the queue.
type pendingBatch struct {
	batch    preparedBatch
	state    atomic.Int32
	done     chan struct{} // closed when what follows is set
	outcomes []Outcome
	place    uint64 // in the log, if there is one
	err      error
}

const (
	stateWaiting int32 = iota
	stateTaken
	stateLeft
)

func newCommitQueue(c *Collection) *commitQueue {
	q := &commitQueue{c: c, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	if c.opts.Log == nil {
		go q.run()
		return q
	}
	q.timeout = cmp.Or(c.opts.ApplyTimeout, applyTimeout)
	q.life, q.end = context.WithCancel(context.Background())
	go q.runOrdered()
	return q
}

// enqueue adds a batch to the queue and returns when its transaction has ended.
func (q *commitQueue) enqueue(ctx context.Context, b preparedBatch) (*pendingBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &pendingBatch{batch: b, done: make(chan struct{})}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil, ErrClosed
	}
	q.pending = append(q.pending, p)
	q.mu.Unlock()
	q.signal()
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.state.CompareAndSwap(stateWaiting, stateLeft) {
			return nil, ctx.Err()
		}
		<-p.done
	}
	return p, p.err
}

func (q *commitQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Batches is how many batches have been committed since the file was opened, in how many transactions Commits says.
func (c *Collection) Batches() uint64 {
	if c.queue == nil {
		return 0
	}
	return c.queue.batches.Load()
}

// close finishes the transaction in progress and rejects the batches that wait.
func (q *commitQueue) close() {
	q.mu.Lock()
	q.closed = true
	rejected := q.pending
	q.pending = nil
	q.mu.Unlock()
	for _, p := range rejected {
		p.finish(nil, ErrClosed)
	}
	q.signal()
	if q.end != nil {
		q.end()
	}
	<-q.ended
}

func (p *pendingBatch) finish(outcomes []Outcome, err error) {
	p.outcomes, p.err = outcomes, err
	close(p.done)
}

// run is the goroutine. It ends when the queue is closed and empty.
func (q *commitQueue) run() {
	defer close(q.ended)
	for range q.wake {
		for {
			ps := q.next(groupBytes)
			if len(ps) == 0 {
				break
			}
			if ps = q.authorized(ps); len(ps) > 0 {
				q.commit(ps)
			}
			q.committing.Store(0)
		}
		q.mu.Lock()
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return
		}
	}
}

// next removes the front of the queue, as much as one transaction holds: of objects, so many bytes.
func (q *commitQueue) next(most int) []*pendingBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ps []*pendingBatch
	n, changes, bytes := 0, 0, 0
	for _, p := range q.pending {
		if len(ps) > 0 && (changes+len(p.batch.changes) > groupChanges || bytes+p.batch.bytes > most) {
			break
		}
		n++
		if !p.state.CompareAndSwap(stateWaiting, stateTaken) {
			continue
		}
		ps = append(ps, p)
		changes += len(p.batch.changes)
		bytes += p.batch.bytes
	}
	q.committing.Add(int32(len(ps)))
	clear(q.pending[:n])
	q.pending = q.pending[n:]
	if len(q.pending) == 0 {
		q.pending = nil
	}
	return ps
}

// authorized rejects the batches whose accounts may no longer make them, and returns the others.
func (q *commitQueue) authorized(ps []*pendingBatch) []*pendingBatch {
	ask := q.c.opts.Authorize
	if ask == nil {
		return ps
	}
	rest := ps[:0]
	for _, p := range ps {
		if err := ask(authority{p.batch.actor, p.batch.address, p.batch.administers, p.batch.onBehalf}); err != nil {
			p.finish(nil, err)
			continue
		}
		rest = append(rest, p)
	}
	return rest
}

// commit runs one transaction and hands each batch its outcomes. If a change cannot be applied, which means that the file
// is damaged in that place, each batch is tried alone: the others may succeed.
func (q *commitQueue) commit(ps []*pendingBatch) {
	var got groupResult
	q.c.revision.Add(1)
	err := verifiedbolt.Guard(func() (err error) {
		got, err = q.transact(ps)
		return err
	})
	if err != nil && len(ps) > 1 && q.broken == nil {
		var failed *commitError
		if !errors.As(err, &failed) {
			q.c.revision.Add(1)
			for _, p := range ps {
				q.commit([]*pendingBatch{p})
			}
			return
		}
	}
	if err == nil {
		q.c.commits.Add(1)
		q.batches.Add(uint64(len(ps)))
		if got.terms != nil {
			q.c.terms.Store(got.terms)
		}
		q.c.newest.Store(max(q.c.newest.Load(), got.newest))
		q.c.setLength(got.entries)
	}
	q.c.revision.Add(1) // before any caller returns
	for i, p := range ps {
		if err != nil {
			p.finish(nil, err)
			continue
		}
		p.finish(got.outcomes[i], got.errs[i])
	}
}

// commitError is a transaction that could not be made durable.
type commitError struct{ err error }

func (e *commitError) Error() string { return fmt.Sprintf("commit: %v", e.err) }
func (e *commitError) Unwrap() error { return e.err }

func (q *commitQueue) transact(ps []*pendingBatch) (groupResult, error) {
	if q.broken != nil {
		return groupResult{}, q.broken
	}
	tx, err := q.c.begin()
	if err != nil {
		return groupResult{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	t, err := openBuckets(tx)
	if err != nil {
		return groupResult{}, err
	}
	g := commitGroup{now: q.clock(t.stats.lastAt), terms: q.c.terms.Load(), batches: make([]preparedBatch, len(ps))}
	for i, p := range ps {
		g.batches[i] = p.batch
	}
	before := t.stats.entries
	got, err := apply(t, g)
	if err != nil {
		return groupResult{}, err
	}
	tx.DB().AllocSize = growth(tx.Size())
	if err := tx.Commit(); err != nil {
		q.examine(before, err)
		return groupResult{}, &commitError{err}
	}
	return got, nil
}

// examine reads the file after a commit that failed. When the pages could not be written, bbolt has gone back and
// nothing has happened. When the last step failed, the new state may be there or not, and only opening the file again
// tells: until then nothing more is written.
func (q *commitQueue) examine(before uint64, cause error) {
	err := q.c.view(func(tx *bolt.Tx) error {
		f, err := readStats(tx)
		if err == nil && f.entries != before {
			err = fmt.Errorf("the file has %d entries where it had %d", f.entries, before)
		}
		return err
	})
	if err != nil {
		q.c.newest.Store(unknownNewest)
		q.broken = fmt.Errorf("an earlier transaction failed (%w) and left the file in doubt; open it again: %w", cause, err)
	}
}

// clock reads the clock, in microseconds. The last date_added of a transaction may lie up to a millisecond ahead of the
// clock; waiting for the clock to come after it keeps that from adding up.
func (q *commitQueue) clock(lastAt uint64) uint64 {
	now := microseconds(q.c.opts.now())
	if lastAt < now {
		return now
	}
	wait := time.NewTimer(time.Duration(min(lastAt-now+1, 1000)) * time.Microsecond)
	defer wait.Stop()
	<-wait.C
	return microseconds(q.c.opts.now())
}

func microseconds(t time.Time) uint64 { return uint64(max(t.UnixMicro(), 1)) }

// growth is by how much a file grows when it is full: a little of what it has, so that small ones stay small and large
// ones seldom wait for it.
func growth(size int64) int { return int(max(size/64, 512<<10)) }

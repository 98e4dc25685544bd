package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
)

// In a cluster the commit queue does not write: it has groups of batches ordered by the log, and ApplyLog writes them, here as on
// every node. While groups are under way the next batches gather.

const (
	mostUnderway = 2       // groups of a collection that this node has proposed and not seen applied
	orderedBytes = 4 << 20 // of objects in one group; a larger batch goes alone
)

// mostBehind is how far a group's clock reading may be behind the latest that the file has seen. A node whose clock is further behind
// names a later time: its groups would be too old otherwise, see rememberGroups.
const mostBehind = uint64(rememberGroups / 2 / time.Microsecond)

// underway are the groups that were proposed and not yet seen applied.
type underway struct {
	mu     sync.Mutex
	groups map[uuid.UUID]*proposedGroup // guarded by mu
}

// proposedGroup is a group of batches that wait. The one that removes it from the underway finishes them.
type proposedGroup struct {
	pending []*pendingBatch
	done    chan struct{} // closed when they are finished
	message []byte
	group   *groupMessage // what the message says; nil of one about accord.db
}

// finish wakes the batches: each with what became of it, or all with err.
func (g *proposedGroup) finish(place uint64, result *groupResult, err error) {
	for i, p := range g.pending {
		p.place = place
		if result == nil {
			p.finish(nil, err)
			continue
		}
		p.finish(result.outcomes[i], result.errs[i])
	}
	close(g.done)
}

func (u *underway) add(id uuid.UUID, g *proposedGroup) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.groups == nil {
		u.groups = make(map[uuid.UUID]*proposedGroup)
	}
	u.groups[id] = g
}

// claim removes a group; nil if another claimed it, or it is none of this process.
func (u *underway) claim(id uuid.UUID) *proposedGroup {
	u.mu.Lock()
	defer u.mu.Unlock()
	g := u.groups[id]
	delete(u.groups, id)
	return g
}

// stop has the queue refuse what needs the log, until resume: nothing can be applied here.
func (q *commitQueue) stop(err error) { q.stopped.Store(&err) }
func (q *commitQueue) resume()        { q.stopped.Store(nil) }

// runOrdered is run in a cluster. It ends when the queue is closed and no group is under way.
func (q *commitQueue) runOrdered() {
	defer close(q.ended)
	var proposing sync.WaitGroup
	defer proposing.Wait()
	slots := make(chan struct{}, mostUnderway)
	for range q.wake {
		for q.anyPending() {
			slots <- struct{}{} // a group is under way no longer than q.timeout
			ps := q.authorized(q.next(orderedBytes))
			if len(ps) == 0 {
				<-slots
				continue
			}
			proposing.Go(func() {
				q.order(ps)
				q.committing.Add(-int32(len(ps)))
				<-slots
			})
		}
		q.mu.Lock()
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return
		}
	}
}

func (q *commitQueue) anyPending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending) > 0
}

// order proposes a group and returns when its batches are finished.
func (q *commitQueue) order(ps []*pendingBatch) {
	if stopped := q.stopped.Load(); stopped != nil {
		for _, p := range ps {
			p.finish(nil, fmt.Errorf("%w: %w", ErrNotProposed, *stopped))
		}
		return
	}
	g := &groupMessage{id: uuid.New(), batches: make([]preparedBatch, len(ps))}
	for i, p := range ps {
		g.batches[i] = p.batch
	}
	message, err := q.message(g)
	if err != nil {
		for _, p := range ps {
			if len(ps) > 1 { // one of them is to blame
				q.order([]*pendingBatch{p})
				continue
			}
			p.finish(nil, err)
		}
		return
	}
	q.underway.propose(q.life, proposal{q.c.opts.Log, q.c.id, g.id, q.timeout}, &proposedGroup{ps, make(chan struct{}), message, g})
}

// proposal is a message that is about to be proposed.
type proposal struct {
	log          Log
	about, group uuid.UUID
	timeout      time.Duration
}

// propose proposes a message and returns when the batches that wait for it are finished: by ApplyLog, or with an error.
func (u *underway) propose(ctx context.Context, m proposal, proposed *proposedGroup) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	u.add(m.group, proposed)
	err := m.log.Propose(ctx, m.about, m.group, proposed.message)
	if !errors.Is(err, ErrNotProposed) {
		select {
		case <-proposed.done:
			return
		case <-ctx.Done():
		}
		err = undecided(err, m.timeout)
	}
	if u.claim(m.group) == nil {
		<-proposed.done // it is being applied just now
		return
	}
	proposed.finish(0, nil, err)
}

// undecided is the error of a write that was proposed and not seen applied.
func undecided(err error, waited time.Duration) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUndecided, err)
	}
	return fmt.Errorf("%w: it was not applied here within %s", ErrUndecided, waited)
}

// message reads the clock and the head of the journal, and writes the message.
func (q *commitQueue) message(g *groupMessage) ([]byte, error) {
	var lastAt uint64
	err := q.c.view(func(tx *bolt.Tx) error {
		f, err := readStats(tx)
		if err != nil {
			return err
		}
		g.entries, lastAt = f.entries, f.lastAt
		if copy(g.root[:], tx.Bucket(bucketMeta).Get(keyHead)) != tlog.HashSize {
			return errors.New("the head of the tree is missing")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	g.clock = readingOf(q.clock(lastAt), q.c.logClock.Load())
	return encodeGroup(q.c.id, g)
}

// readingOf is the clock reading that a message names, in microseconds: see mostBehind.
func readingOf(now, latest uint64) uint64 {
	return max(now, latest-min(latest, mostBehind))
}

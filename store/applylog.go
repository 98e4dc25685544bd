package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/semaphore"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// ApplyLog applies messages about this collection, in the order of their places, in as few transactions as they fit into. It must
// not be called by two goroutines at once. Messages at places that the file has are passed over, so that they can be handed over
// again after a crash or an error.
//
// An error means that not all were applied; each transaction has its messages' effects, their ids and the place, or none of
// them. DiskErrorOf says of Full that nothing is wrong: the same messages can be handed over again. After another error the
// file, or the log, is damaged: nothing is skipped, and this agreement must be closed here, see Store.Quarantine.
func (c *Collection) ApplyLog(messages []Logged) error {
	if c.queue == nil || c.opts.Log == nil {
		return fmt.Errorf("apply the log to collection %s: %w", c.id, ErrNotInCluster)
	}
	if err := c.applyAll(messages); err != nil {
		c.queue.stop(err)
		return fmt.Errorf("apply the log to collection %s: %w", c.id, err)
	}
	c.queue.resume()
	return nil
}

// loggedGroup is a group and its place, and what it did.
type loggedGroup struct {
	*groupMessage
	place     uint64
	packed    int64          // how long the message is
	size      int64          // of its text, as far as it counts
	err       error          // the message could not be read
	proposed  *proposedGroup // by this process; else nil
	admission admission
	result    groupResult
	differs   *HeadDifference
}

// group reads a message. One that this process proposed, and which is still awaited, need not be parsed: its batches are here.
func (q *commitQueue) group(m Logged) *loggedGroup {
	g := &loggedGroup{place: m.Place}
	h, err := HeaderOf(m.Message)
	if err != nil {
		g.err = err
		return g
	}
	g.proposed = q.underway.claim(h.Group)
	if p := g.proposed; p != nil && bytes.Equal(p.message, m.Message) {
		g.groupMessage = p.group
		return g
	}
	g.groupMessage, g.err = parseGroup(q.c.id, m.Message)
	return g
}

// finish wakes the batches of a group that this process proposed.
func (g *loggedGroup) finish(err error) {
	switch {
	case g.proposed == nil:
	case err != nil:
		g.proposed.finish(0, nil, undecided(err, 0))
	case g.admission == admitted:
		g.proposed.finish(g.place, &g.result, nil)
	default:
		g.proposed.finish(g.place, nil, ErrStale)
	}
}

// How much text of messages one transaction applies, and how much is read meanwhile. A single message may be longer. Larger
// transactions write fewer pages of large files, where what is new is spread over all of them; in small ones they cost more
// for each object, because bbolt keeps what is new in a page as one sorted list until the end.
const (
	leastAtOnce = 4 << 20
	mostAtOnce  = 16 << 20
	readAhead   = 4 << 20
	groupsAhead = 4096
)

// manyAtOnce bounds how many transactions of all agreements are larger than leastAtOnce.
var manyAtOnce = semaphore.NewWeighted(2)

// atOnce returns how much text the next transaction applies, and what is to be called after it.
func (c *Collection) atOnce() (most int64, done func()) {
	if !c.CatchesUp() {
		return leastAtOnce, func() {}
	}
	err := c.view(func(tx *bolt.Tx) error {
		most = min(tx.Size()/64, mostAtOnce)
		return nil
	})
	if err != nil || most <= leastAtOnce || !manyAtOnce.TryAcquire(1) {
		return leastAtOnce, func() {}
	}
	return most, func() { manyAtOnce.Release(1) }
}

// applyAll applies messages. While one transaction is written, those behind it are read.
func (c *Collection) applyAll(messages []Logged) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	ahead := c.readMessages(ctx, messages)
	defer func() {
		cancel()
		for g := range ahead.groups {
			g.finish(err)
		}
		c.backlog.Store(0)
	}()
	waiting := int64(0)
	for _, m := range messages {
		waiting += int64(len(m.Message))
	}
	for {
		c.backlog.Store(waiting)
		most, done := c.atOnce()
		groups, err := ahead.take(most)
		if len(groups) > 0 && err == nil {
			err = c.applyGroups(groups)
		}
		done()
		if len(groups) == 0 {
			return err
		}
		size := int64(0)
		for _, g := range groups {
			g.finish(err)
			size += g.size
			waiting -= g.packed
		}
		if err != nil {
			return err
		}
		ahead.room.Release(size)
	}
}

// reader reads messages ahead of those that are applied.
type reader struct {
	queue  *commitQueue
	room   *semaphore.Weighted
	groups chan *loggedGroup // closed when all are read
}

// readMessages reads messages until ctx ends. Those read are to be taken to the last.
func (c *Collection) readMessages(ctx context.Context, messages []Logged) *reader {
	r := &reader{queue: c.queue, room: semaphore.NewWeighted(mostAtOnce + readAhead), groups: make(chan *loggedGroup, min(len(messages), groupsAhead))}
	go r.read(ctx, messages, c.placed.get())
	return r
}

func (r *reader) read(ctx context.Context, messages []Logged, place uint64) {
	defer close(r.groups)
	for _, m := range messages {
		if m.Place <= place {
			continue
		}
		place = m.Place
		g := r.queue.group(m)
		g.packed = int64(len(m.Message))
		if g.err == nil {
			g.size = min(int64(g.text), leastAtOnce)
			if r.room.Acquire(ctx, g.size) != nil {
				g.finish(context.Cause(ctx))
				return
			}
		}
		r.groups <- g
		if g.err != nil {
			return
		}
	}
}

// take returns the groups of one transaction; none when there are no more. An error is that of the last of them.
func (r *reader) take(most int64) (groups []*loggedGroup, err error) {
	size := int64(0)
	for size < most {
		g, ok := <-r.groups
		if !ok {
			break
		}
		groups = append(groups, g)
		if g.err != nil {
			return groups, fmt.Errorf("at place %d: %w", g.place, g.err)
		}
		size += g.size
	}
	return groups, nil
}

// applyGroups applies groups in one transaction.
func (c *Collection) applyGroups(groups []*loggedGroup) error {
	var in *terms
	c.revision.Add(1)
	err := verifiedbolt.Guard(func() (err error) {
		in, err = c.queue.transactLog(groups)
		return err
	})
	if err == nil {
		c.commits.Add(1)
		last := groups[len(groups)-1]
		for _, g := range groups {
			c.queue.batches.Add(uint64(len(g.batches)))
			if g.admission == admitted {
				c.newest.Store(max(c.newest.Load(), g.result.newest))
				c.setLength(g.result.entries)
			}
			c.logClock.Store(max(c.logClock.Load(), g.clock))
		}
		c.terms.Store(in)
		c.placed.set(last.place)
	}
	c.revision.Add(1) // before any caller returns
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.differs != nil && c.opts.HeadDiffers != nil {
			c.opts.HeadDiffers(*g.differs)
		}
	}
	return nil
}

// transactLog applies groups in one transaction and returns the terms that are in force after them.
func (q *commitQueue) transactLog(groups []*loggedGroup) (*terms, error) {
	if q.broken != nil {
		return nil, q.broken
	}
	tx, err := q.c.begin()
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	t, err := openBuckets(tx)
	if err != nil {
		return nil, err
	}
	log, err := readLogState(tx)
	if err != nil {
		return nil, err
	}
	before, in := t.stats.entries, q.c.terms.Load()
	for _, g := range groups {
		if g.admission, err = log.admit(g.clock, g.id); err != nil {
			return nil, fmt.Errorf("at place %d: %w", g.place, err)
		}
		if g.differs, err = g.compare(t); err != nil {
			return nil, fmt.Errorf("at place %d: %w", g.place, err)
		}
		if g.admission == admitted {
			if g.result, err = apply(t, commitGroup{now: g.clock, terms: in, batches: g.batches}); err != nil {
				return nil, fmt.Errorf("at place %d: %w", g.place, err)
			}
			if g.result.terms != nil {
				in = g.result.terms
			}
		}
		if err := log.note(g.place, g.clock, g.id, g.admission); err != nil {
			return nil, err
		}
	}
	tx.DB().AllocSize = growth(tx.Size())
	q.c.shown.Store(groups[len(groups)-1].place)
	if err := tx.Commit(); err != nil {
		q.examine(before, err)
		return nil, &commitError{err}
	}
	return in, nil
}

// compare compares the head that a group names with that of this file, which has what its writer had, and more. The group is
// applied in any case: one node that is wrong must not stop the others.
func (g *loggedGroup) compare(t *buckets) (*HeadDifference, error) {
	d := &HeadDifference{Entries: g.entries, There: g.root, Place: g.place}
	copy(d.Collection[:], t.meta.Get(keyID))
	if g.entries > t.stats.entries {
		return d, nil
	}
	var err error
	if d.Here, err = treeRoot(t.tx, t.stats.entries, g.entries); err != nil || d.Here == d.There {
		return nil, err
	}
	return d, nil
}

// treeRoot is the root of the tree of the first entries of a journal.
func treeRoot(tx *bolt.Tx, length, entries uint64) (root tlog.Hash, err error) {
	if entries == length && copy(root[:], tx.Bucket(bucketMeta).Get(keyHead)) == tlog.HashSize {
		return root, nil
	}
	return readRoot(tx, entries)
}

// InCluster reports whether the log of a cluster orders what changes this collection. Its file and those of other collections are
// then applied side by side: a follower's may have what its source's has not yet.
func (c *Collection) InCluster() bool { return c.opts.Log != nil }

// readOnly is why a collection that is open for reading is not changed.
func (c *Collection) readOnly() error {
	if c.format >= loggedCollectionFormat {
		return fmt.Errorf("%w: %w", ErrReadOnly, ErrInCluster)
	}
	return ErrReadOnly
}

// Place is the place of the last message about this collection that is in the file; 0 without a cluster.
func (c *Collection) Place() uint64 { return c.placed.get() }

// farBehind is how long messages are, in bytes, with which a file is further behind the log than writers bring about.
const farBehind = 1 << 20

// CatchesUp reports whether the file is far behind the log at this moment. What can wait should leave it the processors.
func (c *Collection) CatchesUp() bool { return c.backlog.Load() > farBehind }

// Shown is a place that whatever a reader has seen of this collection by now does not exceed: between the end of a transaction and
// Place there is a moment in which readers see more than Place says.
func (c *Collection) Shown() uint64 { return c.shown.Load() }

// Newest is when the newest version was added; nothing is added at that time or before it any more.
func (c *Collection) Newest() time.Time { return time.UnixMicro(int64(c.newest.Load())).UTC() }

// WaitPlace returns when the file has all that the log has about this collection up to a place, ctx ends, or the collection is
// closed (ErrClosed). Without a cluster it does so at once.
func (c *Collection) WaitPlace(ctx context.Context, place uint64) error {
	if c.opts.Log == nil {
		return nil
	}
	return waitPlace(ctx, place, &c.placed, c.opts.noted, c.closing)
}

// HeadAt returns the root of the tree of the first entries of the journal; ErrNoEntry if it has fewer.
func (c *Collection) HeadAt(entries uint64) (root tlog.Hash, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		f, err := readStats(tx)
		if err != nil {
			return err
		}
		if entries > f.entries {
			return ErrNoEntry
		}
		root, err = treeRoot(tx, f.entries, entries)
		return err
	})
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("read tree head at %d: %w", entries, err)
	}
	return root, nil
}

package store

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

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
	for len(messages) > 0 {
		n, err := c.applySome(messages)
		if err != nil {
			c.queue.stop(err)
			return fmt.Errorf("apply the log to collection %s: %w", c.id, err)
		}
		messages = messages[n:]
	}
	return nil
}

// loggedGroup is a group and its place, and what it did.
type loggedGroup struct {
	*groupMessage
	place     uint64
	proposed  *proposedGroup // by this process; else nil
	admission admission
	result    groupResult
	differs   *HeadDifference
}

// group reads a message. One that this process proposed, and which is still awaited, need not be parsed: its batches are here.
func (q *commitQueue) group(m Logged) (*loggedGroup, error) {
	h, err := HeaderOf(m.Message)
	if err != nil {
		return nil, err
	}
	g := &loggedGroup{place: m.Place, proposed: q.underway.claim(h.Group)}
	if p := g.proposed; p != nil && bytes.Equal(p.message, m.Message) {
		g.groupMessage = p.group
		return g, nil
	}
	g.groupMessage, err = parseGroup(q.c.id, m.Message)
	return g, err
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

// applySome applies as many messages as one transaction holds, and returns how many these are.
func (c *Collection) applySome(messages []Logged) (n int, err error) {
	var groups []*loggedGroup
	defer func() {
		for _, g := range groups {
			g.finish(err)
		}
	}()
	place, size := c.placed.get(), 0
	for _, m := range messages {
		if m.Place > place {
			if len(groups) > 0 && size+len(m.Message) > groupBytes/4 { // they are compressed
				break
			}
			g, err := c.queue.group(m)
			if g != nil {
				groups = append(groups, g)
			}
			if err != nil {
				return 0, fmt.Errorf("at place %d: %w", m.Place, err)
			}
			place, size = m.Place, size+len(m.Message)
		}
		n++
	}
	if len(groups) == 0 {
		return n, nil
	}
	var in *terms
	c.revision.Add(1)
	err = verifiedbolt.Guard(func() (err error) {
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
		return 0, err
	}
	c.queue.resume()
	for _, g := range groups {
		if g.differs != nil && c.opts.HeadDiffers != nil {
			c.opts.HeadDiffers(*g.differs)
		}
	}
	return n, nil
}

// transactLog applies groups in one transaction and returns the terms that are in force after them.
func (q *commitQueue) transactLog(groups []*loggedGroup) (*terms, error) {
	if q.broken != nil {
		return nil, q.broken
	}
	tx, err := q.c.db.Begin()
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
	q.c.db.AllocSize = growth(tx.Size())
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

// Place is the place of the last message about this collection that is in the file; 0 without a cluster.
func (c *Collection) Place() uint64 { return c.placed.get() }

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

package verifiedbolt

import (
	"bytes"
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A Copy writes what a file holds into another, in the order of keys, so that the other has full pages and no free ones. The first
// Follow copies everything, each further one what has changed since the one before. Others go on reading and writing the file.
//
// What has changed is found by the numbers of pages: bbolt never changes a page that is in use, and as long as the snapshot of the
// Follow before is open, none of its pages is used again. So a page that both snapshots lead to holds the same in both, and only
// the others are read.
type Copy struct {
	from, to *DB
	seen     *Snapshot // what the copy has; nil: nothing yet
}

// copyAtOnce is how many bytes one transaction of a copy writes.
const copyAtOnce = 4 << 20

// NewCopy returns a copy of from into to, an empty file that nothing else writes to.
func NewCopy(from, to *DB) *Copy { return &Copy{from: from, to: to} }

// Close ends the copy. Both files stay open. It may be called twice.
func (c *Copy) Close() {
	if c.seen != nil {
		c.seen.Close()
	}
}

// Follow brings the copy to what the file holds now, and returns how many pages it read for that. After each transaction it rests
// for as long as that took. After an error the copy is worth nothing.
func (c *Copy) Follow(ctx context.Context) (pages int, err error) { return c.follow(ctx, true) }

// Finish is Follow without rests, for a caller that keeps others from writing meanwhile.
func (c *Copy) Finish(ctx context.Context) (pages int, err error) { return c.follow(ctx, false) }

func (c *Copy) follow(ctx context.Context, rests bool) (pages int, err error) {
	now, err := c.snapshot(ctx)
	if err != nil {
		return 0, err
	}
	w := &copyWriter{ctx: ctx, db: c.to, rests: rests, fill: bolt.DefaultFillPercent}
	if c.seen == nil {
		w.fill = 1 // everything comes in order
	}
	defer w.rollback()
	err = Guard(func() error {
		if pages, err = c.bring(now, w); err != nil {
			return err
		}
		return w.commit()
	})
	if err != nil {
		now.Close()
		return pages, fmt.Errorf("copy %s: %w", c.from.Path(), err)
	}
	c.Close()
	c.seen = now
	return pages, nil
}

// snapshot begins to read the file as it is now, unless its context ends first. A writer that must map more of the file waits for all
// that read it, the snapshot before among them, and what begins to read waits for that writer: only closing that snapshot ends this.
func (c *Copy) snapshot(ctx context.Context) (*Snapshot, error) {
	if c.seen == nil {
		return c.from.Snapshot()
	}
	type taken struct {
		s   *Snapshot
		err error
	}
	took := make(chan taken, 1)
	go func() {
		s, err := c.from.Snapshot()
		took <- taken{s, err}
	}()
	select {
	case t := <-took:
		return t.s, t.err
	case <-ctx.Done():
	}
	c.Close()
	if t := <-took; t.err == nil {
		t.s.Close()
	}
	return nil, context.Cause(ctx)
}

// bring writes what a snapshot holds and the one before did not, and deletes the rest.
func (c *Copy) bring(now *Snapshot, w *copyWriter) (pages int, err error) {
	names, is, err := now.buckets()
	if err != nil {
		return 0, err
	}
	was := map[string]uint64{}
	if c.seen != nil {
		var before []string
		if before, was, err = c.seen.buckets(); err != nil {
			return 0, err
		}
		for _, name := range before {
			if _, kept := is[name]; !kept {
				if err := w.drop(name); err != nil {
					return 0, err
				}
			}
		}
	}
	for _, name := range names {
		root, known := was[name]
		var before *Snapshot
		if known {
			before = c.seen
		}
		n, err := bringBucket(name, before, root, now, is[name], w)
		pages += n
		if err != nil {
			return pages, fmt.Errorf("the bucket %s: %w", name, err)
		}
	}
	return pages, nil
}

// bringBucket brings one bucket. Its root is 0 where it is small enough to lie in the list of buckets; before is nil for a bucket
// that is not in the copy yet.
func bringBucket(name string, before *Snapshot, rootBefore uint64, now *Snapshot, root uint64, w *copyWriter) (pages int, err error) {
	if err := w.sequence(name, now.Tx.Bucket([]byte(name)).Sequence()); err != nil {
		return 0, err
	}
	old, err := leafSet(before, rootBefore)
	if err != nil {
		return 0, err
	}
	fresh, err := leafSet(now, root)
	if err != nil {
		return 0, err
	}
	pages, err = now.eachOf(name, root, old, func(k, v []byte) error { return w.put(name, k, v) })
	if err != nil || before == nil {
		return pages, err
	}
	cursor := now.Tx.Bucket([]byte(name)).Cursor()
	n, err := before.eachOf(name, rootBefore, fresh, func(k, _ []byte) error {
		if found, _ := cursor.Seek(k); bytes.Equal(found, k) {
			return nil
		}
		return w.delete(name, k)
	})
	return pages + n, err
}

// buckets returns the names of a snapshot's buckets, in order, and their roots: 0 for those that lie in the list itself.
func (s *Snapshot) buckets() (names []string, roots map[string]uint64, err error) {
	list := &root{}
	if err := list.add(pagesOf(s.Tx), uint64(s.Tx.Cursor().Bucket().Root())); err != nil {
		return nil, nil, err
	}
	roots = map[string]uint64{}
	list.buckets(func(name string, root uint64) {
		names = append(names, name)
		roots[name] = root
	})
	return names, roots, nil
}

// eachOf calls visit with what the pages at the bottom of a bucket hold, except those in a set, and returns how many pages it read.
func (s *Snapshot) eachOf(name string, root uint64, except pageSet, visit func(k, v []byte) error) (pages int, err error) {
	if root == 0 {
		return 0, s.Tx.Bucket([]byte(name)).ForEach(visit)
	}
	f := pagesOf(s.Tx)
	err = f.leaves(root, func(id uint64) error {
		if except.has(id) {
			return nil
		}
		pages++
		p, err := f.page(id)
		if err != nil {
			return err
		}
		return p.verify(leafPage, func(i int, key []byte) error {
			flags, _, value := p.leaf(i)
			if flags != 0 {
				return fmt.Errorf("%w: a bucket lies where none can be, at %x", ErrDamaged, key)
			}
			return visit(key, value)
		})
	})
	return pages, err
}

// pageSet is a set of pages: a bit for each.
type pageSet []uint64

func (s pageSet) has(id uint64) bool { return id/64 < uint64(len(s)) && s[id/64]&(1<<(id%64)) != 0 }

// leafSet returns the pages at the bottom of a bucket.
func leafSet(s *Snapshot, root uint64) (pageSet, error) {
	if s == nil || root == 0 {
		return nil, nil
	}
	f := pagesOf(s.Tx)
	set := make(pageSet, f.count()/64+1)
	err := f.leaves(root, func(id uint64) error {
		if err := f.within(id); err != nil {
			return err
		}
		set[id/64] |= 1 << (id % 64)
		return nil
	})
	return set, err
}

// leaves calls visit with the number of each page at the bottom of a bucket, in the order of keys. It reads the pages above alone.
func (f filePages) leaves(root uint64, visit func(id uint64) error) error {
	height := 0
	for id := root; ; height++ {
		p, err := f.page(id)
		if err != nil {
			return err
		}
		if p.flags() != branchPage {
			break
		}
		if p.count() == 0 || height == maxHeight {
			return fmt.Errorf("%w: from page %d there is no way down", ErrDamaged, root)
		}
		_, id = p.branch(0)
	}
	return f.leavesBelow(root, height, visit)
}

func (f filePages) leavesBelow(id uint64, height int, visit func(id uint64) error) error {
	if height == 0 {
		return visit(id)
	}
	p, err := f.page(id)
	if err != nil {
		return err
	}
	return p.verify(branchPage, func(i int, _ []byte) error {
		_, below := p.branch(i)
		return f.leavesBelow(below, height-1, visit)
	})
}

// copyWriter writes a copy, in transactions of bounded size.
type copyWriter struct {
	ctx   context.Context
	db    *DB
	rests bool
	fill  float64

	tx    *bolt.Tx // nil: none is open
	began time.Time
	bytes int          // written in it
	name  string       // of the bucket that was used last
	open  *bolt.Bucket // that one; nil: none
}

// bucket opens a bucket, made if it does not exist.
func (w *copyWriter) bucket(name string) (*bolt.Bucket, error) {
	if w.tx == nil {
		if err := context.Cause(w.ctx); err != nil {
			return nil, err
		}
		tx, err := w.db.Begin()
		if err != nil {
			return nil, err
		}
		w.tx, w.began = tx, time.Now()
	}
	if w.open == nil || w.name != name {
		b, err := w.tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return nil, err
		}
		b.FillPercent = w.fill
		w.open, w.name = b, name
	}
	return w.open, nil
}

func (w *copyWriter) sequence(name string, n uint64) error {
	b, err := w.bucket(name)
	if err != nil || b.Sequence() == n {
		return err
	}
	return b.SetSequence(n)
}

// put writes copies of a key and its value: the file that they are in may turn out to be damaged.
func (w *copyWriter) put(name string, k, v []byte) error {
	b, err := w.bucket(name)
	if err == nil {
		err = b.Put(bytes.Clone(k), append([]byte{}, v...))
	}
	if err != nil {
		return err
	}
	return w.wrote(len(k) + len(v))
}

func (w *copyWriter) delete(name string, k []byte) error {
	b, err := w.bucket(name)
	if err == nil {
		err = b.Delete(k)
	}
	if err != nil {
		return err
	}
	return w.wrote(len(k))
}

func (w *copyWriter) drop(name string) error {
	if _, err := w.bucket(name); err != nil {
		return err
	}
	w.open = nil
	return w.tx.DeleteBucket([]byte(name))
}

// wrote commits a transaction that is large enough.
func (w *copyWriter) wrote(bytes int) error {
	if w.bytes += bytes; w.bytes < copyAtOnce {
		return nil
	}
	if err := w.commit(); err != nil || !w.rests {
		return err
	}
	timer := time.NewTimer(time.Since(w.began))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

func (w *copyWriter) commit() error {
	tx := w.tx
	w.tx, w.open, w.bytes = nil, nil, 0
	if tx == nil {
		return nil
	}
	defer tx.Rollback() // does nothing after Commit
	return tx.Commit()
}

func (w *copyWriter) rollback() {
	if w.tx != nil {
		w.tx.Rollback()
	}
}

package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// derived lists the buckets that Rebuild makes anew from the others.
var derived = [][]byte{
	bucketHashes, bucketTypes, bucketVersions, bucketOrder, bucketByType, bucketByVersion, bucketByInstant, bucketByID, bucketTombstones,
	bucketRemovals, bucketTermed, bucketContributors, bucketFormerOwners,
}

// Rebuild makes all derived data anew from the journal, the objects and the documents, in one transaction: the tree,
// the indexes, the tombstones and the stats. It repairs neither the journal nor any object; Check reports what is still
// wrong.
func (c *Collection) Rebuild(ctx context.Context) error {
	if c.opts.ReadOnly {
		return fmt.Errorf("rebuild collection %s: %w", c.id, ErrReadOnly)
	}
	if err := c.update(func(tx *bolt.Tx) error { return rebuild(ctx, tx) }); err != nil {
		return fmt.Errorf("rebuild collection %s: %w", c.id, err)
	}
	return nil
}

func rebuild(ctx context.Context, tx *bolt.Tx) error {
	for _, name := range derived {
		if err := tx.DeleteBucket(name); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
			return fmt.Errorf("empty %s: %w", name, err)
		}
		if _, err := tx.CreateBucket(name); err != nil {
			return fmt.Errorf("empty %s: %w", name, err)
		}
	}
	if err := tx.Bucket(bucketMeta).Put(keyStats, (&stats{}).append(nil)); err != nil {
		return err
	}
	t, err := openBuckets(tx)
	if err != nil {
		return err
	}
	tree, err := newTreeAppender(t.hashes, t.journal, 0)
	if err != nil {
		return err
	}
	c := t.journal.Cursor()
	for k, b := c.First(); k != nil; k, b = c.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := journal.Position(binary.BigEndian.Uint64(k))
		if err := tree.add(b); err != nil {
			return err
		}
		e, err := journal.ParseEntry(b)
		if err == nil {
			err = t.replay(p, e)
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", p, err)
		}
	}
	if err := t.settleOrigins(); err != nil {
		return err
	}
	if err := t.putTree(tree); err != nil {
		return err
	}
	return t.putStats()
}

// replay makes the changes to the derived buckets that an entry's change made.
func (t *buckets) replay(p journal.Position, e journal.Entry) error {
	at := uint64(e.At.UnixMicro())
	t.stats.entries = uint64(p)
	t.stats.lastAt = max(t.stats.lastAt, at)
	switch e.Kind {
	case journal.Added:
		t.stats.lastAdded = max(t.stats.lastAdded, at)
		return t.replayAdded(e, at)
	case journal.Decided:
		id, ok := idKeyOf(t.tx, stix.ID(e.Object))
		if !ok {
			return fmt.Errorf("%s was never added", e.Object)
		}
		return t.removals.Put(removalKey(id, p), nil)
	case journal.Deleted, journal.Withdrawn:
		added, err := journal.ParseEntry(t.journal.Get(positionKey(e.Of)))
		if err != nil {
			return fmt.Errorf("entry %d, which it removes: %w", e.Of, err)
		}
		id, ok := idKeyOf(t.tx, stix.ID(added.Object))
		if !ok {
			return fmt.Errorf("%s was never added", added.Object)
		}
		tombstone, err := tombstoneKeyOf(id, added)
		if err != nil {
			return err
		}
		if err := t.removals.Put(removalKey(id, p), nil); err != nil {
			return err
		}
		return t.tombstones.Put(tombstone, positionKey(p))
	case journal.Terms:
		if err := t.termed.Put(positionKey(p), e.Digest[:]); err != nil {
			return err
		}
		return t.meta.Put(keyTerms, e.Digest[:])
	}
	return nil
}

func (t *buckets) replayAdded(e journal.Entry, at uint64) error {
	id := stix.ID(e.Object)
	if _, known := t.typeOf(id.Type()); !known {
		if err := t.newType(id.Type()); err != nil {
			return err
		}
	}
	if _, err := t.contributor(contributorOf(e)); err != nil {
		return err
	}
	key, _ := idKeyOf(t.tx, id)
	tombstone, err := tombstoneKeyOf(key, e)
	if err != nil {
		return err
	}
	if err := t.tombstones.Delete(tombstone); err != nil {
		return err
	}
	stored := t.objects.Get(addedKey(at))
	if stored == nil {
		return nil // removed since
	}
	r, err := parseRecord(stored)
	if err != nil {
		return err
	}
	v, o, err := readVersion(t.tx, addedKey(at), r)
	if err != nil {
		return err
	}
	prev, next, err := t.neighbours(v)
	if err != nil {
		return err
	}
	of, err := t.originFrom(key, neighbours{prev: prev, next: next}.any(), v.form())
	if err != nil {
		return err
	}
	if of != nil && v.form()&formUnversioned == 0 {
		v.origin = of.origin
	} else if v.origin, err = t.originBy(contributorOf(e), creatorOf(o)); err != nil {
		return err
	}
	t.stats.versions++
	t.stats.bytes += uint64(len(r.text))
	return t.linkBetween(v, prev, next)
}

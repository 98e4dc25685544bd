package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// buckets are the buckets of an agreement's file in a write transaction, with the stats as they are so far.
type buckets struct {
	tx *bolt.Tx

	meta, journal, hashes, documents, openings, objects, types, tombstones *bolt.Bucket
	removals, termed                                                       *bolt.Bucket
	versions, order, byType, byVersion, byInstant, byID                    *bolt.Bucket
	statuses, statusAge, cursors, followers, sources                       *bolt.Bucket
	contributors, formerOwners, refused, refusedAge                        *bolt.Bucket

	stats   stats
	deletes bool   // the transaction deletes something: see markDeletion
	scratch []byte // for keys of the indexes

	// For the searches of every addition, without their allocations.
	typeNumbers typeIndex

	contributorNumbers typeIndex
	versionKeys        *bolt.Cursor // in versions
	tombstoneKeys      pointGetter  // in tombstones
}

// pointGetter is a Get for a bucket that is read often: bbolt's own costs three allocations each time.
type pointGetter struct{ cursor *bolt.Cursor }

func (l pointGetter) get(key []byte) []byte {
	if k, v := l.cursor.Seek(key); bytes.Equal(k, key) {
		return v
	}
	return nil
}

// typeIndex returns the numbers of object types, each looked up once.
type typeIndex struct {
	bucket *bolt.Bucket
	known  map[string]uint64
}

func newTypeIndex(types *bolt.Bucket) typeIndex { return typeIndex{types, make(map[string]uint64)} }

func (n typeIndex) of(name string) (typ uint64, ok bool) {
	if typ, ok = n.known[name]; ok {
		return typ, true
	}
	v := n.bucket.Get([]byte(name))
	if v == nil {
		return 0, false
	}
	typ, _ = binary.Uvarint(v)
	n.known[name] = typ
	return typ, true
}

// How full pages are made when they are split, as a share. Where keys only ever grow nothing comes between, so pages can
// be full; runs of growing keys are now and then added to in their middle; the times of `modified` mostly grow; the rest
// comes in any order.
const (
	fillGrowing = 1.0
	fillRuns    = 0.9
	fillTimes   = 0.8
	fillAny     = 0.5
)

// layout lists the buckets of an agreement's file.
func (t *buckets) layout() []bucketLayout {
	return []bucketLayout{
		{&t.meta, bucketMeta, fillAny, 0},
		{&t.journal, bucketJournal, fillGrowing, 0},
		{&t.hashes, bucketHashes, fillGrowing, 0},
		{&t.documents, bucketDocuments, fillAny, 0},
		{&t.objects, bucketObjects, fillGrowing, 0},
		{&t.types, bucketTypes, fillAny, 0},
		{&t.versions, bucketVersions, fillAny, 0},
		{&t.order, bucketOrder, fillRuns, 0},
		{&t.byType, bucketByType, fillRuns, 0},
		{&t.byVersion, bucketByVersion, fillTimes, 0},
		{&t.byInstant, bucketByInstant, fillTimes, wideFormat},
		{&t.byID, bucketByID, fillAny, 0},
		{&t.tombstones, bucketTombstones, fillAny, 0},
		{&t.removals, bucketRemovals, fillAny, 0},
		{&t.termed, bucketTermed, fillGrowing, 0},
		{&t.statuses, bucketStatuses, fillAny, 0},
		{&t.statusAge, bucketStatusAge, fillGrowing, 0},
		{&t.cursors, bucketCursors, fillAny, 0},
		{&t.followers, bucketFollowers, fillAny, 0},
		{&t.sources, bucketSources, fillAny, 0},
		{&t.contributors, bucketContributors, fillAny, ownerFormat},
		{&t.formerOwners, bucketFormerOwners, fillAny, ownerFormat},
		{&t.refused, bucketRefused, fillAny, refusedFormat},
		{&t.refusedAge, bucketRefusedAge, fillAny, refusedFormat},
		{&t.openings, bucketOpenings, fillAny, openingsFormat},
	}
}

type bucketLayout struct {
	bucket **bolt.Bucket
	name   []byte
	fill   float64
	since  uint64 // the first format that has it
}

// openBuckets opens the buckets in a write transaction; a missing one is an error.
func openBuckets(tx *bolt.Tx) (*buckets, error) {
	t := &buckets{tx: tx}
	for _, l := range t.layout() {
		b := tx.Bucket(l.name)
		if b == nil {
			return nil, fmt.Errorf("the bucket %s is missing", l.name)
		}
		b.FillPercent = l.fill
		*l.bucket = b
	}
	t.openCursors()
	var err error
	t.stats, err = readStats(tx)
	return t, err
}

// openCursors makes what additions search with.
func (t *buckets) openCursors() {
	t.typeNumbers = newTypeIndex(t.types)
	t.contributorNumbers = newTypeIndex(t.contributors)
	t.versionKeys = t.versions.Cursor()
	t.tombstoneKeys = pointGetter{t.tombstones.Cursor()}
}

// createBuckets makes the buckets of a new file.
func createBuckets(tx *bolt.Tx) (*buckets, error) {
	t := &buckets{tx: tx}
	for _, l := range t.layout() {
		b, err := tx.CreateBucket(l.name)
		if err != nil {
			return nil, fmt.Errorf("make bucket %s: %w", l.name, err)
		}
		b.FillPercent = l.fill
		*l.bucket = b
	}
	t.openCursors()
	return t, t.putStats()
}

// putTree writes the new hashes of the tree, and its root.
func (t *buckets) putTree(tree *treeAppender) error {
	if err := tree.put(); err != nil {
		return err
	}
	head, err := tree.root()
	if err == nil {
		err = t.meta.Put(keyHead, head[:])
	}
	if err != nil {
		return fmt.Errorf("keep tree head: %w", err)
	}
	return nil
}

func (t *buckets) putStats() error {
	if err := t.meta.Put(keyStats, t.stats.append(nil)); err != nil {
		return fmt.Errorf("write stats: %w", err)
	}
	if t.deletes {
		return markDeletion(t.meta)
	}
	return nil
}

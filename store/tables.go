package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// tables are the buckets of an agreement's file inside a write transaction, with the figures as they are so far.
type tables struct {
	tx *bolt.Tx

	meta, journal, hashes, documents, objects, types, tombstones *bolt.Bucket
	removals, termed                                             *bolt.Bucket
	versions, order, byType, byVersion, byID                     *bolt.Bucket
	statuses, statusAge, cursors, followers, vouchers            *bolt.Bucket

	figures figures
	scratch []byte // for keys of the indexes

	// What every addition asks for, without the memory that a search of its own costs.
	numbers typeNumbers
	places  *bolt.Cursor // in versions
	graves  lookup       // in tombstones
}

// lookup is Get on a bucket that is asked often: a search of its own costs three allocations each time.
type lookup struct{ cursor *bolt.Cursor }

func (l lookup) get(key []byte) []byte {
	if k, v := l.cursor.Seek(key); bytes.Equal(k, key) {
		return v
	}
	return nil
}

// typeNumbers are the numbers of object types, each looked up once.
type typeNumbers struct {
	bucket *bolt.Bucket
	known  map[string]uint64
}

func numbersIn(types *bolt.Bucket) typeNumbers { return typeNumbers{types, make(map[string]uint64)} }

func (n typeNumbers) of(name string) (typ uint64, ok bool) {
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
func (t *tables) layout() []tableLayout {
	return []tableLayout{
		{&t.meta, bucketMeta, fillAny},
		{&t.journal, bucketJournal, fillGrowing},
		{&t.hashes, bucketHashes, fillGrowing},
		{&t.documents, bucketDocuments, fillAny},
		{&t.objects, bucketObjects, fillGrowing},
		{&t.types, bucketTypes, fillAny},
		{&t.versions, bucketVersions, fillAny},
		{&t.order, bucketOrder, fillRuns},
		{&t.byType, bucketByType, fillRuns},
		{&t.byVersion, bucketByVersion, fillTimes},
		{&t.byID, bucketByID, fillAny},
		{&t.tombstones, bucketTombstones, fillAny},
		{&t.removals, bucketRemovals, fillAny},
		{&t.termed, bucketTermed, fillGrowing},
		{&t.statuses, bucketStatuses, fillAny},
		{&t.statusAge, bucketStatusAge, fillGrowing},
		{&t.cursors, bucketCursors, fillAny},
		{&t.followers, bucketFollowers, fillAny},
		{&t.vouchers, bucketVouchers, fillAny},
	}
}

type tableLayout struct {
	bucket **bolt.Bucket
	name   []byte
	fill   float64
}

// openTables opens the buckets in a write transaction; missing ones are an error.
func openTables(tx *bolt.Tx) (*tables, error) {
	t := &tables{tx: tx}
	for _, l := range t.layout() {
		b := tx.Bucket(l.name)
		if b == nil {
			return nil, fmt.Errorf("the bucket %s is missing", l.name)
		}
		b.FillPercent = l.fill
		*l.bucket = b
	}
	t.enter()
	var err error
	t.figures, err = readFigures(tx)
	return t, err
}

// enter makes what additions look up.
func (t *tables) enter() {
	t.numbers = numbersIn(t.types)
	t.places = t.versions.Cursor()
	t.graves = lookup{t.tombstones.Cursor()}
}

// makeTables makes the buckets of a new file.
func makeTables(tx *bolt.Tx) (*tables, error) {
	t := &tables{tx: tx}
	for _, l := range t.layout() {
		b, err := tx.CreateBucket(l.name)
		if err != nil {
			return nil, fmt.Errorf("make bucket %s: %w", l.name, err)
		}
		b.FillPercent = l.fill
		*l.bucket = b
	}
	t.enter()
	return t, t.keepFigures()
}

// keepTree writes a tree that has grown, and its head.
func (t *tables) keepTree(tree *treeGrowth) error {
	if err := tree.keep(); err != nil {
		return err
	}
	head, err := tree.head()
	if err == nil {
		err = t.meta.Put(keyHead, head[:])
	}
	if err != nil {
		return fmt.Errorf("keep tree head: %w", err)
	}
	return nil
}

func (t *tables) keepFigures() error {
	if err := t.meta.Put(keyFigures, t.figures.append(nil)); err != nil {
		return fmt.Errorf("keep figures: %w", err)
	}
	return nil
}

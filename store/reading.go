package store

import (
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
)

// reading is the read transaction of one query. Opening a bucket costs a search and half a dozen allocations, which is as
// much as the rest of a small answer: each is opened once, when it is needed.
type reading struct {
	tx         *bolt.Tx
	collection *Collection

	types, versions, objects *bolt.Bucket // nil until asked for
}

func (r *reading) open(b **bolt.Bucket, name []byte) *bolt.Bucket {
	if *b == nil {
		*b = r.tx.Bucket(name)
	}
	return *b
}

func (r *reading) typeNumbers() *bolt.Bucket { return r.open(&r.types, bucketTypes) }

func (r *reading) versionKeys() *bolt.Bucket { return r.open(&r.versions, bucketVersions) }

func (r *reading) records() *bolt.Bucket { return r.open(&r.objects, bucketObjects) }

// knownFigures are the figures as they were after a transaction.
type knownFigures struct {
	transaction int
	figures     figures
}

// figures are those of the transaction that is read. They are parsed once for each transaction that changed the file.
func (r *reading) figures() (*figures, error) {
	if k := r.collection.figures.Load(); k != nil && k.transaction == r.tx.ID() {
		return &k.figures, nil
	}
	f, err := readFigures(r.tx)
	if err != nil {
		return nil, err
	}
	k := &knownFigures{r.tx.ID(), f}
	r.collection.figures.Store(k)
	return &k.figures, nil
}

// idKey is the key of an identifier; ok is false when no object of its type is here.
func (r *reading) idKey(id stix.ID) (key idKey, ok bool) { return idKeyIn(r.typeNumbers(), id) }

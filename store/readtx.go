package store

import (
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
)

// readTx is the read transaction of one query. Opening a bucket costs a search and half a dozen allocations, which is as
// much as the rest of a small answer: each is opened once, when it is needed.
type readTx struct {
	tx         *bolt.Tx
	collection *Collection

	types, objects, byID *bolt.Bucket // nil until asked for

	versionCursor *bolt.Cursor // in versions; nil until asked for
	located       location     // what was looked for last

	typeName   string // of the type asked for last
	typeNumber uint64 // of that type
}

// location is where the versions of an object begin, if it has any.
type location struct {
	id       stix.ID
	key      idKey
	k, value []byte // their first entry in the versions bucket; nil for none
}

func (r *readTx) open(b **bolt.Bucket, name []byte) *bolt.Bucket {
	if *b == nil {
		*b = r.tx.Bucket(name)
	}
	return *b
}

func (r *readTx) typeNumbers() *bolt.Bucket { return r.open(&r.types, bucketTypes) }

// versionKeys is a cursor in the versions bucket, which others move.
func (r *readTx) versionKeys() *bolt.Cursor {
	if r.versionCursor == nil {
		r.versionCursor = r.tx.Bucket(bucketVersions).Cursor()
	}
	return r.versionCursor
}

// find locates the versions of an object. The result is valid until the next call.
func (r *readTx) find(id stix.ID) *location {
	p := &r.located
	if p.key != nil && p.id == id {
		return p
	}
	key := p.key[:0]
	if key == nil {
		key = make(idKey, 0, idKeySize)
	}
	key, ok := r.appendIDKey(key, id)
	*p = location{id: id, key: key}
	if !ok {
		return p
	}
	k, value := r.versionKeys().Seek(key)
	if _, ok := cutPrefix(k, key); ok {
		p.k, p.value = k, value
	}
	return p
}

func (r *readTx) byIDKeys() *bolt.Bucket { return r.open(&r.byID, bucketByID) }

func (r *readTx) objectBucket() *bolt.Bucket { return r.open(&r.objects, bucketObjects) }

// cachedStats are the stats after a transaction.
type cachedStats struct {
	db          *bolt.DB
	transaction int
	stats       stats
}

// stats returns those of the transaction that is read. They are parsed once for each transaction that changed the file.
func (r *readTx) stats() (*stats, error) {
	if k := r.collection.stats.Load(); k != nil && k.db == r.tx.DB() && k.transaction == r.tx.ID() {
		return &k.stats, nil
	}
	f, err := readStats(r.tx)
	if err != nil {
		return nil, err
	}
	k := &cachedStats{r.tx.DB(), r.tx.ID(), f}
	r.collection.stats.Store(k)
	return &k.stats, nil
}

// appendIDKey appends the key of an identifier; ok is false when no object of its type is here.
func (r *readTx) appendIDKey(dst idKey, id stix.ID) (key idKey, ok bool) {
	if name := id.Type(); name == "" || name != r.typeName {
		number, ok := typeNumber(r.typeNumbers(), name)
		if !ok {
			return dst, false
		}
		r.typeName, r.typeNumber = name, number
	}
	return appendIDKey(dst, r.typeNumber, id)
}

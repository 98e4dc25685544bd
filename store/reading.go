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

	types, objects, byID *bolt.Bucket // nil until asked for

	places *bolt.Cursor // in versions; nil until asked for
	sought place        // what was looked for last

	name   string // of the type asked for last
	number uint64 // of that type
}

// place is where the versions of an object begin, if any are here.
type place struct {
	id       stix.ID
	key      idKey
	k, value []byte // their first entry in the versions bucket; nil: there is none
}

func (r *reading) open(b **bolt.Bucket, name []byte) *bolt.Bucket {
	if *b == nil {
		*b = r.tx.Bucket(name)
	}
	return *b
}

func (r *reading) typeNumbers() *bolt.Bucket { return r.open(&r.types, bucketTypes) }

// versionKeys is a cursor in the versions bucket, which others move.
func (r *reading) versionKeys() *bolt.Cursor {
	if r.places == nil {
		r.places = r.tx.Bucket(bucketVersions).Cursor()
	}
	return r.places
}

// find looks for the versions of an object. It is valid until the next time.
func (r *reading) find(id stix.ID) *place {
	p := &r.sought
	if p.key != nil && p.id == id {
		return p
	}
	key := p.key[:0]
	if key == nil {
		key = make(idKey, 0, idKeyRoom)
	}
	key, ok := r.idKey(key, id)
	*p = place{id: id, key: key}
	if !ok {
		return p
	}
	k, value := r.versionKeys().Seek(key)
	if _, ok := cutPrefix(k, key); ok {
		p.k, p.value = k, value
	}
	return p
}

func (r *reading) byIDKeys() *bolt.Bucket { return r.open(&r.byID, bucketByID) }

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

// idKey appends the key of an identifier; ok is false when no object of its type is here.
func (r *reading) idKey(dst idKey, id stix.ID) (key idKey, ok bool) {
	if name := id.Type(); name == "" || name != r.name {
		number, ok := typeNumber(r.typeNumbers(), name)
		if !ok {
			return dst, false
		}
		r.name, r.number = name, number
	}
	return appendIDKey(dst, r.number, id)
}

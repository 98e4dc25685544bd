package index

import (
	"encoding/binary"

	"github.com/google/uuid"
)

// The keys. Those of an agreement begin with the kind and the agreement's number, so that nothing of one agreement lies
// between keys of another.
//
//	kindMeta     name                              format, secret, the next number
//	kindNumber   collection id (16)                the agreement's number
//	kindState    number (4)                        see state
//	kindPosting  number, field, hash (8), chunk    bitmap of the positions in that chunk that have the term
//	kindAddress  number, addressKey (17), chunk    the same of an address or range
//	kindLive     number, chunk                     bitmap of live positions
//	kindObject   number, hash of the id (8)        the live position of the object
//	kindOwn      number, position                  the addresses of a live version
//	kindFacet    number, field, hash (8)           nothing: the term occurs
//	kindDay      number, day (4)                   the first position of that day
const (
	kindMeta byte = iota + 1
	kindNumber
	kindState
	kindPosting
	kindAddress
	kindLive
	kindObject
	kindOwn
	kindFacet
	kindDay
)

// number stands for an agreement in keys. It is never used again for another.
type number uint32

// chunkBits is how many low bits of a position lie within one bitmap.
const chunkBits = 16

func key(kind byte, n number, room int) []byte {
	b := make([]byte, 5, 5+room)
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], uint32(n))
	return b
}

func metaKey(name string) []byte { return append([]byte{kindMeta}, name...) }

func numberKey(id uuid.UUID) []byte { return append([]byte{kindNumber}, id[:]...) }

func stateKey(n number) []byte { return key(kindState, n, 0) }

// termKey is the key of a term's bitmaps without the chunk.
func termKey(n number, t term) []byte {
	return binary.BigEndian.AppendUint64(append(key(kindPosting, n, 13), byte(t.field)), t.hash)
}

func addressTermKey(n number, a addressKey) []byte { return append(key(kindAddress, n, 21), a[:]...) }

func liveKey(n number, chunk uint32) []byte { return withChunk(key(kindLive, n, 4), chunk) }

func withChunk(prefix []byte, chunk uint32) []byte {
	return binary.BigEndian.AppendUint32(prefix, chunk)
}

// chunkOfKey returns the chunk at the end of a key.
func chunkOfKey(k []byte) uint32 { return binary.BigEndian.Uint32(k[len(k)-4:]) }

func objectKey(n number, hash uint64) []byte {
	return binary.BigEndian.AppendUint64(key(kindObject, n, 8), hash)
}

func ownKey(n number, position uint32) []byte {
	return binary.BigEndian.AppendUint32(key(kindOwn, n, 4), position)
}

func facetKey(n number, t term) []byte {
	return binary.BigEndian.AppendUint64(append(key(kindFacet, n, 9), byte(t.field)), t.hash)
}

func dayKey(n number, day uint32) []byte {
	return binary.BigEndian.AppendUint32(key(kindDay, n, 4), day)
}

// behind is the first key after all that begin with a prefix.
func behind(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return b[:i+1]
		}
	}
	return nil
}

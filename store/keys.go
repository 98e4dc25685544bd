package store

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// The buckets of an agreement's file. Keys are built here and nowhere else.
//
// added is a date_added as 8 bytes big-endian microseconds since 1970; within a collection it names one version. id is
// an idKey, instant what stix.Instant.AppendKey writes, type a uvarint, class one byte (see class).
//
// Sources, and the stats in meta, are called on disk what the first builds called them. Files of older formats are opened for
// reading, checked and rebuilt without an upgrade, so another name would have to be chosen by format wherever they are read.
var (
	bucketMeta         = []byte("meta")         // format, id, stats, terms, head
	bucketJournal      = []byte("journal")      // position -> entry's canonical bytes
	bucketHashes       = []byte("hashes")       // chunk number -> hashesPerChunk hashes of the tree: see treeHashes
	bucketDocuments    = []byte("documents")    // SHA-256 -> agreement document, every one that was ever in force
	bucketObjects      = []byte("objects")      // added -> record
	bucketTypes        = []byte("types")        // name of an object type -> type, numbered as they first appear
	bucketVersions     = []byte("versions")     // id, instant, form -> added, class, of unversioned objects content hash, origin
	bucketOrder        = []byte("order")        // class, added -> nothing
	bucketByType       = []byte("bytype")       // type, class, added -> nothing
	bucketByVersion    = []byte("byversion")    // instant, type, class, added -> nothing
	bucketByInstant    = []byte("byinstant")    // instant, class, added -> nothing: of wide instants only, each of which is marked
	bucketByID         = []byte("byid")         // id, class, added -> nothing: objects with several versions only
	bucketTombstones   = []byte("tombstones")   // id, instant, form or id, SHA-256, form -> position of the Deleted entry
	bucketRemovals     = []byte("removals")     // id, position of a Deleted, Withdrawn or Decided entry -> nothing
	bucketOpenings     = []byte("openings")     // id of a release's target in documents -> key, name
	bucketTermed       = []byte("termed")       // position of a Terms entry -> SHA-256 of the agreement document
	bucketStatuses     = []byte("statuses")     // status id -> time, actor, body
	bucketStatusAge    = []byte("statusage")    // time, status id -> nothing
	bucketRefused      = []byte("refused")      // RefusedKey -> refused object
	bucketRefusedAge   = []byte("refusedage")   // party, time, RefusedKey -> how many bytes count
	bucketCursors      = []byte("cursors")      // follower -> position, turn
	bucketFollowers    = []byte("followers")    // follower, 0, key -> what it remembers
	bucketContributors = []byte("contributors") // party, collection or identity, see contributorKey -> number
	bucketFormerOwners = []byte("owners")       // id of an object that its owner deleted -> number of the contributor
	bucketSources      = []byte("vouchers")     // key in versions -> collections, 16 bytes each: see sourcesOf
)

// The keys of the meta bucket, beside keyFormat.
var (
	keyID    = []byte("id")
	keyStats = []byte("figures") // see above
	keyHead  = []byte("head")    // root of the tree
	keyTerms = []byte("terms")   // SHA-256 of the agreement's document in force

	keyUpgraded = []byte("upgraded") // entries that older formats have left, in whose programs terms did not hold at commit
)

// idKey is an object's identifier as a key: its type, then 0 and the UUID's 16 bytes: identifiers are equal whatever the
// case of their UUIDs. In files of older formats identifiers that are not all lower-case have 1 and the 36 characters. No
// idKey is a prefix of another.
type idKey []byte

// idKeySize is enough for nearly every idKey.
const idKeySize = 48

const (
	uuidPacked = 0
	uuidText   = 1
)

// appendIDKey appends the key of an identifier whose type has the number typ; ok is false when id has not the form of one.
func appendIDKey(dst []byte, typ uint64, id stix.ID) (_ []byte, ok bool) {
	text := id.UUID()
	if len(text) != 36 {
		return dst, false
	}
	dst = binary.AppendUvarint(dst, typ)
	if packed, err := uuid.Parse(text); err == nil {
		dst = append(dst, uuidPacked)
		return append(dst, packed[:]...), true
	}
	dst = append(dst, uuidText)
	return append(dst, text...), true
}

// idKeyLen is the length of the idKey at the start of k, 0 when there is none.
func idKeyLen(k []byte) int {
	n := typeLen(k)
	if n == 0 || n >= len(k) {
		return 0
	}
	size := n + 1 + 16
	if k[n] == uuidText {
		size = n + 1 + 36
	}
	if k[n] > uuidText || size > len(k) {
		return 0
	}
	return size
}

// typeLen is the length of the type number at the start of k, 0 when there is none.
func typeLen(k []byte) int {
	_, n := binary.Uvarint(k)
	return max(n, 0)
}

// form tells apart versions of one object with the same instant: an object may be held as STIX 2.0 and as 2.1, and
// the date_added that names an unversioned object is no `modified`.
type form byte

const (
	formSpec21 form = 1 << iota
	formUnversioned
)

func (f form) spec() string {
	if f&formSpec21 != 0 {
		return spec21
	}
	return spec20
}

// The spec versions that can be stored.
const (
	spec20 = "2.0"
	spec21 = "2.1"
)

func positionKey(p journal.Position) []byte { return addedKey(uint64(p)) }

// addedKey, once inlined, costs no memory where the key does not outlive its caller: bbolt copies keys.
func addedKey(added uint64) []byte {
	k := make([]byte, 8)
	binary.BigEndian.PutUint64(k, added)
	return k
}

// timeOf is the time of a date_added.
func timeOf(added uint64) time.Time { return time.UnixMicro(int64(added)).UTC() }

// taxiiTime writes a date_added, which is also the version of an object that has none (T-065).
func taxiiTime(added uint64) string { return timeOf(added).Format(journal.TimeFormat) }

// cutPrefix is bytes.CutPrefix that takes a nil key for none.
func cutPrefix(k, prefix []byte) ([]byte, bool) {
	if k == nil {
		return nil, false
	}
	return bytes.CutPrefix(k, prefix)
}

func addedOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

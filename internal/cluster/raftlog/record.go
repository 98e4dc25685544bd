package raftlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	bolt "go.etcd.io/bbolt"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// The buckets of a log. Each value is followed by the CRC-32C of its key and itself.
var (
	bucketEntries = []byte("entries") // index, 8 bytes -> time, term, type, data
	bucketState   = []byte("state")

	keyState    = []byte("state")    // state
	keyMembers  = []byte("members")  // the caller's
	keyIdentity = []byte("identity") // the caller's
)

// format is the first byte of the state: the version of the layout that this program reads and writes.
const format = 1

const (
	sumLen    = 4
	stateLen  = 1 + 8*8
	entryHead = 8 + 8 + 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// put stores a value with its checksum.
func put(b *bolt.Bucket, key, value []byte) error {
	kept := append(make([]byte, 0, len(value)+sumLen), value...)
	return b.Put(key, binary.BigEndian.AppendUint32(kept, sum(key, value)))
}

// get returns a value whose checksum is right. It is valid during the transaction.
func get(b *bolt.Bucket, key []byte) ([]byte, error) {
	if b == nil {
		return nil, fmt.Errorf("%w: a bucket is missing", verifiedbolt.ErrDamaged)
	}
	return verifySum(key, b.Get(key))
}

func verifySum(key, kept []byte) ([]byte, error) {
	n := len(kept) - sumLen
	if kept == nil {
		return nil, fmt.Errorf("%w: %q is missing", verifiedbolt.ErrDamaged, key)
	}
	if n < 0 || binary.BigEndian.Uint32(kept[n:]) != sum(key, kept[:n]) {
		return nil, fmt.Errorf("%w: a checksum is wrong", verifiedbolt.ErrDamaged)
	}
	return kept[:n:n], nil
}

func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// state is what a log knows besides its entries. They must agree.
type state struct {
	term, vote, commit uint64
	before, beforeTerm uint64 // the entry before the first one
	last, lastTerm     uint64
	applied            uint64
}

func (s *state) encode() []byte {
	b := append(make([]byte, 0, stateLen), format)
	for _, n := range []uint64{s.term, s.vote, s.commit, s.before, s.beforeTerm, s.last, s.lastTerm, s.applied} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func (s *state) decode(b []byte) error {
	if len(b) > 0 && b[0] != format {
		return fmt.Errorf("the log has format %d, this program reads format %d: use the Accord that made it, or a newer one", b[0], format)
	}
	if len(b) != stateLen {
		return fmt.Errorf("%w: its state has %d bytes", verifiedbolt.ErrDamaged, len(b))
	}
	for i, n := range []*uint64{&s.term, &s.vote, &s.commit, &s.before, &s.beforeTerm, &s.last, &s.lastTerm, &s.applied} {
		*n = binary.BigEndian.Uint64(b[1+8*i:])
	}
	return nil
}

func keyOf(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

func encodeEntry(e *pb.Entry, at time.Time) []byte {
	b := make([]byte, 0, entryHead+len(e.GetData()))
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, e.GetTerm())
	b = append(b, byte(e.GetType()))
	return append(b, e.GetData()...)
}

// decodeEntry reads an entry from what is kept under its key. The entry shares no memory with it.
func decodeEntry(key, kept []byte) (e *pb.Entry, at time.Time, err error) {
	if len(key) != 8 {
		return nil, at, fmt.Errorf("%w: a key has %d bytes", verifiedbolt.ErrDamaged, len(key))
	}
	v, err := verifySum(key, kept)
	if err != nil {
		return nil, at, err
	}
	if len(v) < entryHead {
		return nil, at, fmt.Errorf("%w: an entry has %d bytes", verifiedbolt.ErrDamaged, len(v))
	}
	at = time.Unix(0, int64(binary.BigEndian.Uint64(v)))
	e = &pb.Entry{
		Index: new(binary.BigEndian.Uint64(key)),
		Term:  new(binary.BigEndian.Uint64(v[8:])),
		Type:  pb.EntryType(v[16]).Enum(),
	}
	if len(v) > entryHead {
		e.Data = append([]byte(nil), v[entryHead:]...)
	}
	return e, at, nil
}

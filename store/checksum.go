package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	bolt "go.etcd.io/bbolt"
)

// What followers keep, and the count of what is to be swept, has a checksum, because no digest covers it: with a wrong bit
// in its cursor a release would leave out objects unnoticed.

// checksumFormat is the first format in which it has one.
const checksumFormat = 2

const checksumLen = 4

// checksumOf returns the CRC-32C of a key and its value.
func checksumOf(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// withChecksum returns a value as it is kept under a key: followed by the checksum of both.
func withChecksum(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(value)+checksumLen), value...), checksumOf(key, value))
}

// verifyChecksum returns the value that is kept under a key, nil if none is. It shares memory with kept.
func verifyChecksum(key, kept []byte) ([]byte, error) {
	if kept == nil {
		return nil, nil
	}
	n := len(kept) - checksumLen
	if n < 0 || binary.BigEndian.Uint32(kept[n:]) != checksumOf(key, kept[:n]) {
		return nil, fmt.Errorf("%w: what is kept under %q", verifiedbolt.ErrDamaged, key)
	}
	return kept[:n:n], nil
}

// verify is verifyChecksum for a file of any format.
func (c *Collection) verify(key, kept []byte) ([]byte, error) {
	if c.format < checksumFormat {
		return kept, nil
	}
	return verifyChecksum(key, kept)
}

// cursorIn returns how far a follower has come, 0 when it has not begun.
func (c *Collection) cursorIn(tx *bolt.Tx, follower string) (uint64, error) {
	key := []byte(follower)
	v, err := c.verify(key, tx.Bucket(bucketCursors).Get(key))
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: the cursor of %q has %d bytes, expected 8", verifiedbolt.ErrDamaged, follower, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// putCursor stores how far a follower has come.
func putCursor(cursors *bolt.Bucket, follower string, position uint64) error {
	key := []byte(follower)
	return cursors.Put(key, withChecksum(key, binary.BigEndian.AppendUint64(nil, position)))
}

// upgrade turns a file of an older format into one of this format, in one transaction. It rewrites the state of followers.
func upgrade(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketCursors, bucketFollowers} {
		b := tx.Bucket(name)
		if b == nil {
			return fmt.Errorf("the bucket %s is missing", name)
		}
		var kept []KeyValue // a bucket is not changed while it is walked
		err := b.ForEach(func(k, v []byte) error {
			kept = append(kept, KeyValue{append([]byte(nil), k...), withChecksum(k, v)})
			return nil
		})
		for _, kv := range kept {
			err = errors.Join(err, b.Put(kv.Key, kv.Value))
		}
		if err != nil {
			return fmt.Errorf("upgrade %s: %w", name, err)
		}
	}
	return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, collectionFormat))
}

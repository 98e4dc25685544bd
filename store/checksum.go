package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	bolt "go.etcd.io/bbolt"
)

// The state of followers and the count of what is to be swept have a checksum because no digest covers them: with a
// wrong bit in its cursor, a release would silently leave out objects.

// checksumFormat is the first file format with these checksums.
const checksumFormat = 2

const checksumLen = 4

// checksumOf returns the CRC-32C of a key and its value.
func checksumOf(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// withChecksum returns a value as it is stored under a key: followed by the checksum of both.
func withChecksum(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(value)+checksumLen), value...), checksumOf(key, value))
}

// verifyChecksum returns the value in kept, which was stored under key, or nil if kept is nil. The value shares memory
// with kept.
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

// progressIn returns the progress of a follower, or the zero progress if it has not begun.
func (c *Collection) progressIn(tx *bolt.Tx, follower string) (progress, error) {
	key := []byte(follower)
	v, err := c.verify(key, tx.Bucket(bucketCursors).Get(key))
	if err != nil || v == nil {
		return progress{}, err
	}
	return parseProgress(follower, v)
}

package store

import (
	"encoding/binary"
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

// progressIn returns how far a follower has come; the zero progress when it has not begun.
func (c *Collection) progressIn(tx *bolt.Tx, follower string) (progress, error) {
	key := []byte(follower)
	v, err := c.verify(key, tx.Bucket(bucketCursors).Get(key))
	if err != nil || v == nil {
		return progress{}, err
	}
	return parseProgress(follower, v)
}

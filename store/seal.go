package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// What followers keep bears a checksum. Nothing else says what it should be: with a wrong bit in its cursor a release
// would leave out what it has to bring, and nobody would notice.

// sealFormat is the first format in which it does.
const sealFormat = 2

const sealLen = 4

// sealOf is the CRC-32C of a key and its value.
func sealOf(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// sealed is a value as it is kept under a key: with the checksum of both behind it.
func sealed(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(value)+sealLen), value...), sealOf(key, value))
}

// unsealed is the value that is kept under a key, nil for nothing. It shares memory with what is kept.
func unsealed(key, kept []byte) ([]byte, error) {
	if kept == nil {
		return nil, nil
	}
	n := len(kept) - sealLen
	if n < 0 || binary.BigEndian.Uint32(kept[n:]) != sealOf(key, kept[:n]) {
		return nil, fmt.Errorf("%w: what a follower keeps under %q", errDamaged, key)
	}
	return kept[:n:n], nil
}

// unseal is unsealed for a file of any format.
func (c *Collection) unseal(key, kept []byte) ([]byte, error) {
	if c.format < sealFormat {
		return kept, nil
	}
	return unsealed(key, kept)
}

// cursorIn is how far a follower has come, 0 when it has not begun.
func (c *Collection) cursorIn(tx *bolt.Tx, follower string) (uint64, error) {
	key := []byte(follower)
	v, err := c.unseal(key, tx.Bucket(bucketCursors).Get(key))
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: the cursor of %q has %d bytes, expected 8", errDamaged, follower, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// putCursor keeps how far a follower has come.
func putCursor(cursors *bolt.Bucket, follower string, position uint64) error {
	key := []byte(follower)
	return cursors.Put(key, sealed(key, binary.BigEndian.AppendUint64(nil, position)))
}

// upgrade brings a file of an older format to this one, in one transaction. It costs what followers remember.
func upgrade(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketCursors, bucketFollowers} {
		b := tx.Bucket(name)
		if b == nil {
			return fmt.Errorf("the bucket %s is missing", name)
		}
		var kept []KeyValue // a bucket is not changed while it is walked
		err := b.ForEach(func(k, v []byte) error {
			kept = append(kept, KeyValue{append([]byte(nil), k...), sealed(k, v)})
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

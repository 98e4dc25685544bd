package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// ownerFormat is the first format in which versions have an origin, and followers turns.
const ownerFormat = 3

// upgrade brings a file of an older format to this one, in one transaction: a crash leaves the file as it was. Everything
// that is derived is made anew, owners among it, from the journal and the stored texts, which takes as long as accord check
// --rebuild.
func upgrade(tx *bolt.Tx, format uint64) error {
	for _, l := range new(buckets).layout() {
		if _, err := tx.CreateBucketIfNotExists(l.name); err != nil {
			return fmt.Errorf("make bucket %s: %w", l.name, err)
		}
	}
	if format < checksumFormat {
		if err := addChecksums(tx); err != nil {
			return err
		}
	}
	if format < ownerFormat {
		if err := dropAccountSources(tx); err != nil {
			return err
		}
		if err := rebuild(context.Background(), tx); err != nil {
			return err
		}
	}
	if format >= ownerFormat && format < wideFormat {
		if err := widenAll(tx); err != nil {
			return err
		}
	}
	if format < ownerFormat {
		key, _ := tx.Bucket(bucketJournal).Cursor().Last()
		if err := tx.Bucket(bucketMeta).Put(keyUpgraded, bytes.Clone(key)); err != nil {
			return fmt.Errorf("keep where the upgrade was: %w", err)
		}
	}
	return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, collectionFormat))
}

// addChecksums gives what followers keep its checksums.
func addChecksums(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketCursors, bucketFollowers} {
		b := tx.Bucket(name)
		var kept []KeyValue // a bucket is not changed while it is walked
		err := b.ForEach(func(k, v []byte) error {
			kept = append(kept, KeyValue{bytes.Clone(k), withChecksum(k, v)})
			return nil
		})
		for _, kv := range kept {
			err = errors.Join(err, b.Put(kv.Key, kv.Value))
		}
		if err != nil {
			return fmt.Errorf("upgrade %s: %w", name, err)
		}
	}
	return nil
}

// dropAccountSources ends the hold that accounts got on what a release had brought by adding it again, and the one that
// releases got on what an account had added.
func dropAccountSources(tx *bolt.Tx) error {
	b := tx.Bucket(bucketSources)
	var kept []KeyValue
	err := b.ForEach(func(k, v []byte) error {
		list, err := parseSources(v)
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0] == (uuid.UUID{}) {
			list = nil
		}
		var rest []uuid.UUID
		for _, one := range list {
			if one != (uuid.UUID{}) {
				rest = append(rest, one)
			}
		}
		kept = append(kept, KeyValue{bytes.Clone(k), appendSources(rest)})
		return nil
	})
	for _, kv := range kept {
		if len(kv.Value) == 0 {
			err = errors.Join(err, b.Delete(kv.Key))
		} else {
			err = errors.Join(err, b.Put(kv.Key, kv.Value))
		}
	}
	if err != nil {
		return fmt.Errorf("upgrade sources: %w", err)
	}
	return nil
}

// upgradedIn is the last position of what older formats have left; all, in a file that still has an older one.
func (c *Collection) upgradedIn(tx *bolt.Tx) journal.Position {
	if c.format < ownerFormat {
		return math.MaxUint64
	}
	if key := tx.Bucket(bucketMeta).Get(keyUpgraded); len(key) == 8 {
		return journal.Position(binary.BigEndian.Uint64(key))
	}
	return 0
}

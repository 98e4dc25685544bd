package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// meta checks the file's two meta pages.
func (k *checking) meta(db *verifiedbolt.DB) error {
	faults, err := db.MetaFaults()
	for _, fault := range faults {
		k.fault("%v", fault)
	}
	return err
}

// pages checks every page and reports whether the rest of the check can rely on the pages.
func (k *checking) pages(db *verifiedbolt.DB) bool {
	damage, err := db.Walk(k.tx)
	for _, err := range append(damage.Faults(), err) {
		if err != nil {
			k.fault("%v", err)
		}
	}
	return err == nil && len(damage.Buckets) == 0
}

// buckets reads every key and value once. All must be readable, and the keys must be in order.
func (k *checking) buckets() error {
	var t buckets
	belongs := map[string]bool{}
	for _, l := range t.layout() {
		belongs[string(l.name)] = true
	}
	belongs[string(bucketLog)] = k.collection.format >= loggedCollectionFormat
	return k.tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if !belongs[string(name)] {
			k.fault("the bucket %q does not belong here", name)
		}
		var before []byte
		var sum byte
		c := b.Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			if err := k.step(); err != nil {
				return err
			}
			if before != nil && bytes.Compare(before, key) >= 0 {
				k.fault("the keys of the bucket %s are out of order at %x", name, key)
			}
			before = append(before[:0], key...)
			for _, x := range value { // touches every byte, to find a value that cannot be read
				sum ^= x
			}
		}
		k.read ^= sum
		return nil
	})
}

package store

import (
	"bytes"
	"encoding/binary"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// objects checks that the index finds each stored text by the identifier and version in it.
func (k *checking) objects() error {
	versions := k.tx.Bucket(bucketVersions)
	c := k.tx.Bucket(bucketObjects).Cursor()
	for key, b := c.First(); key != nil; key, b = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		k.stats.versions++
		r, err := parseRecord(b)
		if err != nil {
			continue // already reported
		}
		k.stats.bytes += uint64(len(r.text))
		v, o, err := readVersion(k.tx, key, r)
		if err != nil {
			k.fault("the object added at %d: %v", r.position, err)
			continue
		}
		if !strings.EqualFold(string(r.id), string(o.ID)) || string(r.version) != o.Version {
			k.fault("the object added at %d is kept as %s %s, but its text says %s %s", r.position, r.id, r.version, o.ID, o.Version)
		}
		got, err := parseVersion(v.key, versions.Get(v.key))
		if err != nil || got.added != v.added || !sameHash(got.content, v.content, o) {
			k.fault("the object added at %d, %s %s, is not found by its identifier and version", r.position, o.ID, o.Version)
		}
	}
	return nil
}

// sameHash reports whether a hash in the index is that of the object's text: [stix.ContentHash], or the hash used in
// older files.
func sameHash(indexed, content uint64, o stix.Object) bool {
	return indexed == content || o.Instant.IsZero() && indexed == ijson.Hash(o.Tree)
}

// readVersion derives the entry in the versions index from a stored text, without the class.
func readVersion(tx *bolt.Tx, key []byte, r record) (version, stix.Object, error) {
	var tree ijson.Tree
	if err := tree.Parse(r.text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return version{}, stix.Object{}, err
	}
	o := stix.FromTree(&tree)
	id, ok := idKeyOf(tx, stix.ID(r.id)) // with its case as stored, which matters in an older format
	if !ok || len(key) != 8 {
		return version{}, stix.Object{}, errRecord
	}
	v := newVersion(id, o.Instant, r.form, addedOf(key))
	if r.form&formUnversioned != 0 {
		v.content = stix.ContentHash(&tree)
	}
	return v, o, nil
}

// types checks that object types are numbered from 1 without a gap.
func (k *checking) types() {
	numbered := map[uint64]string{}
	types := k.tx.Bucket(bucketTypes)
	c := types.Cursor()
	for name, value := c.First(); name != nil; name, value = c.Next() {
		typ, n := binary.Uvarint(value)
		if n <= 0 || n != len(value) || stix.CheckType(string(name)) != nil || numbered[typ] != "" {
			k.fault("the object type %q has the number %x, which is none or another's", name, value)
			continue
		}
		numbered[typ] = string(name)
	}
	// A damaged sequence may be any number: beyond the first gap there is nothing more to say.
	for typ := uint64(1); typ <= min(types.Sequence(), uint64(len(numbered))+1); typ++ {
		if numbered[typ] == "" {
			k.fault("no object type has the number %d, though %d have been given", typ, types.Sequence())
		}
	}
	for typ, name := range numbered {
		if typ > 0 && typ <= types.Sequence() {
			continue
		}
		k.fault("the object type %s has the number %d, though only %d have been given", name, typ, types.Sequence())
	}
}

// contributors checks that each contributor has a number of its own.
func (k *checking) contributors() {
	b := k.tx.Bucket(bucketContributors)
	if b == nil {
		return // a file of an older format, opened for reading
	}
	numbered := map[uint64]bool{}
	c := b.Cursor()
	for key, value := c.First(); key != nil; key, value = c.Next() {
		n, used := binary.Uvarint(value)
		if used <= 0 || used != len(value) || n == 0 || n > b.Sequence() || numbered[n] {
			k.fault("the contributor %q has the number %x, which is none or another's", key, value)
			continue
		}
		numbered[n] = true
	}
}

// indexes checks the class of each version, and that the indexes hold every version and nothing else.
func (k *checking) indexes() error {
	var group []version
	total, several, wide := 0, 0, 0
	types, byInstant := k.tx.Bucket(bucketTypes), k.tx.Bucket(bucketByInstant)
	end := func() {
		if len(group) == 0 {
			return
		}
		k.stats.objects++
		held := append([]version(nil), group...)
		classify(group)
		for i, v := range group {
			total++
			if !v.class.alone() {
				several++
			}
			if isWide(types, byInstant, v.instant()) {
				wide++
			}
			k.stats.classes[v.class]++
			if held[i].class != v.class {
				k.fault("the version added %s has the class %06b, but among its object's versions it is %06b", taxiiTime(v.added), held[i].class, v.class)
			}
			k.indexed(v)
		}
		if k.collection.format >= ownerFormat {
			k.origins(held)
		}
		group = group[:0]
	}
	c := k.tx.Bucket(bucketVersions).Cursor()
	for key, value := c.First(); key != nil; key, value = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		v, err := parseVersion(key, value)
		if err != nil {
			k.fault("the versions index at %x: %v", key, err)
			continue
		}
		if len(group) > 0 && !bytes.Equal(group[0].id(), v.id()) {
			end()
		}
		group = append(group, v)
	}
	end()
	if uint64(total) != k.stats.versions {
		k.fault("the versions index has %d versions, but %d are stored", total, k.stats.versions)
	}
	for _, index := range [][]byte{bucketOrder, bucketByType, bucketByVersion} {
		if n := countKeys(k.tx.Bucket(index)); n != total {
			k.fault("the index %s has %d keys, expected %d", index, n, total)
		}
	}
	if byInstant != nil {
		if n := countVersions(byInstant); n != wide {
			k.fault("the index %s has %d versions, expected %d", bucketByInstant, n, wide)
		}
	}
	if n := countKeys(k.tx.Bucket(bucketByID)); n != several {
		k.fault("the index %s has %d keys, expected %d", bucketByID, n, several)
	}
	return nil
}

// indexed checks that a version is in the indexes.
func (k *checking) indexed(v version) {
	t := buckets{
		types: k.tx.Bucket(bucketTypes), order: k.tx.Bucket(bucketOrder), byType: k.tx.Bucket(bucketByType),
		byVersion: k.tx.Bucket(bucketByVersion), byInstant: k.tx.Bucket(bucketByInstant), byID: k.tx.Bucket(bucketByID),
	}
	t.eachIndex(v, func(b *bolt.Bucket, key []byte) error {
		if value := b.Get(key); value == nil || len(value) > 0 {
			k.fault("the version added %s is missing from an index (key %x), or has a value there", taxiiTime(v.added), key)
		}
		return nil
	})
}

// countVersions counts the keys of bucketByInstant that stand for a version, not for a wide instant.
func countVersions(b *bolt.Bucket) (n int) {
	c := b.Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.Next() {
		if _, size := stix.InstantOfKey(key); len(key) != size+1 || key[size] != wideMark {
			n++
		}
	}
	return n
}

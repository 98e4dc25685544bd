package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
)

// wideTypes is up to how many object types a query by exact version merges one by one. An instant at which more types
// have versions is wide: bucketByInstant has its versions without their types, so that a page costs the same however many
// types there are. Nearly every agreement has fewer types, and keeps nothing there.
const wideTypes = 64

// wideFormat is the first format in which instants can be wide.
const wideFormat = 6

// wideMark follows a wide instant in the key that marks it. No class is that high, so the mark comes after the versions.
const wideMark = 0xff

// isWide reports whether an instant is wide. byInstant is nil in files of older formats.
func isWide(types, byInstant *bolt.Bucket, instant []byte) bool {
	if byInstant == nil || types.Sequence() <= wideTypes {
		return false
	}
	key := append(make([]byte, 0, 32), instant...)
	return byInstant.Get(append(key, wideMark)) != nil
}

// widen makes the instant of a version that was just indexed wide, if it is now one of too many types. Wide instants stay
// wide when objects are deleted: a rebuild forgets those that need not be.
func (t *buckets) widen(v version) error {
	instant := v.instant()
	if t.types.Sequence() <= wideTypes || isWide(t.types, t.byInstant, instant) {
		return nil
	}
	c := t.byVersion.Cursor()
	own := append(append([]byte(nil), instant...), v.typ()...)
	c.Seek(own)
	if k, _ := c.Next(); k != nil {
		if _, another := cutPrefix(k, own); another {
			return nil // only the first version of a type adds a type
		}
	}
	next := append([]byte(nil), instant...)
	for range wideTypes + 1 {
		k, _ := c.Seek(next)
		rest, ok := cutPrefix(k, instant)
		if !ok {
			return nil
		}
		next = append(append(next[:len(instant)], rest[:typeLen(rest)]...), wideMark)
	}
	return t.makeWide(instant)
}

// makeWide copies the versions of an instant to where their types do not matter.
func (t *buckets) makeWide(instant []byte) error {
	put := func(rest []byte) error {
		if err := t.byInstant.Put(append(append([]byte(nil), instant...), rest...), nil); err != nil {
			return fmt.Errorf("index an instant: %w", err)
		}
		return nil
	}
	if err := put([]byte{wideMark}); err != nil {
		return err
	}
	c := t.byVersion.Cursor()
	for k, _ := c.Seek(instant); ; k, _ = c.Next() {
		rest, ok := cutPrefix(k, instant)
		if !ok {
			return nil
		}
		if err := put(rest[typeLen(rest):]); err != nil {
			return err
		}
	}
}

// widenAll makes the instants wide that are so in a file of an older format.
func widenAll(tx *bolt.Tx) error {
	t, err := openBuckets(tx)
	if err != nil || t.types.Sequence() <= wideTypes {
		return err
	}
	var last, lastType []byte // what the keys before began with
	types := 0
	c := t.byVersion.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		_, n := stix.InstantOfKey(k)
		if n == 0 {
			return errVersions
		}
		instant, rest := k[:n], k[n:]
		typ := rest[:typeLen(rest)]
		switch {
		case string(instant) != string(last):
			last, lastType, types = instant, typ, 1
		case string(typ) != string(lastType):
			lastType = typ
			types++
		default:
			continue
		}
		if types == wideTypes+1 {
			if err := t.makeWide(instant); err != nil {
				return err
			}
		}
	}
	return nil
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
)

// version is one stored version as the indexes know it.
type version struct {
	key     []byte // in the versions bucket: id, instant, form
	idLen   int
	added   uint64
	class   class
	content uint64 // stix.ContentHash of an unversioned object
	origin
}

var errVersions = errors.New("the versions index is damaged")

// parseVersion reads an entry of the versions bucket. Its key stays part of k.
func parseVersion(k, v []byte) (version, error) {
	idLen := idKeyLen(k)
	if idLen == 0 || len(k) < idLen+7 || len(v) < 9 || class(v[8]) >= classes {
		return version{}, errVersions
	}
	got := version{key: k, idLen: idLen, added: binary.BigEndian.Uint64(v), class: class(v[8])}
	v = v[9:]
	if got.form()&formUnversioned != 0 {
		if len(v) < 8 {
			return version{}, errVersions
		}
		got.content, v = binary.BigEndian.Uint64(v), v[8:]
	}
	if len(v) == 0 { // of an older format
		return got, nil
	}
	var used [2]int
	got.adder, used[0] = binary.Uvarint(v)
	if used[0] <= 0 {
		return version{}, errVersions
	}
	got.creator, used[1] = binary.Uvarint(v[used[0]:])
	if used[1] <= 0 || used[0]+used[1] != len(v) {
		return version{}, errVersions
	}
	return got, nil
}

// newVersion makes the index's view of a version. The instant of an unversioned object is its date_added.
func newVersion(id idKey, instant stix.Instant, f form, added uint64) version {
	if f&formUnversioned != 0 {
		instant = stix.InstantOf(timeOf(added))
	}
	key := make([]byte, 0, len(id)+20)
	key = instant.AppendKey(append(key, id...))
	return version{key: append(key, byte(f)), idLen: len(id), added: added}
}

func (v *version) id() idKey       { return v.key[:v.idLen] }
func (v *version) typ() []byte     { return v.key[:typeLen(v.key)] }
func (v *version) instant() []byte { return v.key[v.idLen : len(v.key)-1] }
func (v *version) form() form      { return form(v.key[len(v.key)-1]) }

func (v *version) value() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), v.added)
	b = append(b, byte(v.class))
	if v.form()&formUnversioned != 0 {
		b = binary.BigEndian.AppendUint64(b, v.content)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, v.adder), v.creator)
}

// put writes a version into every index.
func (t *buckets) put(v version) error {
	if err := t.versions.Put(v.key, v.value()); err != nil {
		return fmt.Errorf("index version: %w", err)
	}
	t.stats.classes[v.class]++
	if err := t.eachIndex(v, func(b *bolt.Bucket, key []byte) error { return b.Put(key, nil) }); err != nil {
		return err
	}
	return t.widen(v)
}

// drop takes a version out of every index.
func (t *buckets) drop(v version) error {
	if err := t.versions.Delete(v.key); err != nil {
		return fmt.Errorf("index version: %w", err)
	}
	t.stats.classes[v.class]--
	return t.eachIndex(v, func(b *bolt.Bucket, key []byte) error { return b.Delete(key) })
}

// reclass gives a version another class.
func (t *buckets) reclass(v version, c class) error {
	if v.class == c {
		return nil
	}
	if err := t.drop(v); err != nil {
		return err
	}
	v.class = c
	return t.put(v)
}

// eachIndex calls do with every key, beside that of the versions bucket, under which a version is found.
func (t *buckets) eachIndex(v version, do func(*bolt.Bucket, []byte) error) error {
	var tail [9]byte // class, added
	tail[0] = byte(v.class)
	binary.BigEndian.PutUint64(tail[1:], v.added)
	key := append(t.scratch[:0], tail[:]...)
	err := do(t.order, key)
	if err == nil {
		key = append(append(key[:0], v.typ()...), tail[:]...)
		err = do(t.byType, key)
	}
	if err == nil {
		key = append(append(append(key[:0], v.instant()...), v.typ()...), tail[:]...)
		err = do(t.byVersion, key)
	}
	if err == nil && isWide(t.types, t.byInstant, v.instant()) {
		key = append(append(key[:0], v.instant()...), tail[:]...)
		err = do(t.byInstant, key)
	}
	if err == nil && !v.class.alone() {
		key = append(append(key[:0], v.id()...), tail[:]...)
		err = do(t.byID, key)
	}
	t.scratch = key
	if err != nil {
		return fmt.Errorf("index version added %s: %w", taxiiTime(v.added), err)
	}
	return nil
}

// link puts a new version among those of its object. An object held in one spec version costs its two neighbours, one
// held in both is classified anew as a whole.
func (t *buckets) link(v version) error {
	prev, next, err := t.neighbours(v)
	if err != nil {
		return err
	}
	return t.linkBetween(v, prev, next)
}

// linkBetween is link for a version whose neighbours are known.
func (t *buckets) linkBetween(v version, prev, next *version) error {
	if v.form()&formUnversioned != 0 {
		for _, other := range [...]*version{prev, next} {
			if other != nil && (other.class&accompanied != 0 || other.adder != v.adder) {
				return t.relink(v.id(), &v)
			}
		}
	}
	if prev != nil && prev.class&accompanied != 0 || next != nil && next.class&accompanied != 0 {
		return t.relink(v.id(), &v)
	}
	spec := classOfForm(v.form())
	if prev != nil && prev.class&(inSpec20|inBoth) != spec || next != nil && next.class&(inSpec20|inBoth) != spec {
		return t.relink(v.id(), &v)
	}
	v.class = spec
	if prev == nil {
		v.class |= firsts
	}
	if next == nil {
		v.class |= lasts
	}
	if prev != nil && next == nil {
		if err := t.reclass(*prev, prev.class&^lasts); err != nil {
			return err
		}
	}
	if next != nil && prev == nil {
		if err := t.reclass(*next, next.class&^firsts); err != nil {
			return err
		}
	}
	if prev == nil && next == nil {
		t.stats.objects++
	}
	return t.put(v)
}

// unlink takes versions of one object out of the indexes.
func (t *buckets) unlink(vs []version) error {
	both := false
	for _, v := range vs {
		both = both || v.class&(inBoth|accompanied) != 0
		if err := t.drop(v); err != nil {
			return err
		}
	}
	if len(vs) == 0 {
		return nil
	}
	id := vs[0].id()
	if both {
		return t.relink(id, nil)
	}
	first, last, err := t.ends(id)
	if err != nil {
		return err
	}
	if first == nil {
		t.stats.objects--
		return nil
	}
	if first.added == last.added {
		return t.reclass(*first, first.class|firsts|lasts)
	}
	if err := t.reclass(*first, first.class|firsts); err != nil {
		return err
	}
	return t.reclass(*last, last.class|lasts)
}

// relink classifies all versions of an object anew, with one more when it is given.
func (t *buckets) relink(id idKey, more *version) error {
	held, err := versionsOf(t.versionKeys, id)
	if err != nil {
		return err
	}
	now := make([]version, 0, len(held)+1)
	place := len(held)
	for i, v := range held {
		if more != nil && place == len(held) && string(v.key) > string(more.key) {
			place = i
		}
	}
	now = append(now, held[:place]...)
	if more != nil {
		now = append(now, *more)
	}
	now = append(now, held[place:]...)
	classify(now)
	if len(now) == 0 {
		t.stats.objects--
	}
	for i, v := range now {
		switch {
		case more != nil && i == place:
			err = t.put(v)
		case more != nil && i > place:
			err = t.reclass(held[i-1], v.class)
		default:
			err = t.reclass(held[i], v.class)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// neighbours are the versions of the same object before and after a new one.
func (t *buckets) neighbours(v version) (prev, next *version, err error) {
	c := t.versionKeys
	key, value := c.Seek(v.key)
	if next, err = sameObject(v.id(), key, value); err != nil {
		return nil, nil, err
	}
	if key == nil {
		key, value = c.Last() // beyond the end, Prev would skip the last
	} else {
		key, value = c.Prev()
	}
	prev, err = sameObject(v.id(), key, value)
	return prev, next, err
}

// ends are the first and last version of an object.
func (t *buckets) ends(id idKey) (first, last *version, err error) {
	c := t.versionKeys
	key, value := c.Seek(id)
	if first, err = sameObject(id, key, value); err != nil || first == nil {
		return nil, nil, err
	}
	key, _ = c.Seek(append(append(idKey{}, id...), 0xff)) // no year has this first byte
	if key == nil {
		key, value = c.Last()
	} else {
		key, value = c.Prev()
	}
	last, err = sameObject(id, key, value)
	if err == nil && last == nil {
		err = errVersions
	}
	return first, last, err
}

// sameObject reads an entry of the versions bucket if it is of the object id. The version owns its memory.
func sameObject(id idKey, key, value []byte) (*version, error) {
	if _, ok := cutPrefix(key, id); !ok {
		return nil, nil
	}
	v, err := parseVersion(append([]byte(nil), key...), value)
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// versionsOf reads all versions of an object, in order. They own their memory.
func versionsOf(c *bolt.Cursor, id idKey) ([]version, error) {
	var vs []version
	for key, value := c.Seek(id); ; key, value = c.Next() {
		v, err := sameObject(id, key, value)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return vs, nil
		}
		vs = append(vs, *v)
	}
}

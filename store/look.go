package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Look is a collection at one moment, for a follower that decides what to do. It is valid inside the function that got
// it, and so are the bytes it returns, unless it says otherwise.
type Look struct {
	tx *bolt.Tx

	// What is asked most, without the memory that a search of its own costs.
	versions  *bolt.Cursor
	followers lookup
	graves    lookup
	buried    bool // there is any tombstone
	numbers   typeNumbers
	scratch   []byte

	collection *Collection
	damage     error // found where no error can be returned
}

// Look calls fn with the collection as it is now. fn must not wait for anything. When something that fn asked for turned
// out to be damaged, it was told that there is nothing, and Look returns an error, whatever fn returns.
func (c *Collection) Look(fn func(*Look) error) error {
	err := c.view(func(tx *bolt.Tx) error {
		l := &Look{
			collection: c, tx: tx, versions: tx.Bucket(bucketVersions).Cursor(), followers: lookup{tx.Bucket(bucketFollowers).Cursor()},
			graves: lookup{tx.Bucket(bucketTombstones).Cursor()}, numbers: numbersIn(tx.Bucket(bucketTypes)),
		}
		first, _ := l.graves.cursor.First()
		l.buried = first != nil
		if err := fn(l); l.damage == nil {
			return err
		}
		return l.damage
	})
	if err != nil {
		return fmt.Errorf("look into collection %s: %w", c.id, err)
	}
	return nil
}

// HeldVersion is one stored version as followers see it. It owns its memory.
type HeldVersion struct {
	ID          stix.ID
	Instant     stix.Instant // of an unversioned object: of its date_added
	Unversioned bool
	Spec        string
	Added       time.Time
	Position    journal.Position
	Vouchers    []uuid.UUID // the collections it was brought from; the zero UUID stands for accounts
	Entry       journal.Entry
}

// Length is how many entries the journal has.
func (l *Look) Length() (journal.Position, error) {
	f, err := readFigures(l.tx)
	return journal.Position(f.entries), err
}

// Cursor is how far a follower has come, 0 when it has not begun.
func (l *Look) Cursor(follower string) uint64 {
	position, err := l.collection.cursorIn(l.tx, follower)
	l.damage = errors.Join(l.damage, err)
	return position
}

// unseal is a value that a follower keeps.
func (l *Look) unseal(key, kept []byte) []byte {
	value, err := l.collection.unseal(key, kept)
	if err != nil {
		l.damage = err
	}
	return value
}

// Releases lists the collections from which something was ever released here, in order of their id.
func (l *Look) Releases() []uuid.UUID {
	var list []uuid.UUID
	prefix := []byte(releasePrefix)
	c := l.tx.Bucket(bucketCursors).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if id, err := uuid.Parse(strings.TrimPrefix(string(k), releasePrefix)); err == nil {
			list = append(list, id)
		}
	}
	return list
}

// Memory is what a follower remembers under a key; nil for nothing, which is not the same as an empty value.
func (l *Look) Memory(follower, key string) []byte {
	l.scratch = appendFollowerKey(l.scratch[:0], follower, key)
	return l.unseal(l.scratch, l.followers.get(l.scratch))
}

// Remembers says whether a follower remembers anything under a key with a prefix.
func (l *Look) Remembers(follower string, prefix []byte) bool {
	full := followerKey(follower, prefix)
	k, _ := l.followers.cursor.Seek(full)
	return k != nil && bytes.HasPrefix(k, full)
}

// MemoryWith calls visit with what a follower remembers under keys with a prefix, in order, without the prefix.
func (l *Look) MemoryWith(follower string, prefix []byte, visit func(rest, value []byte)) {
	full := followerKey(follower, prefix)
	c := l.tx.Bucket(bucketFollowers).Cursor() // visit may ask for other things
	for k, v := c.Seek(full); k != nil && bytes.HasPrefix(k, full); k, v = c.Next() {
		visit(k[len(full):], l.unseal(k, v))
	}
}

// Entry is the entry at a position; ErrNoEntry beyond the journal. It owns its memory.
func (l *Look) Entry(p journal.Position) (journal.Entry, error) {
	b := l.tx.Bucket(bucketJournal).Get(positionKey(p))
	if b == nil {
		return journal.Entry{}, fmt.Errorf("entry %d: %w", p, ErrNoEntry)
	}
	e, err := journal.ParseEntry(b)
	if err != nil {
		return journal.Entry{}, fmt.Errorf("entry %d: %w", p, err)
	}
	return e, nil
}

// Text is the text of the version that an entry added, nil when it is no longer there.
func (l *Look) Text(p journal.Position, e journal.Entry) ([]byte, error) {
	b := l.tx.Bucket(bucketObjects).Get(addedKey(uint64(e.At.UnixMicro())))
	if b == nil || e.Kind != journal.Added {
		return nil, nil
	}
	r, err := parseRecord(b)
	if err != nil || r.position != p {
		return nil, err
	}
	return r.text, nil
}

// Holds says whether any version of an object is here.
func (l *Look) Holds(id stix.ID) bool {
	key, ok := l.idKey(id)
	if !ok {
		return false
	}
	k, _ := l.versions.Seek(key)
	_, ok = cutPrefix(k, key)
	return ok
}

// Versions lists the stored versions of an object, in their order.
func (l *Look) Versions(id stix.ID) ([]HeldVersion, error) {
	key, ok := l.idKey(id)
	if !ok {
		return nil, nil
	}
	vs, err := versionsOf(l.versions, key)
	if err != nil || len(vs) == 0 {
		return nil, err
	}
	list := make([]HeldVersion, len(vs))
	for i, v := range vs {
		if list[i], err = l.held(v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Walk calls visit with every stored version from a place on, object by object, until visit returns false. next is the
// place of the version that comes after the one visited; nil is the beginning.
func (l *Look) Walk(from []byte, visit func(v HeldVersion, next []byte) bool) error {
	c := l.tx.Bucket(bucketVersions).Cursor() // visit may ask for other things
	for k, value := c.Seek(from); k != nil; {
		v, err := parseVersion(slices.Clone(k), value)
		if err != nil {
			return err
		}
		h, err := l.held(v)
		if err != nil {
			return err
		}
		k, value = c.Next()
		if !visit(h, k) {
			return nil
		}
	}
	return nil
}

func (l *Look) held(v version) (HeldVersion, error) {
	r, err := readRecord(l.tx.Bucket(bucketObjects), v.added)
	if err != nil {
		return HeldVersion{}, err
	}
	e, err := l.Entry(r.position)
	if err != nil {
		return HeldVersion{}, err
	}
	h := HeldVersion{
		ID: stix.ID(r.id), Unversioned: v.form()&formUnversioned != 0, Spec: v.form().spec(),
		Added: timeOf(v.added), Position: r.position, Entry: e,
	}
	h.Instant, _ = stix.InstantOfKey(v.instant())
	if kept := l.tx.Bucket(bucketVouchers).Get(v.key); kept != nil {
		h.Vouchers, err = parseVouchers(kept)
	} else {
		h.Vouchers = []uuid.UUID{e.Source.Collection}
	}
	return h, err
}

// Buried says whether the version that an entry, here or elsewhere, added was once here and was removed: followers do not
// bring it back.
func (l *Look) Buried(added journal.Entry) bool {
	if !l.buried {
		return false
	}
	id, ok := l.idKey(stix.ID(added.Object))
	if !ok {
		return false
	}
	key, err := tombstoneOf(id, added)
	return err == nil && l.graves.get(key) != nil
}

// idKey is the key of an identifier, valid until the next question; ok is false when no object of its type is here.
func (l *Look) idKey(id stix.ID) (key idKey, ok bool) {
	typ, known := l.numbers.of(id.Type())
	if !known {
		return nil, false
	}
	key, ok = appendIDKey(l.scratch[:0], typ, id)
	l.scratch = key
	return key, ok
}

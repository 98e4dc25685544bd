package store

import (
	"bytes"
	"encoding/binary"
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
	tx                              *bolt.Tx
	followers, versions, tombstones *bolt.Bucket // asked most
}

// Look calls fn with the collection as it is now. fn must not wait for anything.
func (c *Collection) Look(fn func(*Look) error) error {
	err := c.view(func(tx *bolt.Tx) error {
		return fn(&Look{tx, tx.Bucket(bucketFollowers), tx.Bucket(bucketVersions), tx.Bucket(bucketTombstones)})
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
	if b := l.tx.Bucket(bucketCursors).Get([]byte(follower)); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
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
func (l *Look) Memory(follower string, key []byte) []byte {
	return l.followers.Get(followerKey(follower, key))
}

// Remembers says whether a follower remembers anything under a key with a prefix.
func (l *Look) Remembers(follower string, prefix []byte) bool {
	full := followerKey(follower, prefix)
	k, _ := l.followers.Cursor().Seek(full)
	return k != nil && bytes.HasPrefix(k, full)
}

// MemoryWith calls visit with what a follower remembers under keys with a prefix, in order, without the prefix.
func (l *Look) MemoryWith(follower string, prefix []byte, visit func(rest, value []byte)) {
	full := followerKey(follower, prefix)
	c := l.followers.Cursor()
	for k, v := c.Seek(full); k != nil && bytes.HasPrefix(k, full); k, v = c.Next() {
		visit(k[len(full):], v)
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
	key, ok := idKeyOf(l.tx, id)
	if !ok {
		return false
	}
	k, _ := l.versions.Cursor().Seek(key)
	_, ok = cutPrefix(k, key)
	return ok
}

// Versions lists the stored versions of an object, in their order.
func (l *Look) Versions(id stix.ID) ([]HeldVersion, error) {
	key, ok := idKeyOf(l.tx, id)
	if !ok {
		return nil, nil
	}
	vs, err := versionsOf(l.versions, key)
	if err != nil {
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
	c := l.versions.Cursor()
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
	id, ok := idKeyOf(l.tx, stix.ID(added.Object))
	if !ok {
		return false
	}
	key, err := tombstoneOf(id, added)
	return err == nil && l.tombstones.Get(key) != nil
}

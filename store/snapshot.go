package store

import (
	"bytes"
	"encoding/binary"
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

// Snapshot is a collection at one moment, for a follower that plans what to do. It is valid inside the function that got
// it, and so are the bytes it returns, unless a method says otherwise.
type Snapshot struct {
	tx *bolt.Tx

	// For the most frequent searches, without their allocations.
	versions      *bolt.Cursor
	followers     pointGetter
	tombstoneKeys pointGetter
	anyTombstone  bool // the file has any tombstone
	typeNumbers   typeIndex
	scratch       []byte

	collection *Collection
	ownersNow  *owners // nil until asked for
	damage     error   // found by a method that returns no error
}

// Snapshot calls fn with the collection as it is now. fn must not wait for anything. If something that fn asked for is
// damaged, fn gets nothing for it, and Snapshot returns an error, whatever fn returns.
func (c *Collection) Snapshot(fn func(*Snapshot) error) error {
	err := c.view(func(tx *bolt.Tx) error {
		l := &Snapshot{
			collection: c, tx: tx, versions: tx.Bucket(bucketVersions).Cursor(), followers: pointGetter{tx.Bucket(bucketFollowers).Cursor()},
			tombstoneKeys: pointGetter{tx.Bucket(bucketTombstones).Cursor()}, typeNumbers: newTypeIndex(tx.Bucket(bucketTypes)),
		}
		first, _ := l.tombstoneKeys.cursor.First()
		l.anyTombstone = first != nil
		if err := fn(l); l.damage == nil {
			return err
		}
		return l.damage
	})
	if err != nil {
		return fmt.Errorf("read collection %s: %w", c.id, err)
	}
	return nil
}

// StoredVersion is one stored version as followers see it. It owns its memory.
type StoredVersion struct {
	ID          stix.ID
	Instant     stix.Instant // of an unversioned object: of its date_added
	Unversioned bool
	Spec        string
	Added       time.Time
	Position    journal.Position
	Sources     []uuid.UUID // the collections it was brought from; only the zero UUID when an account added it
	Owner       Owner       // of the object; of an unversioned one, of this content
	Entry       journal.Entry
}

// Length is how many entries the journal has.
func (l *Snapshot) Length() (journal.Position, error) {
	f, err := readStats(l.tx)
	return journal.Position(f.entries), err
}

// Cursor is how far a follower has come, 0 when it has not begun.
func (l *Snapshot) Cursor(follower string) uint64 {
	return l.progress(follower).position
}

// Turn is how often a follower has been updated: what a FollowerUpdate that is planned on this snapshot names.
func (l *Snapshot) Turn(follower string) uint64 { return l.progress(follower).turn }

func (l *Snapshot) progress(follower string) progress {
	p, err := l.collection.progressIn(l.tx, follower)
	l.damage = errors.Join(l.damage, err)
	return p
}

// checked returns a value of a follower's state, its checksum verified.
func (l *Snapshot) checked(key, kept []byte) []byte {
	value, err := l.collection.verify(key, kept)
	if err != nil {
		l.damage = err
	}
	return value
}

// Releases lists the collections from which something was ever released here, in order of their id.
func (l *Snapshot) Releases() []uuid.UUID { return l.followersNamed(releasePrefix) }

// Feedbacks lists the collections from which feedback ever came back here, in order of their id.
func (l *Snapshot) Feedbacks() []uuid.UUID { return l.followersNamed(feedbackPrefix) }

func (l *Snapshot) followersNamed(word string) []uuid.UUID {
	var list []uuid.UUID
	prefix := []byte(word)
	c := l.tx.Bucket(bucketCursors).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if id, err := uuid.Parse(strings.TrimPrefix(string(k), word)); err == nil {
			list = append(list, id)
		}
	}
	return list
}

// State returns the follower's state under a key; nil for none, which is not the same as an empty value.
func (l *Snapshot) State(follower, key string) []byte {
	l.scratch = appendFollowerKey(l.scratch[:0], follower, key)
	return l.checked(l.scratch, l.followers.get(l.scratch))
}

// HasState reports whether the follower has state under any key with a prefix.
func (l *Snapshot) HasState(follower string, prefix []byte) bool {
	full := followerKey(follower, prefix)
	k, _ := l.followers.cursor.Seek(full)
	return k != nil && bytes.HasPrefix(k, full)
}

// EachState calls visit with the follower's state under keys with a prefix, in order, without the prefix.
func (l *Snapshot) EachState(follower string, prefix []byte, visit func(rest, value []byte)) {
	full := followerKey(follower, prefix)
	c := l.tx.Bucket(bucketFollowers).Cursor() // visit may ask for other things
	for k, v := c.Seek(full); k != nil && bytes.HasPrefix(k, full); k, v = c.Next() {
		visit(k[len(full):], l.checked(k, v))
	}
}

// FirstState calls visit with the keys of the follower's state that have a prefix, in order and without the prefix, until it
// returns true.
func (l *Snapshot) FirstState(follower string, prefix []byte, visit func(rest []byte) bool) {
	full := followerKey(follower, prefix)
	c := l.tx.Bucket(bucketFollowers).Cursor()
	for k, v := c.Seek(full); k != nil && bytes.HasPrefix(k, full); k, v = c.Next() {
		l.checked(k, v)
		if visit(k[len(full):]) {
			return
		}
	}
}

// Entry is the entry at a position; ErrNoEntry beyond the journal. It owns its memory.
func (l *Snapshot) Entry(p journal.Position) (journal.Entry, error) {
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

// Positions answers a query with the positions of the versions that it selects. MaxBytes does not apply.
func (l *Snapshot) Positions(q Query) ([]journal.Position, error) {
	var page Page
	err := (&readTx{tx: l.tx, collection: l.collection}).query(q, &page, false, func(record, uint64) bool { return true })
	return page.Positions, err
}

// Text is the text of the version that an entry added, nil when it is no longer there.
func (l *Snapshot) Text(p journal.Position, e journal.Entry) ([]byte, error) {
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

// Holds reports whether any version of an object is stored.
func (l *Snapshot) Holds(id stix.ID) bool {
	key, ok := l.idKey(id)
	if !ok {
		return false
	}
	k, _ := l.versions.Seek(key)
	_, ok = cutPrefix(k, key)
	return ok
}

// Versions lists the stored versions of an object, in their order.
func (l *Snapshot) Versions(id stix.ID) ([]StoredVersion, error) {
	key, ok := l.idKey(id)
	if !ok {
		return nil, nil
	}
	vs, err := versionsOf(l.versions, key)
	if err != nil || len(vs) == 0 {
		return nil, err
	}
	list := make([]StoredVersion, len(vs))
	for i, v := range vs {
		if list[i], err = l.describe(v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// VersionOf returns the entry of the version that is stored now under the object, version and spec version of an entry; ok is
// false if none is. Objects without versions have none.
func (l *Snapshot) VersionOf(e journal.Entry) (now journal.Entry, ok bool, err error) {
	id, known := l.idKey(stix.ID(e.Object))
	if !known || e.Version == "" {
		return journal.Entry{}, false, nil
	}
	key, err := tombstoneKeyOf(id, e) // the same as in the index of versions
	if err != nil {
		return journal.Entry{}, false, err
	}
	k, value := l.versions.Seek(key)
	if !bytes.Equal(k, key) {
		return journal.Entry{}, false, nil
	}
	v, err := parseVersion(k, value)
	if err != nil {
		return journal.Entry{}, false, err
	}
	r, err := readRecord(l.tx.Bucket(bucketObjects), v.added)
	if err != nil {
		return journal.Entry{}, false, err
	}
	now, err = l.Entry(r.position)
	return now, err == nil, err
}

// Walk calls visit with every stored version from a place on, object by object, until visit returns false. next is the
// place of the version that comes after the one visited; nil is the beginning.
func (l *Snapshot) Walk(from []byte, visit func(v StoredVersion, next []byte) bool) error {
	c := l.tx.Bucket(bucketVersions).Cursor() // visit may ask for other things
	for k, value := c.Seek(from); k != nil; {
		v, err := parseVersion(slices.Clone(k), value)
		if err != nil {
			return err
		}
		h, err := l.describe(v)
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

func (l *Snapshot) describe(v version) (StoredVersion, error) {
	r, err := readRecord(l.tx.Bucket(bucketObjects), v.added)
	if err != nil {
		return StoredVersion{}, err
	}
	e, err := l.Entry(r.position)
	if err != nil {
		return StoredVersion{}, err
	}
	h := StoredVersion{
		ID: stix.ID(r.id), Unversioned: v.form()&formUnversioned != 0, Spec: v.form().spec(),
		Added: timeOf(v.added), Position: r.position, Entry: e,
	}
	h.Instant, _ = stix.InstantOfKey(v.instant())
	if kept := l.tx.Bucket(bucketSources).Get(v.key); kept != nil {
		h.Sources, err = parseSources(kept)
	} else {
		h.Sources = []uuid.UUID{e.Source.Collection}
	}
	if err == nil {
		h.Owner, err = l.owner(v.origin)
	}
	if of := h.Owner.Source; of != (uuid.UUID{}) && len(h.Sources) > 0 && !slices.Contains(h.Sources, of) {
		h.Owner.Source = h.Sources[0] // the first release has withdrawn it
	}
	return h, err
}

// Tombstoned reports whether the version that an entry, here or in another journal, added was removed here in a way that
// keeps the follower that brings it from a collection from bringing it again.
func (l *Snapshot) Tombstoned(added journal.Entry, source uuid.UUID) bool {
	if !l.anyTombstone {
		return false
	}
	id, ok := l.idKey(stix.ID(added.Object))
	if !ok {
		return false
	}
	key, err := tombstoneKeyOf(id, added)
	if err != nil {
		return false
	}
	v := l.tombstoneKeys.get(key)
	if len(v) != 8 {
		return false
	}
	removal, err := l.Entry(journal.Position(binary.BigEndian.Uint64(v)))
	l.damage = errors.Join(l.damage, err)
	return err == nil && bars(removal, source)
}

// idKey is the key of an identifier, valid until the next question; ok is false when no object of its type is here.
func (l *Snapshot) idKey(id stix.ID) (key idKey, ok bool) {
	typ, known := l.typeNumbers.of(id.Type())
	if !known {
		return nil, false
	}
	key, ok = appendIDKey(l.scratch[:0], typ, id)
	l.scratch = key
	return key, ok
}

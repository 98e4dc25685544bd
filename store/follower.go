package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	bolt "go.etcd.io/bbolt"
)

// FollowerUpdate is what a follower keeps in the same transaction as its effects: how far it has come, and what it has to
// remember. A crash leaves all of it together with the effects, or nothing.
type FollowerUpdate struct {
	Name     string // no zero byte
	Turn     uint64 // how often the follower had been updated when this was planned, see Snapshot.Turn; else the batch is stale
	Position uint64
	Clear    [][]byte // keys with these prefixes are dropped, first
	Unset    [][]byte // keys that are dropped, then
	Set      []KeyValue

	// Refused, when set, is a prefix under which apply keeps, for each addition of the batch that met something else of
	// another owner (Conflict, NotOwner, NotCreator, or Already of a version that is not a release's), prefix, object id, 0
	// and the position in the source, 8 bytes, with the outcome's kind as value. It comes after Set.
	Refused []byte
}

// KeyValue is one thing that a follower remembers.
type KeyValue struct{ Key, Value []byte }

const releasePrefix = "release:"

// ReleaseFollower is the name under which a release from another collection keeps its state in the target's file.
func ReleaseFollower(source uuid.UUID) string { return releasePrefix + source.String() }

const feedbackPrefix = "feedback:"

// FeedbackFollower is the name under which the feedback on what was released to a collection keeps its state in the file of the
// release's source.
func FeedbackFollower(target uuid.UUID) string { return feedbackPrefix + target.String() }

// CopiesFollower is the name under which an agreement keeps what its changed copies depend on: under CopiesKey, a secret.
const (
	CopiesFollower = "copies"
	CopiesKey      = "key"
)

// followerKey is the key of what a follower remembers.
func followerKey(follower string, key []byte) []byte {
	return appendFollowerKey(make([]byte, 0, len(follower)+1+len(key)), follower, key)
}

func appendFollowerKey[K string | []byte](dst []byte, follower string, key K) []byte {
	return append(append(append(dst, follower...), 0), key...)
}

func (u *FollowerUpdate) check() error {
	if u.Name == "" || strings.IndexByte(u.Name, 0) >= 0 {
		return fmt.Errorf("%q cannot be a follower's name", u.Name)
	}
	return nil
}

// progress is how far a follower has come, in how many updates.
type progress struct{ position, turn uint64 }

// progressIn reads a follower's progress; the zero progress when it has not begun.
func progressIn(cursors *bolt.Bucket, follower string) (progress, error) {
	key := []byte(follower)
	v, err := verifyChecksum(key, cursors.Get(key))
	if err != nil || v == nil {
		return progress{}, err
	}
	return parseProgress(follower, v)
}

func parseProgress(follower string, v []byte) (progress, error) {
	switch len(v) {
	case 8: // of an older format
		return progress{position: binary.BigEndian.Uint64(v)}, nil
	case 16:
		return progress{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])}, nil
	}
	return progress{}, fmt.Errorf("%w: the cursor of %q has %d bytes, expected 16", verifiedbolt.ErrDamaged, follower, len(v))
}

func putProgress(cursors *bolt.Bucket, follower string, p progress) error {
	key := []byte(follower)
	v := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, p.position), p.turn)
	return cursors.Put(key, withChecksum(key, v))
}

// putFollower keeps a follower's progress and state.
func (a *applier) putFollower(b *preparedBatch, outcomes []Outcome) error {
	u := b.follow
	p, err := progressIn(a.cursors, u.Name)
	if err == nil {
		err = putProgress(a.cursors, u.Name, progress{u.Position, p.turn + 1})
	}
	for _, prefix := range u.Clear {
		if err == nil {
			err = deletePrefix(a.followers, followerKey(u.Name, prefix))
		}
	}
	for _, key := range u.Unset {
		if err == nil {
			err = a.followers.Delete(followerKey(u.Name, key))
		}
	}
	for _, kv := range u.Set {
		if err == nil {
			key := followerKey(u.Name, kv.Key)
			err = a.followers.Put(key, withChecksum(key, kv.Value))
		}
	}
	for i := range outcomes {
		if err == nil && u.Refused != nil && b.changes[i].Add != nil {
			err = a.putRefused(u, b.changes[i].Add, outcomes[i])
		}
	}
	if err != nil {
		return fmt.Errorf("keep follower %s: %w", u.Name, err)
	}
	return nil
}

// putRefused keeps that an addition met something of another owner.
func (a *applier) putRefused(u *FollowerUpdate, add *Addition, o Outcome) error {
	switch o.Kind {
	case Conflict, NotOwner, NotCreator:
	case Already:
		e, err := a.entryAt(o.Position)
		if err != nil || !e.Source.IsZero() {
			return err
		}
	default:
		return nil
	}
	key := append(append(append([]byte(nil), u.Refused...), add.Object.ID...), 0)
	key = followerKey(u.Name, binary.BigEndian.AppendUint64(key, uint64(add.Source.Position)))
	return a.followers.Put(key, withChecksum(key, []byte{byte(o.Kind)}))
}

func deletePrefix(b *bolt.Bucket, prefix []byte) error {
	c := b.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// The sources of a version that a release brought are the collections it came from. A single one is in the entry that
// added the version; several are in the sources bucket. What an account added has the zero UUID as its only source.

var errSources = errors.New("the sources are damaged")

func parseSources(b []byte) ([]uuid.UUID, error) {
	if len(b)%16 != 0 {
		return nil, errSources
	}
	list := make([]uuid.UUID, len(b)/16)
	for i := range list {
		copy(list[i][:], b[16*i:])
	}
	return list, nil
}

func appendSources(list []uuid.UUID) []byte {
	b := make([]byte, 0, 16*len(list))
	for _, id := range list {
		b = append(b, id[:]...)
	}
	return b
}

// sourcesOf returns the sources of a version.
func (a *applier) sourcesOf(v version) ([]uuid.UUID, error) {
	if kept := a.sources.Get(v.key); kept != nil {
		return parseSources(kept)
	}
	e, err := a.entryOf(v)
	if err != nil {
		return nil, err
	}
	return []uuid.UUID{e.Source.Collection}, nil
}

// addSource notes that a release has brought once more what another one brought. What an account added is its party's.
func (a *applier) addSource(v version, by uuid.UUID) error {
	list, err := a.sourcesOf(v)
	if err != nil || len(list) == 0 || list[0] == (uuid.UUID{}) {
		return err
	}
	for _, one := range list {
		if one == by {
			return nil
		}
	}
	return a.sources.Put(v.key, appendSources(append(list, by)))
}

// dropSource returns the versions that have no other source. The others lose this source, and stay.
func (a *applier) dropSource(vs []version, source uuid.UUID) (alone []version, err error) {
	for _, v := range vs {
		list, err := a.sourcesOf(v)
		if err != nil {
			return nil, err
		}
		rest := make([]uuid.UUID, 0, len(list))
		for _, one := range list {
			if one != source {
				rest = append(rest, one)
			}
		}
		switch {
		case len(rest) == len(list):
		case len(rest) == 0:
			alone = append(alone, v)
		default:
			if err := a.sources.Put(v.key, appendSources(rest)); err != nil {
				return nil, fmt.Errorf("write sources: %w", err)
			}
		}
	}
	return alone, nil
}

// followers checks that the state of followers has its checksums and belongs to a follower, and that sources belong to a
// version.
func (k *checking) followers() error {
	cursors := k.tx.Bucket(bucketCursors)
	err := cursors.ForEach(func(name, _ []byte) error {
		if _, err := k.collection.progressIn(k.tx, string(name)); err != nil {
			k.fault("%v", err)
		}
		return k.step()
	})
	if err != nil {
		return err
	}
	c := k.tx.Bucket(bucketFollowers).Cursor()
	for key, value := c.First(); key != nil; key, value = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		if _, err := k.collection.verify(key, value); err != nil {
			k.fault("%v", err)
		}
		name, _, ok := bytes.Cut(key, []byte{0})
		if !ok || cursors.Get(name) == nil {
			k.fault("what is remembered at %x belongs to no follower", key)
		}
	}
	versions := k.tx.Bucket(bucketVersions)
	c = k.tx.Bucket(bucketSources).Cursor()
	for key, value := c.First(); key != nil; key, value = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		if _, err := parseSources(value); err != nil || len(value) == 0 || versions.Get(key) == nil {
			k.fault("the sources at %x are damaged, or belong to no version", key)
		}
	}
	return nil
}

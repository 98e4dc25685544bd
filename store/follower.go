package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// FollowerUpdate is what a follower keeps in the same transaction as its effects: how far it has come, and what it has to
// remember. A crash leaves all of it together with the effects, or nothing.
type FollowerUpdate struct {
	Name     string // no zero byte
	Position uint64
	Clear    [][]byte // keys with these prefixes are dropped, first
	Unset    [][]byte // keys that are dropped, then
	Set      []KeyValue
}

// KeyValue is one thing that a follower remembers.
type KeyValue struct{ Key, Value []byte }

const releasePrefix = "release:"

// ReleaseFollower is the name under which a release from another collection keeps its state in the target's file.
func ReleaseFollower(source uuid.UUID) string { return releasePrefix + source.String() }

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

// keepFollower keeps a follower's position and memory.
func (a *applier) keepFollower(u *FollowerUpdate) error {
	err := putCursor(a.cursors, u.Name, u.Position)
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
	if err != nil {
		return fmt.Errorf("keep follower %s: %w", u.Name, err)
	}
	return nil
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

// The sources of a version are the collections that followers brought it from; the zero UUID stands for accounts. A
// single source is in the entry that added the version; several are in the sources bucket.

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

// addSource notes another source of a stored version.
func (a *applier) addSource(v version, by uuid.UUID) error {
	list, err := a.sourcesOf(v)
	if err != nil {
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
		if _, err := k.collection.cursorIn(k.tx, string(name)); err != nil {
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

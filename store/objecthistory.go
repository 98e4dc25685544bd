package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// EntriesOf returns the positions of every entry about an object, in order: versions that are there, versions that are
// not, and what removed them. An object that was never here has none.
func (c *Collection) EntriesOf(id stix.ID) (list []journal.Position, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		list, err = entriesOf(tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the entries of %s: %w", id, err)
	}
	return list, nil
}

// EntriesOf is Collection.EntriesOf of a snapshot.
func (l *Snapshot) EntriesOf(id stix.ID) ([]journal.Position, error) { return entriesOf(l.tx, id) }

func entriesOf(tx *bolt.Tx, id stix.ID) ([]journal.Position, error) {
	key, ok := idKeyOf(tx, id)
	if !ok {
		return nil, nil
	}
	return entriesAbout(tx, key)
}

func entriesAbout(tx *bolt.Tx, key idKey) ([]journal.Position, error) {
	held, err := versionsOf(tx.Bucket(bucketVersions).Cursor(), key)
	if err != nil {
		return nil, err
	}
	var list []journal.Position
	for _, v := range held {
		r, err := readRecord(tx.Bucket(bucketObjects), v.added)
		if err != nil {
			return nil, err
		}
		list = append(list, r.position)
	}
	entries := tx.Bucket(bucketJournal)
	c := tx.Bucket(bucketRemovals).Cursor()
	for k, _ := c.Seek(key); k != nil && bytes.HasPrefix(k, key); k, _ = c.Next() {
		if len(k) != len(key)+8 {
			return nil, errRemovals
		}
		p := journal.Position(binary.BigEndian.Uint64(k[len(key):]))
		e, err := journal.ParseEntry(entries.Get(positionKey(p)))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", p, err)
		}
		list = append(list, p, e.Of)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// TermsAt returns which terms were in force when the entry at a position was written: the position of the entry that put
// them in force, the digest of their document, and the document.
func (c *Collection) TermsAt(p journal.Position) (since journal.Position, digest journal.Digest, document []byte, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		cur := tx.Bucket(bucketTermed).Cursor()
		k, _ := cur.Seek(positionKey(p + 1))
		var v []byte
		if k == nil {
			k, v = cur.Last()
		} else {
			k, v = cur.Prev()
		}
		if len(k) != 8 || copy(digest[:], v) != len(digest) {
			return errors.New("no terms were in force yet")
		}
		since = journal.Position(binary.BigEndian.Uint64(k))
		document = bytes.Clone(tx.Bucket(bucketDocuments).Get(digest[:]))
		if document == nil {
			return fmt.Errorf("the document %x is missing", digest)
		}
		return nil
	})
	if err != nil {
		return 0, journal.Digest{}, nil, fmt.Errorf("read the terms at %d: %w", p, err)
	}
	return since, digest, document, nil
}

var errRemovals = errors.New("the index of removals is damaged")

// removalKey is the key of the entry that removed a version of an object.
func removalKey(id idKey, p journal.Position) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(id)+8), id...), uint64(p))
}

// hasKey reports whether a bucket has a key, whatever its value.
func hasKey(b *bolt.Bucket, key []byte) bool {
	k, _ := b.Cursor().Seek(key)
	return bytes.Equal(k, key)
}

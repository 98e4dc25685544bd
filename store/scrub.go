package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/store/journal"
)

// scrubbedAtOnce is how many bytes Scrub reads in one transaction.
const scrubbedAtOnce = 1 << 20

// Scrub reads a part of the file and compares it with what was stored: entries with the tree over them, versions and terms with the
// digests in their entries, and the tree's nodes with its head. It begins at an entry, reads until it has read most bytes, and
// returns the entry to go on with, 1 after the end. DiskErrorOf says of an error that means damage that it does. Check reads
// more: indexes, and what followers keep.
func (c *Collection) Scrub(ctx context.Context, from uint64, most int) (next uint64, read int, err error) {
	next = (max(from, 1)-1)/groupEntries*groupEntries + 1
	for read < most {
		if err := context.Cause(ctx); err != nil {
			return next, read, err
		}
		n, done := 0, false
		err := c.view(func(tx *bolt.Tx) (err error) {
			next, n, err = scrub(tx, next)
			done = next == 1
			return err
		})
		read += n
		if err != nil {
			return next, read, fmt.Errorf("scrub collection %s: %w", c.id, err)
		}
		if done {
			break
		}
	}
	return next, read, nil
}

// scrub reads groups of entries from one on. next is the entry after them; 1: the journal ended.
func scrub(tx *bolt.Tx, from uint64) (next uint64, read int, err error) {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", verifiedbolt.ErrDamaged, fmt.Sprintf(format, args...))
	}
	f, err := readStats(tx)
	if err != nil {
		return from, 0, err
	}
	head, err := readRoot(tx, f.entries)
	if err != nil {
		return from, 0, damaged("%v", err)
	}
	if string(tx.Bucket(bucketMeta).Get(keyHead)) != string(head[:]) {
		return from, 0, damaged("the head of the tree is not the hash of what is stored")
	}
	kept := treeHashes{tx.Bucket(bucketHashes), tx.Bucket(bucketJournal)}
	objects, documents := tx.Bucket(bucketObjects), tx.Bucket(bucketDocuments)
	var group []tlog.Hash
	next = from
	cur := tx.Bucket(bucketJournal).Cursor()
	for k, b := cur.Seek(positionKey(journal.Position(from))); next <= f.entries; k, b = cur.Next() {
		if len(k) != 8 || binary.BigEndian.Uint64(k) != next {
			return next, read, damaged("the entry at %d is missing", next)
		}
		e, err := journal.ParseEntry(b)
		if err != nil {
			return next, read, damaged("the entry at %d: %v", next, err)
		}
		read += len(b)
		switch e.Kind {
		case journal.Added:
			stored := objects.Get(addedKey(uint64(e.At.UnixMicro())))
			if stored == nil {
				break // it was removed, as Check verifies
			}
			read += len(stored)
			if r, err := parseRecord(stored); err != nil || r.position != journal.Position(next) || sha256.Sum256(r.text) != e.Digest {
				return next, read, damaged("the object added at %d is not the one whose digest the entry has", next)
			}
		case journal.Terms:
			if document := documents.Get(e.Digest[:]); document == nil || sha256.Sum256(document) != e.Digest {
				return next, read, damaged("the terms of the entry at %d are not those whose digest the entry has", next)
			}
		}
		group = append(group, journal.LeafHash(b))
		next++
		if len(group) < groupEntries {
			continue
		}
		want, err := kept.stored(tlog.StoredHashIndex(0, int64(next-1)/groupEntries-1))
		if err != nil || want != nodeOver(group) {
			return next, read, damaged("the entries up to %d are not those that the tree is over", next-1)
		}
		group = group[:0]
		if read >= scrubbedAtOnce {
			return next, read, nil
		}
	}
	return 1, read, nil
}

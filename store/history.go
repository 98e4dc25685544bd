package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// Head is the journal's size and the hash of its tree (RFC 6962, section 2.1).
func (c *Collection) Head() (size uint64, root tlog.Hash, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		f, err := readStats(tx)
		if err != nil {
			return err
		}
		size = f.entries
		root, err = readRoot(tx, size)
		return err
	})
	if err != nil {
		return 0, tlog.Hash{}, fmt.Errorf("read tree head: %w", err)
	}
	return size, root, nil
}

// Hashes reads the hashes of the tree, numbered as tlog numbers those it stores. Those of a size that was read before stay what they are.
func (c *Collection) Hashes() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		err = c.view(func(tx *bolt.Tx) error {
			hashes, err = treeHashes{tx.Bucket(bucketHashes), tx.Bucket(bucketJournal)}.ReadHashes(indexes)
			return err
		})
		return hashes, err
	})
}

// Entry returns the entry at a position with its canonical bytes. A position beyond the journal is ErrNoEntry.
func (c *Collection) Entry(p journal.Position) (e journal.Entry, raw []byte, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketJournal).Get(positionKey(p))
		if b == nil {
			return ErrNoEntry
		}
		raw = bytes.Clone(b)
		e, err = journal.ParseEntry(raw)
		return err
	})
	if err != nil {
		return journal.Entry{}, nil, fmt.Errorf("read entry %d: %w", p, err)
	}
	return e, raw, nil
}

// Entries calls visit for entries from position from on, in order, until visit returns false. visit must not wait for
// anything: it runs inside a transaction, at most limit times. The canonical bytes it is given are not its own.
func (c *Collection) Entries(from journal.Position, limit int, visit func(journal.Position, journal.Entry, []byte) bool) error {
	err := c.view(func(tx *bolt.Tx) error {
		cur := tx.Bucket(bucketJournal).Cursor()
		for k, b := cur.Seek(positionKey(from)); k != nil && limit > 0; k, b = cur.Next() {
			p := journal.Position(binary.BigEndian.Uint64(k))
			e, err := journal.ParseEntry(b)
			if err != nil {
				return fmt.Errorf("entry %d: %w", p, err)
			}
			if !visit(p, e, b) {
				return nil
			}
			limit--
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read entries from %d: %w", from, err)
	}
	return nil
}

// AddedExactly reports whether a version was ever given this date_added, whether or not it is still there.
func (c *Collection) AddedExactly(at time.Time) (added bool, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		f, err := readStats(tx)
		if err != nil {
			return err
		}
		entries := tx.Bucket(bucketJournal)
		var broken error
		_, added = sort.Find(int(f.entries), func(i int) int {
			p := journal.Position(i + 1)
			e, err := journal.ParseEntry(entries.Get(positionKey(p)))
			if err != nil {
				broken = fmt.Errorf("entry %d: %w", p, err)
				return 0
			}
			order := at.Compare(e.At)
			if order == 0 && e.Kind != journal.Added {
				return -1 // times are not given twice: no addition has it
			}
			return order
		})
		return broken
	})
	if err != nil {
		return false, fmt.Errorf("look for what was added at %s: %w", taxiiTime(microseconds(at)), err)
	}
	return added, nil
}

// ObjectAt returns the text of the version added at a position; ok is false when it is no longer there.
func (c *Collection) ObjectAt(p journal.Position) (text []byte, ok bool, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketJournal).Get(positionKey(p))
		if b == nil {
			return ErrNoEntry
		}
		e, err := journal.ParseEntry(b)
		if err != nil || e.Kind != journal.Added {
			return err
		}
		stored := tx.Bucket(bucketObjects).Get(addedKey(uint64(e.At.UnixMicro())))
		if stored == nil {
			return nil
		}
		r, err := parseRecord(stored)
		if err != nil || r.position != p {
			return err
		}
		text, ok = bytes.Clone(r.text), true
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read object at %d: %w", p, err)
	}
	return text, ok, nil
}

// CursorOf is how far a follower has come; 0 when it has not begun.
func (c *Collection) CursorOf(follower string) (position uint64, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		p, err := c.progressIn(tx, follower)
		position = p.position
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read cursor %s: %w", follower, err)
	}
	return position, nil
}

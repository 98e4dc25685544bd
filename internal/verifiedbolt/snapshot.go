package verifiedbolt

import (
	"fmt"
	"io"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Snapshot is a file at one moment, in a read transaction that may stay open for long. Until it is closed, the pages that
// it sees are not used again, and the file is not swept.
type Snapshot struct {
	Tx *bolt.Tx

	db         *DB
	generation uint64
	free       []uint64 // in ascending order
}

// Snapshot begins to read the file as it is now.
func (db *DB) Snapshot() (*Snapshot, error) {
	const tries = 100 // two commits may come between the beginning and the reading of the list, in which it is lost
	for range tries {
		s, err := db.snapshot()
		if err != nil {
			return nil, fmt.Errorf("begin a snapshot of %s: %w", db.Path(), err)
		}
		if s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("begin a snapshot of %s: %w", db.Path(), errReaders)
}

// snapshot returns nil without an error when the snapshot's meta page has been replaced already.
func (db *DB) snapshot() (s *Snapshot, err error) {
	s = &Snapshot{db: db, generation: db.readers.enter()}
	found := false
	err = Guard(func() (err error) {
		if s.Tx, err = db.begin(false); err != nil {
			return err
		}
		for n := range 2 {
			var b [metaLen]byte
			if _, err := db.file.ReadAt(b[:], int64(n*db.pageSize)); err != nil {
				return err
			}
			if m, ok := parseMeta(b[:]); ok && m.transaction == uint64(s.Tx.ID()) {
				found = true
				s.free, err = db.readFreelist(m.freelist, s.Tx.Size())
				return err
			}
		}
		return nil
	})
	if err != nil || !found {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() {
	if s.db == nil {
		return
	}
	if s.Tx != nil {
		s.Tx.Rollback()
	}
	s.db.readers.leave(s.generation)
	s.db = nil
}

// WriteTo writes the file as it was at the snapshot's moment, with zeros in the place of pages that were free: they hold
// what was deleted. The result has Tx.Size bytes.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	return s.Tx.WriteTo(&blankWriter{w: w, pageSize: int64(s.db.pageSize), free: s.free})
}

// blankWriter writes a file from its beginning, and zeros for its free pages.
type blankWriter struct {
	w        io.Writer
	pageSize int64
	free     []uint64 // those that are not yet written
	at       int64
	scratch  []byte
}

// Write implements io.Writer.
func (b *blankWriter) Write(p []byte) (int, error) {
	end, out, copied := b.at+int64(len(p)), p, false
	for len(b.free) > 0 {
		from := int64(b.free[0]) * b.pageSize
		if from >= end {
			break
		}
		if !copied {
			b.scratch = append(b.scratch[:0], p...)
			out, copied = b.scratch, true
		}
		clear(out[max(from, b.at)-b.at : min(from+b.pageSize, end)-b.at])
		if from+b.pageSize > end {
			break // it goes on in what comes next
		}
		b.free = b.free[1:]
	}
	b.at = end
	return b.w.Write(slices.Clip(out))
}

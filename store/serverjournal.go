package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// The server's own journal, in accord.db, records changes of accounts, parties and API roots, and the heads of the agreements'
// journals: it is the one log of the server that witnesses see. Its origin is the server's name.

// ServerHashes reads the stored hashes of the server's journal.
func (s *Store) ServerHashes() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		err = s.db.View(func(tx *bolt.Tx) error {
			hashes, err = treeHashes{tx.Bucket(bucketAdminHashes), tx.Bucket(bucketAdminJournal)}.ReadHashes(indexes)
			return err
		})
		return hashes, err
	})
}

// ServerEntry returns the entry at a position of the server's journal and its canonical bytes. One that does not exist is
// ErrNoEntry.
func (s *Store) ServerEntry(p journal.Position) (e journal.Entry, raw []byte, err error) {
	found := false
	err = s.AdminEntries(p, 1, func(at journal.Position, entry journal.Entry, text []byte) bool {
		e, raw, found = entry, text, at == p
		return false
	})
	if err == nil && !found {
		err = fmt.Errorf("entry %d of the server: %w", p, ErrNoEntry)
	}
	return e, raw, err
}

// RecordHeads adds the heads of the agreements' journals that have grown since they were last recorded to the server's journal,
// all at one moment and in the order of their collections.
func (s *Store) RecordHeads(ctx context.Context) (recorded int, err error) {
	heads := map[uuid.UUID]journal.Entry{}
	for _, col := range s.Collections() {
		size, root, err := col.Head()
		if err != nil {
			continue // an agreement whose file fails does not keep the others from being recorded
		}
		if size > 0 {
			heads[col.ID()] = journal.Entry{Kind: journal.Head, Digest: journal.Digest(root),
				Source: journal.Source{Collection: col.ID(), Position: journal.Position(size)}}
		}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.writable(ctx); err != nil {
		return 0, fmt.Errorf("record heads: %w", err)
	}
	known, err := s.RecordedHeads()
	if err != nil {
		return 0, err
	}
	now := s.opts.Now().UTC().Truncate(time.Microsecond)
	ids := slices.SortedFunc(maps.Keys(heads), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return known[id].Size >= uint64(heads[id].Source.Position) })
	if len(ids) == 0 {
		return 0, nil
	}
	err = s.db.Update(func(tx *bolt.Tx) error {
		for _, id := range ids {
			e := heads[id]
			e.At = now
			if err := appendAdminEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("record heads: %w", err)
	}
	return len(ids), nil
}

// RecordedHead is the newest head of an agreement's journal in the server's journal, and its place there.
type RecordedHead struct {
	Position journal.Position
	Size     uint64
}

// RecordedHeads returns the newest recorded head of each collection. It reads what was added since it was last called.
func (s *Store) RecordedHeads() (map[uuid.UUID]RecordedHead, error) {
	return s.recorded.read(s)
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	if err := s.isWritable(ctx); err != nil {
		return 0, fmt.Errorf("record heads: %w", err)
	}
	s.recording.Lock() // no two calls record the same
	defer s.recording.Unlock()
	var heads []registryRecord
	for _, col := range s.Collections() {
		size, root, err := col.Head()
		if err != nil {
			continue // an agreement whose file fails does not keep the others from being recorded
		}
		heads = append(heads, registryRecord{root: journal.Digest(root), head: journal.Source{Collection: col.ID(), Position: journal.Position(size)}})
	}
	slices.SortFunc(heads, func(a, b registryRecord) int { return slices.Compare(a.head.Collection[:], b.head.Collection[:]) })
	size, _, err := s.AdminHead()
	if err != nil {
		return 0, err
	}
	known, err := s.RecordedHeads()
	if err != nil {
		return 0, err
	}
	m := &registryMessage{revision: size}
	m.records = slices.DeleteFunc(heads, func(r registryRecord) bool {
		return r.head.Position == 0 || known[r.head.Collection].Size >= uint64(r.head.Position)
	})
	if len(m.records) == 0 {
		return 0, nil
	}
	err = s.write(ctx, m, func(tx *bolt.Tx) error {
		for _, r := range m.records {
			if err := r.apply(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrStale) { // another node has recorded some; the rest comes with the next call
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("record heads: %w", err)
	}
	return len(m.records), nil
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

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
)

// CreateAgreement makes the file of a new agreement, with its first Terms entry, and lists it. Crashing between the two
// leaves an unlisted file, which the next attempt replaces.
func (s *Store) CreateAgreement(ctx context.Context, by Actor, a *agreement.Agreement) (*Collection, error) {
	if s.opts.Log != nil {
		return s.proposeAgreement(ctx, by, a)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.writable(ctx); err != nil {
		return nil, fmt.Errorf("create agreement %s: %w", a.Name, err)
	}
	if err := s.notListed(a); err != nil {
		return nil, err
	}
	listed := Listed{Name: a.Name, Collection: a.Collection.ID}
	path := s.collectionPath(listed)
	if err := s.removeUnlisted(path); err != nil {
		return nil, fmt.Errorf("create agreement %s: %w", a.Name, err)
	}
	col, err := createCollection(path, listed.Collection, a, by, s.collectionOptions())
	if err != nil {
		return nil, fmt.Errorf("create agreement %s: %w", a.Name, err)
	}
	// The file's name must be durable before the list names it.
	if err := syncFolder(filepath.Dir(path), false); err != nil {
		return nil, errors.Join(err, col.close())
	}
	m := &registryMessage{by: by, clock: microseconds(s.opts.Now())}
	err = s.db.Update(func(tx *bolt.Tx) error { return m.plan(tx, []recorded{listedRecord(listed)}) })
	if err == nil {
		err = s.reread(col)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("list agreement %s: %w", a.Name, err), col.close())
	}
	return col, nil
}

// notListed reports an agreement that is there already.
func (s *Store) notListed(a *agreement.Agreement) error {
	for _, l := range s.Registry().Agreements {
		if l.Name == a.Name || l.Collection == a.Collection.ID {
			return fmt.Errorf("create agreement %s (collection %s): %w: the agreement %s with the collection %s",
				a.Name, a.Collection.ID, ErrExists, l.Name, l.Collection)
		}
	}
	return nil
}

// removeUnlisted removes what an attempt that crashed left behind: a file whose journal has no entry but the first. A
// file that has been in use is an agreement's, whatever the list says.
func (s *Store) removeUnlisted(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	col, err := openCollection(path, s.collectionOptions())
	if err == nil {
		stats, err := col.Stats()
		if err := errors.Join(err, col.close()); err != nil {
			return err
		}
		if stats.Entries > 1 {
			return fmt.Errorf("%s is there, unlisted, with %d journal entries: move it away or restore the accord.db that lists it", path, stats.Entries)
		}
	}
	return os.Remove(path)
}

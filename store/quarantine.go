package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// Quarantine closes an agreement whose file is not that of the other nodes, and keeps the file aside. The agreement is unavailable
// from then on, until Readmit. It returns where the file is now.
func (s *Store) Quarantine(id uuid.UUID, reason error) (kept string, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.writable(context.Background()); err != nil {
		return "", fmt.Errorf("close the agreement of collection %s: %w", id, err)
	}
	old := s.now.Load()
	i := slices.IndexFunc(old.collections, func(c *Collection) bool { return c.ID() == id })
	if i < 0 {
		return "", fmt.Errorf("close the agreement of collection %s: it is not open", id)
	}
	col := old.collections[i]
	a := col.Agreement()
	c := *old
	c.collections = slices.Delete(slices.Clone(old.collections), i, i+1)
	c.unavailable = append(slices.Clone(old.unavailable), Unavailable{
		Listed: Listed{Name: a.Name, Collection: id}, Reason: reason,
		Standing: &Standing{APIRoot: a.APIRoot, Alias: a.Collection.Alias, Parties: a.Parties, Public: a.Public},
	})
	slices.SortFunc(c.unavailable, func(a, b Unavailable) int { return compareNames(a.Name, b.Name) })
	c.index()
	s.show(&c)
	if err := col.close(); err != nil {
		return "", err
	}
	path := s.collectionPath(Listed{Name: a.Name, Collection: id})
	if kept, err = keepAside(path, "before-refetch"); err != nil {
		return "", fmt.Errorf("keep the file of %s aside: %w", a.Name, err)
	}
	return kept, syncFolder(filepath.Dir(path), false)
}

// Readmit puts a complete file in the place of one that is unavailable, and opens it: another node's, as a backup has it. The
// file is moved. Before that it gets what it lacks, as lacks returns it, until there is no more: a crash must not leave a file in use
// that lacks what counts as applied.
func (s *Store) Readmit(id uuid.UUID, file string, lacks func() (missed []Logged, more bool, err error)) (*Collection, error) {
	if err := s.complete(file, lacks); err != nil {
		return nil, fmt.Errorf("apply to the file of collection %s what it lacks: %w", id, err)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	fail := func(err error) (*Collection, error) {
		return nil, fmt.Errorf("open the agreement of collection %s again: %w", id, err)
	}
	if err := s.writable(context.Background()); err != nil {
		return fail(err)
	}
	old := s.now.Load()
	i := slices.IndexFunc(old.unavailable, func(u Unavailable) bool { return u.Collection == id })
	if i < 0 {
		return fail(errors.New("it is open, or there is none"))
	}
	listed := old.unavailable[i].Listed
	path := s.collectionPath(listed)
	if _, err := os.Lstat(path); err == nil {
		if _, err := keepAside(path, "before-refetch"); err != nil {
			return fail(err)
		}
	}
	if err := os.Rename(file, path); err != nil {
		return fail(err)
	}
	if err := syncFolder(filepath.Dir(path), false); err != nil {
		return fail(err)
	}
	col, err := s.openListed(listed)
	if err != nil {
		return fail(err)
	}
	c := *old
	c.unavailable = slices.Delete(slices.Clone(old.unavailable), i, i+1)
	c.add(col)
	s.show(&c)
	return col, nil
}

// complete applies to a file that is not in use what it lacks.
func (s *Store) complete(file string, lacks func() (missed []Logged, more bool, err error)) (err error) {
	var col *Collection
	defer func() {
		if col != nil {
			err = errors.Join(err, col.close())
		}
	}()
	for more := true; more; {
		var missed []Logged
		if missed, more, err = lacks(); err != nil {
			return err
		}
		if len(missed) > 0 && col == nil {
			if col, err = openCollection(file, s.collectionOptions()); err != nil {
				return err
			}
		}
		if len(missed) > 0 {
			if err := col.ApplyLog(missed); err != nil {
				return err
			}
		}
	}
	return nil
}

// LeaveLog makes a folder one that belongs to no cluster: what its files have of the log goes, and everything else stays. No other
// process may have it open. A folder that is in no cluster stays as it is.
func LeaveLog(dir string) (err error) {
	lock, err := lockFolder(dir, false)
	if err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	defer unlockFolder(lock, false)
	registry := filepath.Join(dir, registryName)
	listed, err := listAgreements(registry)
	if err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	for _, l := range listed {
		path := filepath.Join(dir, agreementsName, l.Collection.String()+".db")
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue // it is unavailable, and stays so
		}
		db, err := openBolt(path, collectionOptions{})
		if err == nil {
			err = errors.Join(leaveLog(db, bucketMeta, loggedCollectionFormat, collectionFormat), db.Close())
		}
		if err != nil {
			return fmt.Errorf("leave the cluster: %s: %w", path, err)
		}
	}
	db, err := openRegistry(registry, false)
	if err == nil {
		err = errors.Join(leaveLog(db, bucketRegistryMeta, loggedRegistryFormat, registryFormat), db.Close(), giveToOwner(dir))
	}
	if err != nil {
		return fmt.Errorf("leave the cluster: accord.db: %w", err)
	}
	return nil
}

func leaveLog(db *verifiedbolt.DB, metaBucket []byte, from, to uint64) error {
	return db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		format, err := formatIn(meta, from)
		if err != nil || format != from {
			return err
		}
		return errors.Join(tx.DeleteBucket(bucketLog), meta.Delete(keyCluster), meta.Delete(keyNoted),
			meta.Put(keyFormat, binary.BigEndian.AppendUint64(nil, to)))
	})
}

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// Rebuilt is the result of rebuilding one file.
type Rebuilt struct {
	Name    agreement.Name `json:"name"`
	Kept    string         `json:"kept"`              // path of the old file
	Skipped []string       `json:"skipped,omitempty"` // what could not be read, and was left behind: none of it is content
}

// RebuildFolder makes new files of agreements from what cannot be derived: journals, objects, terms, statuses and the
// state of followers. The tree, the indexes and the stats are made anew, and damaged pages are left behind. A new file
// replaces the old one once it is complete and durable; the old one is kept beside it. No other process may have the
// folder open. Without names, all agreements are rebuilt.
//
// An agreement whose journal, objects or terms cannot be read completely is left unchanged and reported with an error:
// it must be restored from a backup. The others are still rebuilt.
func RebuildFolder(ctx context.Context, dir string, names []agreement.Name, report func(Rebuilt)) (err error) {
	lock, err := lockFolder(dir, false)
	if err != nil {
		return fmt.Errorf("rebuild %s: %w", dir, err)
	}
	defer unlockFolder(lock, false)
	listed, err := listAgreements(filepath.Join(dir, registryName))
	if err != nil {
		return fmt.Errorf("rebuild %s: %w", dir, err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(listed, func(l Listed) bool { return l.Name == name }) {
			return fmt.Errorf("rebuild agreement %s: there is none of that name", name)
		}
	}
	var errs []error
	defer func() { err = errors.Join(err, giveToOwner(dir)) }()
	for _, l := range listed {
		if len(names) > 0 && !slices.Contains(names, l.Name) {
			continue
		}
		path := filepath.Join(dir, agreementsName, l.Collection.String()+".db")
		done, err := rebuildFile(ctx, path, l)
		if err != nil {
			errs = append(errs, fmt.Errorf("rebuild agreement %s: %w", l.Name, err))
			continue
		}
		report(done)
	}
	return errors.Join(errs...)
}

// listAgreements reads the list of agreements from accord.db.
func listAgreements(path string) (list []Listed, err error) {
	db, err := openRegistry(path, true)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var r *Registry
	err = verifiedbolt.Guard(func() (err error) {
		r, err = readRegistry(db)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r.Agreements, nil
}

func rebuildFile(ctx context.Context, path string, l Listed) (Rebuilt, error) {
	r := Rebuilt{Name: l.Name}
	fresh := path + ".rebuilt"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	var err error
	if r.Skipped, err = salvageInto(ctx, path, fresh, l); err != nil {
		os.Remove(fresh)
		return r, err
	}
	// What is derived was written over and over: the pages that it has left are given back.
	small := path + compactSuffix
	if err = compactInto(ctx, fresh, small, l); err == nil {
		err = os.Rename(small, fresh)
	}
	if err != nil {
		os.Remove(small)
		os.Remove(fresh)
		return r, err
	}
	if r.Kept, err = keepAside(path, "before-rebuild"); err != nil {
		return r, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return r, errors.Join(err, os.Rename(r.Kept, path))
	}
	return r, syncFolder(filepath.Dir(path), false)
}

// keepAside gives a file that is about to be replaced a second name in the same folder.
func keepAside(path, why string) (string, error) {
	aside := fmt.Sprintf("%s.%s-%s", path, why, time.Now().UTC().Format("20060102T150405.000Z"))
	return aside, os.Rename(path, aside)
}

// salvageInto copies what cannot be derived into a new file and derives the rest.
func salvageInto(ctx context.Context, path, fresh string, l Listed) (skipped []string, err error) {
	old, damage, err := verifiedbolt.OpenDamaged(path, boltOptions(collectionOptions{ReadOnly: true}))
	if err != nil {
		return nil, fmt.Errorf("%w; restore the agreement from a backup", err)
	}
	defer old.Close()
	db, err := openBolt(fresh, collectionOptions{})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := createBuckets(tx)
		return err
	})
	for _, name := range salvaged() {
		if err != nil {
			break
		}
		lost := damage.Buckets[string(name)]
		if lost == nil {
			lost = copyBucket(ctx, old, db, name)
		}
		switch {
		case lost == nil:
		case errors.Is(lost, verifiedbolt.ErrDamaged) && forgettable(name):
			skipped = append(skipped, fmt.Sprintf("part of the bucket %s: %v", name, lost))
		default:
			err = fmt.Errorf("copy the bucket %s: %w; restore the agreement from a backup", name, lost)
		}
	}
	if err == nil {
		err = db.Update(func(tx *bolt.Tx) error {
			if err := errors.Join(forgetHalf(tx), forgetHalfRefused(tx)); err != nil {
				return err
			}
			return rebuild(ctx, tx)
		})
	}
	if err == nil {
		err = sameAgreement(db, l)
	}
	return skipped, errors.Join(err, db.Close())
}

// salvaged returns the names of the buckets that are copied.
func salvaged() (names [][]byte) {
	for _, layout := range new(buckets).layout() {
		if !slices.ContainsFunc(derived, func(d []byte) bool { return bytes.Equal(d, layout.name) }) {
			names = append(names, layout.name)
		}
	}
	return names
}

// forgettable reports whether an agreement is complete without part of a bucket. Statuses and refused objects are dropped
// after a time anyway, and without recorded sources only an entry's own source counts.
func forgettable(bucket []byte) bool {
	for _, name := range [][]byte{bucketStatuses, bucketStatusAge, bucketRefused, bucketRefusedAge, bucketSources} {
		if bytes.Equal(bucket, name) {
			return true
		}
	}
	return false
}

// copyBucket copies a bucket in several transactions: an agreement may be larger than memory. On a damaged page it
// returns verifiedbolt.ErrDamaged; what came before is copied.
func copyBucket(ctx context.Context, from, to *verifiedbolt.DB, name []byte) error {
	const most = 16 << 20
	var next []byte
	for first := true; first || next != nil; first = false {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		var damage error
		err := to.Update(func(w *bolt.Tx) error {
			dst, size := w.Bucket(name), 0
			start := next
			next = nil
			damage = verifiedbolt.Guard(func() error {
				return from.View(func(r *bolt.Tx) error {
					src := r.Bucket(name)
					if src == nil {
						return nil // made by an older release
					}
					c := src.Cursor()
					k, v := c.First()
					if start != nil {
						k, v = c.Seek(start)
					}
					for ; k != nil; k, v = c.Next() {
						if size += len(k) + len(v); size > most {
							next = bytes.Clone(k)
							return nil
						}
						if err := dst.Put(bytes.Clone(k), bytes.Clone(v)); err != nil {
							return err
						}
					}
					return nil
				})
			})
			if damage != nil && !errors.Is(damage, verifiedbolt.ErrDamaged) {
				return damage
			}
			return nil
		})
		if err := errors.Join(err, damage); err != nil {
			return err
		}
	}
	return nil
}

// forgetHalf drops incomplete statuses, which remain when only some of their pages could be read, and the sources of
// unknown versions.
func forgetHalf(tx *bolt.Tx) error {
	statuses, ages := tx.Bucket(bucketStatuses), tx.Bucket(bucketStatusAge)
	listed := map[string]bool{}
	var stray [][]byte
	err := ages.ForEach(func(k, _ []byte) error {
		if len(k) <= 8 || statuses.Get(k[8:]) == nil {
			stray = append(stray, bytes.Clone(k))
			return nil
		}
		listed[string(k[8:])] = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range stray {
		if err := ages.Delete(k); err != nil {
			return err
		}
	}
	stray = nil
	err = statuses.ForEach(func(id, b []byte) error {
		if !listed[string(id)] {
			stray = append(stray, bytes.Clone(id))
		}
		return nil
	})
	for _, id := range stray {
		err = errors.Join(err, statuses.Delete(id))
	}
	return err
}

// sameAgreement checks that a rebuilt file belongs to the listed agreement.
func sameAgreement(db *verifiedbolt.DB, l Listed) error {
	c := collectionOf(db, collectionOptions{})
	if err := db.View(c.load); err != nil {
		return err
	}
	if got := c.Agreement().Name; got != l.Name || c.id != l.Collection {
		return fmt.Errorf("the file holds the agreement %s (collection %s), where %s (collection %s) is listed", got, c.id, l.Name, l.Collection)
	}
	return nil
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// Compacted is a file that was written anew without the space that it had left over.
type Compacted struct {
	Name   agreement.Name `json:"agreement"`
	Before int64          `json:"bytes_before"`
	After  int64          `json:"bytes_after"`

	// Pause is how long writers waited for it; 0 when no server had the folder open.
	Pause time.Duration `json:"pause_ns"`
}

// compactSuffix ends the name of a file that is being written in the place of another.
const compactSuffix = ".compact"

// removeCompactions removes what compactions that were broken off have left. The caller has the folder's lock.
func removeCompactions(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, agreementsName, "*.db"+compactSuffix))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("remove what a compaction left: %w", err)
	}
	return nil
}

// CompactFolder writes the files of agreements anew, without free pages and with full ones, and tells of each. The new file is
// checked from end to end before it takes the place of the old one, which then is gone. No other process may have the folder
// open. Without names it does so for all agreements.
func CompactFolder(ctx context.Context, dir string, names []agreement.Name, report func(Compacted)) (err error) {
	lock, err := lockFolder(dir, false)
	if err != nil {
		return fmt.Errorf("compact %s: %w", dir, err)
	}
	defer unlockFolder(lock, false)
	listed, err := listAgreements(filepath.Join(dir, registryName))
	if err != nil {
		return fmt.Errorf("compact %s: %w", dir, err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(listed, func(l Listed) bool { return l.Name == name }) {
			return fmt.Errorf("compact agreement %s: there is none of that name", name)
		}
	}
	defer func() { err = errors.Join(err, giveToOwner(dir)) }()
	var errs []error
	for _, l := range listed {
		if len(names) > 0 && !slices.Contains(names, l.Name) {
			continue
		}
		done, err := compactFile(ctx, filepath.Join(dir, agreementsName, l.Collection.String()+".db"), l)
		if err != nil {
			errs = append(errs, fmt.Errorf("compact agreement %s: %w", l.Name, err))
			continue
		}
		report(done)
	}
	return errors.Join(errs...)
}

// compactFile compacts one file in its place.
func compactFile(ctx context.Context, path string, l Listed) (c Compacted, err error) {
	c.Name = l.Name
	fresh := path + compactSuffix
	defer os.Remove(fresh)
	if err := compactInto(ctx, path, fresh, l); err != nil {
		return c, err
	}
	if err := sameHistory(ctx, path, fresh); err != nil {
		return c, err
	}
	if c.Before, err = sizeOf(path); err != nil {
		return c, err
	}
	if c.After, err = sizeOf(fresh); err != nil {
		return c, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return c, err
	}
	return c, syncFolder(filepath.Dir(path), false)
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// compactAtOnce is how many bytes one transaction of a compaction writes.
const compactAtOnce = 16 << 20

// compactInto copies a file of the present format into a new one, bucket by bucket and in order, so that its pages are full.
func compactInto(ctx context.Context, path, fresh string, l Listed) (err error) {
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	old, err := verifiedbolt.Open(path, boltOptions(collectionOptions{ReadOnly: true}))
	if err != nil {
		return fmt.Errorf("%w; accord check says what is damaged", err)
	}
	defer old.Close()
	db, err := openBolt(fresh, collectionOptions{})
	if err != nil {
		return err
	}
	err = verifiedbolt.Guard(func() error { return bolt.Compact(db.DB, old.DB, compactAtOnce) })
	if err == nil {
		err = sameAgreement(db, l)
	}
	return errors.Join(err, db.Close())
}

// sameHistory checks a compacted file from end to end, and that its journal has the head of the file that it came from.
func sameHistory(ctx context.Context, path, fresh string) error {
	was, err := openCollection(path, collectionOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer was.close()
	is, err := openCollection(fresh, collectionOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer is.close()
	size, root, err := was.Head()
	if err != nil {
		return err
	}
	newSize, newRoot, err := is.Head()
	if err != nil {
		return err
	}
	if size != newSize || root != newRoot {
		return errOtherJournal
	}
	faults, err := is.Check(ctx)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("the copy is not sound, and the file is as it was; accord check says what is wrong with it: %s", strings.Join(faults, "; "))
	}
	return err
}

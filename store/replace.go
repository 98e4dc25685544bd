package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ReplaceFolder puts the files of another node, which ReceiveFolder has made durable in fresh, in the place of those of a data
// folder of the same cluster. names are those of the backup that they came in. The node keeps what is its own: deliveries and the
// files in tls. An agreement's file that is not among the names is kept aside, so that it is fetched by itself. No other process
// may have the folder open. After a crash ReplaceFolder is called again, with the same names.
func ReplaceFolder(dir, fresh string, names []string) error {
	lock, err := lockFolder(dir, false)
	if err == nil {
		defer unlockFolder(lock, false)
		err = replaceFiles(dir, fresh, names)
	}
	if err != nil {
		return fmt.Errorf("replace the files of %s: %w", dir, err)
	}
	return nil
}

func replaceFiles(dir, fresh string, names []string) error {
	ordered := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return strings.HasPrefix(name, "tls/") || name == registryName
	})
	ordered = append(ordered, registryName) // last: it lists what has come before it
	for _, name := range ordered {
		if !isBackupPart(name) {
			return &StrangeNameError{name, "is no file of a data folder"}
		}
		from, to := filepath.Join(fresh, filepath.FromSlash(name)), filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		err := os.Rename(from, to)
		if errors.Is(err, fs.ErrNotExist) { // it was moved before a crash
			_, err = os.Stat(to)
		}
		if err != nil {
			return err
		}
	}
	if err := putAside(dir, names); err != nil {
		return err
	}
	for _, name := range []string{agreementsName, keysName, "."} {
		if err := syncFolder(filepath.Join(dir, name), false); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return giveToOwner(dir)
}

// putAside removes keys that the other node does not have any more, and keeps files of agreements aside that did not come.
func putAside(dir string, names []string) error {
	for _, folder := range []string{agreementsName, keysName} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			name, at := path.Join(folder, e.Name()), filepath.Join(dir, folder, e.Name())
			if slices.Contains(names, name) || !isBackupPart(name) {
				continue
			}
			if folder == keysName {
				err = os.Remove(at)
			} else if id, ok := strings.CutSuffix(e.Name(), ".db"); ok && uuid.Validate(id) == nil {
				_, err = keepAside(at, "before-refetch")
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

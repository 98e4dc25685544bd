package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/accord-taxii/accord/stix"
)

// folder writes every version of an object into a separate file. The names come from a server, so only what has the
// form of an identifier or a timestamp becomes part of a path.
type folder struct {
	root    string
	durable bool
	modes   fileModes
}

func openFolder(root string, durable bool, modes fileModes) (*folder, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	return &folder{root: root, durable: durable, modes: modes}, nil
}

// together is how many files are written at a time: file systems make many syncs durable in one go.
const together = 32

func (f *folder) write(objects []json.RawMessage) error {
	dirs := map[string]bool{f.root: true}
	var files errgroup.Group
	files.SetLimit(together)
	latest := map[string]json.RawMessage{} // by file name: one page may have an object twice
	for _, object := range objects {
		latest[filepath.Join(f.root, pathOf(object))] = object
	}
	for name, object := range latest {
		dir := filepath.Dir(name)
		if !dirs[dir] {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return errors.Join(fmt.Errorf("make the folder: %w", err), files.Wait())
			}
			dirs[dir], dirs[filepath.Dir(dir)] = true, true
		}
		files.Go(func() error {
			return replaceFile(name, append(object[:len(object):len(object)], '\n'), f.durable, f.modes.of(object))
		})
	}
	if err := files.Wait(); err != nil || !f.durable {
		return err
	}
	for dir := range dirs {
		files.Go(func() error { return syncFolder(dir) })
	}
	return files.Wait()
}

func (f *folder) size() int64   { return 0 }
func (f *folder) finish() error { return nil }
func (f *folder) abandon()      {}

// longestName is the longest file name that every file system accepts.
const longestName = 255

// pathOf returns TYPE/ID/VERSION.json for an object, TYPE/UUID/VERSION.json if the id is too long for the name of a
// folder, or a path below "other" if the id is malformed.
func pathOf(object json.RawMessage) string {
	sum := sha256.Sum256(object)
	digest := hex.EncodeToString(sum[:8])
	text, version := item{raw: object}.header()
	id, err := stix.ParseID(text)
	if err != nil {
		return filepath.Join("other", digest+".json")
	}
	name := digest
	if _, err := stix.ParseInstant(version); err == nil && len(version) < 64 {
		name = digitsOf(version)
	}
	return filepath.Join(id.Type(), folderOf(id), name+".json")
}

// folderOf returns the name of the folder of an object's versions.
func folderOf(id stix.ID) string {
	if len(id) > longestName {
		return id.UUID()
	}
	return string(id)
}

// digitsOf returns the digits of a text.
func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// replaceFile writes a file atomically: its name always leads to the complete old or new content. If durable is set,
// the content is on disk before the name is; the name is durable after syncFolder. The umask takes from mode.
func replaceFile(name string, text []byte, durable bool, mode fs.FileMode) error {
	temporary := name + ".partial"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may have another mode
		return fmt.Errorf("write %s: %w", name, err)
	}
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(text)
	if err == nil && durable {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		os.Remove(temporary)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// readIfExists reads a file. It returns nil if the file does not exist.
func readIfExists(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

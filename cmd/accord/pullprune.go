package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/taxii"
)

// prune removes the files below a folder whose versions the collection no longer has, and returns how many. The manifest says what
// there is: unless all of it was read, nothing is removed.
func prune(ctx context.Context, client *taxii.Client, url, root string, q taxii.Query) (removed int, err error) {
	there, objects := map[string]bool{}, map[string]bool{}
	for page, err := range client.Manifest(ctx, url, taxii.Query{IDs: q.IDs, Types: q.Types, Versions: []string{"all"}, Specs: []string{"2.0", "2.1"}, Limit: q.Limit}) {
		if err != nil {
			return 0, fmt.Errorf("read what there is: %w", explain(err))
		}
		for _, record := range page.Items {
			id, err := stix.ParseID(record.ID)
			if err != nil {
				continue
			}
			folder := filepath.Join(id.Type(), folderOf(id))
			objects[folder] = true
			there[filepath.Join(folder, instantDigits(record.Version))] = true
		}
	}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		folder, version, ok := pulledFile(below)
		if !ok || there[filepath.Join(folder, instantDigits(version))] || objects[folder] && !isInstant(version) {
			return nil
		}
		removed++
		return os.Remove(name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return removed, fmt.Errorf("remove what is no longer there: %w", err)
	}
	return removed, nil
}

// pulledFile splits a path that a pull has written: TYPE/ID/VERSION.json. Other files are not its business.
func pulledFile(below string) (folder, version string, ok bool) {
	parts := strings.Split(below, string(filepath.Separator))
	if len(parts) != 3 {
		return "", "", false
	}
	version, ok = strings.CutSuffix(parts[2], ".json")
	id, err := stix.ParseID(parts[1])
	if err != nil { // a long id's folder is its UUID
		id, err = stix.ParseID(parts[0] + "--" + parts[1])
	}
	hexadecimal := version != "" && strings.Trim(version, "0123456789abcdef") == ""
	return filepath.Join(parts[0], parts[1]), version, ok && err == nil && id.Type() == parts[0] && hexadecimal
}

// instantDigits returns the digits of a time without zeros at the end of its fraction: servers write the same time with more or fewer.
func instantDigits(version string) string {
	version = digitsOf(version)
	const seconds = len("YYYYMMDDhhmmss")
	if len(version) <= seconds {
		return version
	}
	return version[:seconds] + strings.TrimRight(version[seconds:], "0")
}

// isInstant reports whether the name of a file is a time, and not a digest, which has 16 digits.
func isInstant(version string) bool {
	return len(version) >= 14 && len(version) != 16 && digitsOf(version) == version
}

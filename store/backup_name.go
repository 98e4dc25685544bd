package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// backupPart matches the names of the files that a backup holds: accord.db, the files of agreements and their deliveries, the
// signing key, the notes of succession and the certificate that the server made for itself.
var backupPart = regexp.MustCompile(`^(accord\.db|` +
	`agreements/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(\.deliveries)?\.db|` +
	`keys/(key|key\.next|[0-9]{4,}\.note)|` +
	`tls/selfsigned\.(crt|key))$`)

// isBackupPart reports whether a backup of ours can hold a file of this name.
func isBackupPart(name string) bool { return backupPart.MatchString(name) }

// A StrangeNameError names something that no backup of ours has: a link, a device, or a file of another name.
type StrangeNameError struct {
	Name   string
	Reason string
}

func (e *StrangeNameError) Error() string { return fmt.Sprintf("%q %s", e.Name, e.Reason) }

// checkParts refuses a manifest that names something twice, or that no backup of ours has.
func (m *BackupManifest) checkParts() error {
	seen := map[string]bool{}
	for _, f := range m.Files {
		if !isBackupPart(f.Name) {
			return &StrangeNameError{f.Name, "is in the manifest, but no file of a backup has this name"}
		}
		if seen[f.Name] {
			return &StrangeNameError{f.Name, "is in the manifest twice"}
		}
		seen[f.Name] = true
	}
	if !seen[registryName] {
		return errors.New("the manifest does not have accord.db")
	}
	return nil
}

// checkFolder refuses a folder that holds more than the manifest names: links, devices, and files of other names. The lock is
// what reading the folder as a data folder leaves behind.
func (m *BackupManifest) checkFolder(dir string) error {
	named := map[string]bool{backupName: true, signatureName: true, lockName: true, agreementsName: true}
	for _, f := range m.Files {
		named[f.Name], named[path.Dir(f.Name)] = true, true
	}
	return filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || at == dir {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch kind := d.Type(); {
		case kind&fs.ModeSymlink != 0:
			return &StrangeNameError{name, "is a symbolic link, which no backup has: remove it, or copy the backup with the files themselves"}
		case !kind.IsRegular() && !kind.IsDir():
			return &StrangeNameError{name, "is neither a file nor a folder: no backup has it"}
		case d.IsDir() && !strings.Contains(name, "/") && named[name], kind.IsRegular() && named[name]:
			return nil
		}
		return &StrangeNameError{name, "is not in the manifest: it came into the backup later; move it out"}
	})
}

// openPart opens a file of a backup: a regular file, reached without any link.
func openPart(dir, name string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	folder, _ := path.Split(name)
	if folder != "" {
		if info, err := root.Lstat(path.Clean(folder)); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, &StrangeNameError{path.Clean(folder), "is no folder"}
		}
	}
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &StrangeNameError{name, "is no regular file"}
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		return nil, errors.Join(&StrangeNameError{name, "was replaced while it was opened"}, err, f.Close())
	}
	return f, nil
}

package index

import (
	"errors"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// private is the file system with files that only their owner reads, as everything in a data folder: pebble leaves that to
// the umask.
type private struct{ vfs.FS }

const ownerOnly = 0o600

func (p private) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, ownerOnly); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (p private) Lock(name string) (io.Closer, error) {
	lock, err := p.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, ownerOnly); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

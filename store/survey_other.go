//go:build !unix

package store

import (
	"errors"
	"io/fs"
)

// ids does not know owners on this system.
func ids(fs.FileInfo) (of owner, names uint64, ok bool) { return owner{}, 0, false }

// room does not know file systems on this system.
func room(string) (total, free uint64, err error) { return 0, 0, errors.ErrUnsupported }

package store

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// DiskError says what is wrong with the disk, or a file on it, when an operation failed.
type DiskError int

const (
	NoDiskError DiskError = iota // the error has another cause
	Full                         // there is no room: nothing was changed, and writing goes on once there is
	Failing                      // the disk does not take what is written: nothing is written until the folder is opened again
	Damaged                      // a file is not as it was left: what can be read of it is served, see Check
)

// DiskErrorOf classifies an error that comes from the disk.
func DiskErrorOf(err error) DiskError {
	var failed *commitError
	var path *fs.PathError
	switch {
	case err == nil:
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return Full
	case errors.Is(err, verifiedbolt.ErrDamaged), errors.Is(err, errStats), errors.Is(err, errRecord), errors.Is(err, errStatus), errors.Is(err, errVersions):
		return Damaged
	case errors.As(err, &failed), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS):
		return Failing
	case errors.As(err, &path):
		return Failing
	}
	return NoDiskError
}

// Advice says what an operator can do.
func (t DiskError) Advice() string {
	switch t {
	case Full:
		return "the disk of the data folder is full (or a quota, or a limit of file sizes, is reached): make room; nothing that was answered with success is lost, and writing goes on by itself"
	case Failing:
		return "the disk of the data folder does not take what is written: look at it, then restart the server; nothing that was answered with success is lost"
	case Damaged:
		return "a file of the data folder is damaged: stop the server, run accord check --rebuild on it, and restore the agreement from a backup if that does not help"
	}
	return ""
}

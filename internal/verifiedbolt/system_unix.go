//go:build unix

package verifiedbolt

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapStart maps the first bytes of a file for reading.
func mapStart(file *os.File, length int) ([]byte, error) {
	return unix.Mmap(int(file.Fd()), 0, length, unix.PROT_READ, unix.MAP_SHARED)
}

func unmap(b []byte) error { return unix.Munmap(b) }

// unlock releases bbolt's lock on a file.
func unlock(file *os.File) { unix.Flock(int(file.Fd()), unix.LOCK_UN) }

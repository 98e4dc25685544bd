//go:build unix

package tlsconf

import (
	"io/fs"
	"syscall"
)

// inodeOf returns the number of a file; 0: it is not known.
func inodeOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

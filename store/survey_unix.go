//go:build unix

package store

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// ids returns the owner of a file, and how many names it has.
func ids(info fs.FileInfo) (of owner, names uint64, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, 0, false
	}
	return owner{st.Uid, st.Gid}, uint64(st.Nlink), true
}

// room returns how many bytes a folder's file system has, and how many are free for its owner.
func room(dir string) (total, free uint64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	return fs.Blocks * uint64(fs.Bsize), fs.Bavail * uint64(fs.Bsize), nil
}

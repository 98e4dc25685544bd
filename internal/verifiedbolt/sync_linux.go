package verifiedbolt

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData has what was written to a file on disk, without its times.
func syncData(file *os.File) error { return unix.Fdatasync(int(file.Fd())) }

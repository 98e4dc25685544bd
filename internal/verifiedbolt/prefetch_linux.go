package verifiedbolt

import (
	"os"

	"golang.org/x/sys/unix"
)

// prefetch has the kernel read a part of a file that will be needed.
func prefetch(file *os.File, offset, length int64) {
	unix.Fadvise(int(file.Fd()), offset, length, unix.FADV_WILLNEED)
}

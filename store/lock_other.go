//go:build !unix

package store

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// errHeld says that another process holds a lock.
var errHeld = errors.New("another process holds the lock")

// flock fails: a data folder is used on Linux and macOS alone. Elsewhere the program is a client.
func flock(*os.File, bool) error {
	return fmt.Errorf("a data folder cannot be used on %s, where this program is a client: give --url", runtime.GOOS)
}

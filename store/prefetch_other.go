//go:build !linux

package store

import "os"

// prefetch does nothing here: it is only quicker with it.
func prefetch(*os.File, int64, int64) {}

//go:build !linux

package verifiedbolt

import "os"

// prefetch does nothing here. It only saves time.
func prefetch(*os.File, int64, int64) {}

//go:build !unix

package verifiedbolt

import (
	"errors"
	"os"
)

// mapStart fails: files are opened on Linux and macOS alone. Elsewhere the program is a client.
func mapStart(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return nil }

func unlock(*os.File) {}

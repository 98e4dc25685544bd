package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// errLocked says that another process has a lock.
var errLocked = errors.New("another pull is writing there")

// lockTarget has one pull at a time write to a folder or a bundle. The lock ends with the process, however that ends.
func lockTarget(f *pullFlags) (unlock func(), err error) {
	var path string
	switch {
	case f.toStdout():
		return func() {}, nil
	case f.dir != "":
		if err := os.MkdirAll(f.dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder: %w", err)
		}
		path = filepath.Join(f.dir, ".pull.lock")
	default:
		path = filepath.Join(filepath.Dir(f.out), "."+filepath.Base(f.out)+".lock")
	}
	file, err := lockFile(path)
	if errors.Is(err, errLocked) {
		return nil, withHint(fmt.Errorf("%s: %w", targetOf(f), err), "wait until it ends; each pull needs a target of its own")
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", targetOf(f), err)
	}
	return func() { file.Close() }, nil
}

func targetOf(f *pullFlags) string {
	if f.dir != "" {
		return f.dir
	}
	return f.out
}

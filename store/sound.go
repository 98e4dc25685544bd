package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// errDamaged says that a file is not as bbolt left it.
var errDamaged = errors.New("the file is damaged")

// openSound is bolt.Open for files that may have been harmed. bbolt trusts what it maps into memory: a page that is cut
// off is a fault, one that was overwritten a panic, and either would take down the process that serves everybody else.
func openSound(path string, opts *bolt.Options) (db *bolt.DB, err error) {
	var file *os.File
	watched := *opts
	watched.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	err = guard(func() (err error) {
		if db, err = bolt.Open(path, 0o600, &watched); err != nil {
			return err
		}
		return db.View(wholeLength(file))
	})
	switch {
	case err == nil:
		return db, nil
	case db != nil:
		return nil, errors.Join(err, db.Close())
	case errors.Is(err, errDamaged) && file != nil:
		// bbolt did not come to it. What it mapped keeps the file alive, and with it the lock, unless that is given back.
		unix.Flock(int(file.Fd()), unix.LOCK_UN)
		file.Close()
	}
	return nil, err
}

// wholeLength says whether the file is as long as it says itself.
func wholeLength(file *os.File) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: it has %d bytes of %d", errDamaged, info.Size(), tx.Size())
		}
		return nil
	}
}

// guard turns what a damaged file does to whoever reads it, a panic or a memory fault, into an error.
func guard(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if _, memory := fault.(interface{ Addr() uintptr }); memory {
				fault = "a part of it is missing or cannot be read"
			}
			err = fmt.Errorf("%w: %v", errDamaged, fault)
		}
	}()
	return read()
}

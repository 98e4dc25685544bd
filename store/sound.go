package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// errDamaged says that a file is not as bbolt left it.
var errDamaged = errors.New("the file is damaged")

// soundFile is a bolt.DB for files that may have been harmed, also while they are open. bbolt trusts what it maps into
// memory: a page that is cut off is a fault, one that was overwritten a panic, and either would take down the process that
// serves everybody else. Here they are errors, and what could not be turned into one is looked at before bbolt comes to it:
//
//   - when the file is opened, its length, the list of free pages and all pages that lead to others (see survey);
//   - when a transaction begins, that one of the two heads is sound, because bbolt looks at them with its locks held, and
//     the page that lists the buckets, with the small buckets that lie in it (see listing).
type soundFile struct {
	*bolt.DB
	file *os.File // bbolt's
	size int      // of a page

	mapping sync.RWMutex
	heads   []byte // guarded by mapping; the two heads, mapped; nil when the file is closed

	newest  atomic.Int64 // the newest transaction that anybody has seen
	listing atomic.Pointer[listing]
	stuck   atomic.Bool // bbolt came to harm with its locks held: whoever asks it for anything would wait for ever
}

// openSound is bolt.Open. A file that is damaged in a way that it cannot be trusted with is an error; one bucket whose
// pages do not hang together is in the survey, and no error.
func openSound(path string, opts *bolt.Options) (f *soundFile, s survey, err error) {
	f = &soundFile{}
	watched := *opts
	watched.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		if f.file, err = os.OpenFile(name, flag, mode); err == nil && !opts.ReadOnly {
			err = freelistFits(f.file)
		}
		return f.file, err
	}
	err = guard(func() (err error) {
		if f.DB, err = bolt.Open(path, 0o600, &watched); err != nil {
			return err
		}
		f.size = f.Info().PageSize
		if f.heads, err = unix.Mmap(int(f.file.Fd()), 0, 2*f.size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
			return fmt.Errorf("map the heads: %w", err)
		}
		tx, err := f.begin(false)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := f.wholeLength(tx); err != nil {
			return err
		}
		s, err = f.survey(tx, false)
		return err
	})
	switch {
	case err == nil:
		return f, s, nil
	case f.DB != nil:
		return nil, survey{}, errors.Join(err, f.Close())
	case errors.Is(err, errDamaged) && f.file != nil:
		// bbolt did not come to it. What it mapped keeps the file alive, and with it the lock, unless that is given back.
		f.release()
	}
	return nil, survey{}, err
}

// openWhole is openSound that refuses a file with any damage that it sees.
func openWhole(path string, opts *bolt.Options) (*soundFile, error) {
	f, s, err := openSound(path, opts)
	if err != nil {
		return nil, err
	}
	if err := s.err(!opts.ReadOnly); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close waits for the transactions that are open and closes the file.
func (f *soundFile) Close() error {
	f.mapping.Lock()
	heads := f.heads
	f.heads = nil
	f.mapping.Unlock()
	var err error
	if heads != nil {
		err = unix.Munmap(heads)
	}
	if f.stuck.Load() {
		f.release()
		return err
	}
	return errors.Join(err, f.DB.Close())
}

// release gives back the file and its lock without bbolt.
func (f *soundFile) release() {
	unix.Flock(int(f.file.Fd()), unix.LOCK_UN)
	f.file.Close()
}

// Begin is bolt.DB's, on a file that is sound as far as a transaction must rely on it.
func (f *soundFile) Begin(writable bool) (tx *bolt.Tx, err error) {
	err = guard(func() (err error) {
		tx, err = f.begin(writable)
		return err
	})
	return tx, err
}

func (f *soundFile) begin(writable bool) (_ *bolt.Tx, err error) {
	newest := f.newest.Load()
	if err := f.soundHeads(); err != nil {
		return nil, err
	}
	tx, err := f.beginOrStick(writable)
	if err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		if !ok {
			tx.Rollback()
		}
	}()
	seen := int64(tx.ID())
	if writable {
		seen-- // it has the number that it gets when it is committed
		if err := f.wholeLength(tx); err != nil {
			return nil, err
		}
	}
	if seen < newest {
		return nil, fmt.Errorf("%w: the head of transaction %d is gone, that of %d is left", errDamaged, newest, seen)
	}
	for newest < seen && !f.newest.CompareAndSwap(newest, seen) {
		newest = f.newest.Load()
	}
	if err := f.soundListing(tx); err != nil {
		return nil, err
	}
	ok = true
	return tx, nil
}

// beginOrStick begins a transaction. A panic in the middle of that leaves bbolt's locks held.
func (f *soundFile) beginOrStick(writable bool) (*bolt.Tx, error) {
	if f.stuck.Load() {
		return nil, errDamaged
	}
	done := false
	defer func() {
		if !done {
			f.stuck.Store(true)
		}
	}()
	tx, err := f.DB.Begin(writable)
	done = true
	return tx, err
}

// View is bolt.DB's, under a guard.
func (f *soundFile) View(fn func(*bolt.Tx) error) error {
	return guard(func() error {
		tx, err := f.begin(false)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		return fn(tx)
	})
}

// Update is bolt.DB's, under a guard. Unlike bbolt's it does not look at the file when it goes back: that may be what
// went wrong.
func (f *soundFile) Update(fn func(*bolt.Tx) error) error {
	return guard(func() error {
		tx, err := f.begin(true)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// load runs load in a transaction: one that may make the buckets, unless all are there. That saves the start of a server from
// writing what is there: on a busy disk it takes a while.
func (f *soundFile) load(load func(*bolt.Tx) error, buckets ...[]byte) error {
	whole := true
	err := f.View(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			whole = whole && tx.Bucket(name) != nil
		}
		if !whole && !f.IsReadOnly() {
			return nil
		}
		return load(tx)
	})
	if err == nil && !whole && !f.IsReadOnly() {
		err = f.Update(load)
	}
	return err
}

// wholeLength says whether the file is as long as it says itself.
func (f *soundFile) wholeLength(tx *bolt.Tx) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: it has %d bytes of %d", errDamaged, info.Size(), tx.Size())
	}
	return nil
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

package verifiedbolt

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// ErrDamaged reports that a file is not as bbolt left it.
var ErrDamaged = errors.New("the file is damaged")

// DB is a bolt.DB that verifies what bbolt trusts:
//
//   - when the file is opened, its length, the list of free pages and all pages that lead to others (see walk);
//   - when a transaction begins, that one of the two meta pages is intact, because bbolt reads them with its locks held,
//     and the pages that list the buckets, with the small buckets stored in them (see root).
type DB struct {
	*bolt.DB
	file     *os.File // bbolt's
	pageSize int
	moved    atomic.Pointer[string] // where the file is now; nil: where it was opened

	mapping sync.RWMutex
	meta    []byte // guarded by mapping; the two meta pages, mapped; nil when the file is closed

	newest atomic.Int64 // the newest transaction that was seen
	root   atomic.Pointer[root]

	readers readers
	stuck   atomic.Bool // bbolt failed with its locks held: any further call would wait for ever
}

// Open is bolt.Open. It refuses a file with any damage that it finds; a damaged list of free pages does not matter to a
// file that is opened for reading.
func Open(path string, opts *bolt.Options) (*DB, error) {
	db, damage, err := OpenDamaged(path, opts)
	if err != nil {
		return nil, err
	}
	if err := damage.err(!opts.ReadOnly); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// OpenDamaged is Open for a file whose intact buckets are wanted although others are damaged. Damage that concerns the
// whole file is an error.
func OpenDamaged(path string, opts *bolt.Options) (db *DB, damage Damage, err error) {
	db = &DB{}
	watched := *opts
	watched.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		if db.file, err = os.OpenFile(name, flag, mode); err == nil && !opts.ReadOnly {
			err = verifyFreelistLength(db.file)
		}
		return db.file, err
	}
	err = Guard(func() (err error) {
		if db.DB, err = bolt.Open(path, 0o600, &watched); err != nil {
			return err
		}
		db.pageSize = db.Info().PageSize
		if db.meta, err = mapStart(db.file, 2*db.pageSize); err != nil {
			return fmt.Errorf("map the meta pages: %w", err)
		}
		tx, err := db.begin(false)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := db.verifyLength(tx); err != nil {
			return err
		}
		damage, err = db.walk(tx, false)
		return err
	})
	switch {
	case err == nil:
		return db, damage, nil
	case db.DB != nil:
		return nil, Damage{}, errors.Join(err, db.Close())
	case errors.Is(err, ErrDamaged) && db.file != nil:
		// bbolt panicked while opening. Its mapping keeps the file alive, and with it the lock, unless that is released.
		db.release()
	}
	return nil, Damage{}, err
}

// Path returns where the file is.
func (db *DB) Path() string {
	if at := db.moved.Load(); at != nil {
		return *at
	}
	return db.DB.Path()
}

// Moved says that the file has another name now.
func (db *DB) Moved(path string) { db.moved.Store(&path) }

// Close waits for open transactions and closes the file.
func (db *DB) Close() error {
	db.mapping.Lock()
	meta := db.meta
	db.meta = nil
	db.mapping.Unlock()
	var err error
	if meta != nil {
		err = unmap(meta)
	}
	if db.stuck.Load() {
		db.release()
		return err
	}
	return errors.Join(err, db.DB.Close())
}

// release gives back the file and its lock without bbolt.
func (db *DB) release() {
	unlock(db.file)
	db.file.Close()
}

// Begin begins a write transaction, on a file that is intact as far as it relies on it. To read, use View or Snapshot, which
// a sweep waits for.
func (db *DB) Begin() (tx *bolt.Tx, err error) {
	err = Guard(func() (err error) {
		tx, err = db.begin(true)
		return err
	})
	return tx, err
}

func (db *DB) begin(writable bool) (_ *bolt.Tx, err error) {
	newest := db.newest.Load()
	if err := db.verifyMeta(); err != nil {
		return nil, err
	}
	tx, err := db.beginOrStick(writable)
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
		if err := db.verifyLength(tx); err != nil {
			return nil, err
		}
	}
	if seen < newest {
		return nil, fmt.Errorf("%w: the meta page of transaction %d is gone, that of %d is left", ErrDamaged, newest, seen)
	}
	for newest < seen && !db.newest.CompareAndSwap(newest, seen) {
		newest = db.newest.Load()
	}
	if err := db.verifyRoot(tx); err != nil {
		return nil, err
	}
	ok = true
	return tx, nil
}

// beginOrStick begins a transaction. A panic in the middle of that leaves bbolt's locks held.
func (db *DB) beginOrStick(writable bool) (*bolt.Tx, error) {
	if db.stuck.Load() {
		return nil, ErrDamaged
	}
	done := false
	defer func() {
		if !done {
			db.stuck.Store(true)
		}
	}()
	tx, err := db.DB.Begin(writable)
	done = true
	return tx, err
}

// View is bolt.DB's, guarded.
func (db *DB) View(fn func(*bolt.Tx) error) error {
	return Guard(func() error {
		defer db.readers.leave(db.readers.enter()) // after the transaction has ended
		tx, err := db.begin(false)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		return fn(tx)
	})
}

// Update is bolt.DB's, guarded. Unlike bbolt's it does not read the file when it rolls back: the file may be what failed.
func (db *DB) Update(fn func(*bolt.Tx) error) error {
	return Guard(func() error {
		tx, err := db.begin(true)
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

// Load runs load in a transaction: a writing one, in which load can make the buckets, only if one of them is missing. That
// saves the start of a server a write to each file, which takes a while on a busy disk.
func (db *DB) Load(load func(*bolt.Tx) error, buckets ...[]byte) error {
	complete := true
	err := db.View(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			complete = complete && tx.Bucket(name) != nil
		}
		if !complete && !db.IsReadOnly() {
			return nil
		}
		return load(tx)
	})
	if err == nil && !complete && !db.IsReadOnly() {
		err = db.Update(load)
	}
	return err
}

// verifyLength reports a file that is shorter than its meta page says.
func (db *DB) verifyLength(tx *bolt.Tx) error {
	info, err := db.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: it has %d bytes of %d", ErrDamaged, info.Size(), tx.Size())
	}
	return nil
}

// Guard turns what reading a damaged file causes, a panic or a memory fault, into an error that wraps ErrDamaged.
func Guard(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if _, memory := fault.(interface{ Addr() uintptr }); memory {
				fault = "a part of it is missing or cannot be read"
			}
			err = fmt.Errorf("%w: %v", ErrDamaged, fault)
		}
	}()
	return read()
}

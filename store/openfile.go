package store

import (
	"errors"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// openFile is the open file of a collection. Compacting puts another in its place; it is closed when those that use it have left.
type openFile struct {
	db   *verifiedbolt.DB
	uses atomic.Int64 // by those that use it, and one by the collection
	shut sync.Once
}

func newOpenFile(db *verifiedbolt.DB) *openFile {
	f := &openFile{db: db}
	f.uses.Store(1)
	return f
}

// use returns the file, which stays open until leave.
func (c *Collection) use() *openFile {
	for {
		f := c.file.Load()
		f.uses.Add(1)
		if c.file.Load() == f {
			return f
		}
		f.leave()
	}
}

// leave ends a use. The last one closes a file that was replaced, when its transactions have ended: that may be a backup's.
func (f *openFile) leave() {
	if f.uses.Add(-1) == 0 {
		f.shut.Do(func() { go f.db.Close() })
	}
}

// begin begins a transaction that writes. The file is not replaced before it ends.
func (c *Collection) begin() (*bolt.Tx, error) {
	for {
		f := c.use()
		tx, err := f.db.Begin()
		current := c.file.Load() == f
		f.leave()
		if doubt := c.doubt.Load(); err == nil && current && doubt != nil {
			tx.Rollback()
			return nil, *doubt
		}
		if current {
			return tx, err
		}
		if err == nil {
			tx.Rollback() // the file was replaced while this waited for others that wrote
		}
	}
}

// view runs fn in a read transaction.
func (c *Collection) view(fn func(*bolt.Tx) error) error {
	f := c.use()
	defer f.leave()
	err := closedError(f.db.View(fn))
	if err != nil && c.opts.Damaged != nil && DiskErrorOf(err) == Damaged {
		c.opts.Damaged(c.id, err)
	}
	return err
}

// update runs fn in a transaction that writes.
func (c *Collection) update(fn func(*bolt.Tx) error) error {
	return closedError(verifiedbolt.Guard(func() error {
		tx, err := c.begin()
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Commit()
	}))
}

func closedError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

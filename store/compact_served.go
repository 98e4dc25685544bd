package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// A file that is served is compacted in these steps (decision 63):
//
//	copy      what it holds, into ID.db.compact beside it; then what was changed meanwhile, twice
//	check     the copy from end to end, and that it has the head of the file
//	catch up  until little is left
//	switch    with the write lock held: the last changes, and the copy gets the file's name
//
// Each transaction of the copy is durable before the switch. A crash before the rename leaves the old file and a copy, which is removed
// when the folder is opened; after it, the new file. No write is acknowledged in between.

const (
	compactRounds = 8  // how often changes are brought over, at most, before writers wait for the rest
	compactLittle = 16 // pages that may be left for the time in which they wait
)

// Compact writes the file of an agreement anew, without free pages and with full ones, while it is read and written. Writers wait
// for a moment at the end. One file is compacted at a time; others wait. The disk needs room for a copy of the file.
func (s *Store) Compact(ctx context.Context, name agreement.Name) (done Compacted, err error) {
	fail := func(err error) (Compacted, error) {
		return Compacted{}, fmt.Errorf("compact agreement %s: %w", name, err)
	}
	if s.opts.ReadOnly {
		return fail(ErrReadOnly)
	}
	select {
	case s.compacting <- struct{}{}:
		defer func() { <-s.compacting }()
	case <-ctx.Done():
		return fail(context.Cause(ctx))
	case <-s.cluster.life.Done():
		return fail(errStoreClosed)
	}
	col, ok := s.Collection(name)
	if !ok {
		return fail(errors.New("there is none of that name, or its file cannot be opened"))
	}
	path := s.collectionPath(Listed{Collection: col.ID()})
	if err := s.roomFor(path); err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.cluster.life, func() { cancel(errStoreClosed) })()
	step := s.compactStep
	if step == nil {
		step = func(string) {}
	}
	if done, err = col.compactServed(ctx, path, step); err != nil {
		return fail(err)
	}
	done.Name = name
	return done, nil
}

// roomFor returns an error unless the disk has room for a copy of a file and what comes in meanwhile.
func (s *Store) roomFor(path string) error {
	size, err := sizeOf(path)
	if err != nil {
		return err
	}
	disk, err := s.Disk()
	if err != nil {
		return err
	}
	if need := uint64(size) + disk.Total/20; disk.Free < need {
		return fmt.Errorf("the disk has %d MiB free; a copy of the file and a twentieth of the disk for what comes in meanwhile are %d MiB", disk.Free>>20, need>>20)
	}
	return nil
}

// A file that outgrows what is mapped of it, which is a whole number of GiB, makes its writer wait for all that read it, and what
// begins to read waits for that writer. So a compaction looks whether reading still begins, and gives way if not.
const (
	compactLook     = 200 * time.Millisecond
	compactPatience = 2 * time.Second
	compactTries    = 3
)

// errGrows says that a compaction gave way to a writer.
var errGrows = errors.New("the file had to be mapped anew while it was compacted, as it must be at each GiB; try again")

// compactServed is compact that ends with the collection, and begins again after it gave way to a file that grows.
func (c *Collection) compactServed(ctx context.Context, path string, step func(string)) (done Compacted, err error) {
	for try := 1; ; try++ {
		ctx, cancel := context.WithCancelCause(ctx)
		var watch sync.WaitGroup
		watch.Go(func() { c.watchCompaction(ctx, cancel) })
		done, err = c.compact(ctx, path, step)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause // it was told to end
		}
		cancel(nil)
		watch.Wait()
		if !errors.Is(err, errGrows) || try == compactTries {
			return done, err
		}
	}
}

// watchCompaction cancels a compaction when the collection is closed, or when reading does not begin any more. It returns when the
// compaction has ended.
func (c *Collection) watchCompaction(ctx context.Context, cancel context.CancelCauseFunc) {
	look := time.NewTicker(compactLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.closing:
			cancel(ErrClosed)
			return
		case <-look.C:
		}
		began := make(chan struct{})
		go func() {
			defer close(began)
			_ = c.view(func(*bolt.Tx) error { return nil })
		}()
		patience := time.NewTimer(compactPatience)
		select {
		case <-began:
		case <-patience.C:
			cancel(errGrows)
			<-began
		}
		patience.Stop()
	}
}

// compact compacts the file at path, which is the collection's.
func (c *Collection) compact(ctx context.Context, path string, step func(string)) (done Compacted, err error) {
	fresh := path + compactSuffix
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	db, err := openBolt(fresh, collectionOptions{})
	if err != nil {
		return done, err
	}
	old := c.use()
	defer old.leave()
	defer func() {
		if c.file.Load() == old { // it failed
			err = errors.Join(err, db.Close())
			if removed := os.Remove(fresh); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
				err = errors.Join(err, removed)
			}
		}
	}()
	copying := verifiedbolt.NewCopy(old.db, db)
	defer copying.Close()
	for range 2 { // while the first was made much may have come in
		if _, err := copying.Follow(ctx); err != nil {
			return done, err
		}
	}
	step("copied")
	if err := c.checkCopy(ctx, db); err != nil {
		return done, err
	}
	step("checked")
	for range compactRounds {
		if pages, err := copying.Follow(ctx); err != nil {
			return done, err
		} else if pages <= compactLittle {
			break
		}
	}
	step("caught up")
	return c.replace(ctx, old, copying, db, path, step)
}

// checkCopy checks a copy of the file from end to end, and that its journal is the beginning of the file's.
func (c *Collection) checkCopy(ctx context.Context, db *verifiedbolt.DB) error {
	opts := c.opts
	opts.ReadOnly = true
	is := collectionOf(db, opts)
	if err := db.View(is.load); err != nil {
		return err
	}
	faults, err := is.Check(ctx)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("the copy is not sound, and the file is as it was; accord check says what is wrong with it: %s", strings.Join(faults, "; "))
	}
	if err != nil {
		return err
	}
	size, root, err := is.Head()
	if err != nil {
		return err
	}
	was, err := c.HeadAt(size)
	if err == nil && was != root {
		err = errOtherJournal
	}
	return err
}

var errOtherJournal = errors.New("the copy has another journal than the file; the file is as it was")

// replace brings the last changes to a copy and puts it in the place of the file. Nobody writes meanwhile.
func (c *Collection) replace(ctx context.Context, old *openFile, copying *verifiedbolt.Copy, db *verifiedbolt.DB, path string, step func(string)) (done Compacted, err error) {
	tx, err := beginUnless(ctx, old.db, copying)
	if err != nil {
		return done, err
	}
	defer tx.Rollback()
	began := time.Now()
	c.replacing.Lock()
	defer c.replacing.Unlock()
	if c.ended {
		return done, ErrClosed
	}
	if _, err := copying.Finish(ctx); err != nil {
		return done, err
	}
	// What was deleted while the copy was made lies in its free pages.
	if err := db.Update(func(tx *bolt.Tx) error { return markDeletion(tx.Bucket(bucketMeta)) }); err != nil {
		return done, err
	}
	if err := c.sameHead(db); err != nil {
		return done, err
	}
	if done.Before, err = sizeOf(path); err != nil {
		return done, err
	}
	if done.After, err = sizeOf(path + compactSuffix); err != nil {
		return done, err
	}
	step("complete")
	if err := os.Rename(path+compactSuffix, path); err != nil {
		return done, err
	}
	step("renamed")
	db.Moved(path)
	if err := syncFolder(filepath.Dir(path), false); err != nil {
		doubt := fmt.Errorf("the file was compacted, and which one the disk has under its name is unknown; open it again: %w", err)
		c.doubt.Store(&doubt)
	}
	c.file.Store(newOpenFile(db))
	old.leave() // for the collection
	done.Pause = time.Since(began)
	step("switched")
	if doubt := c.doubt.Load(); doubt != nil {
		return done, *doubt
	}
	return done, nil
}

// beginUnless begins a transaction that writes, unless its context ends first: a writer that has the file may wait for the copy.
func beginUnless(ctx context.Context, db *verifiedbolt.DB, copying *verifiedbolt.Copy) (*bolt.Tx, error) {
	type begun struct {
		tx  *bolt.Tx
		err error
	}
	began := make(chan begun, 1)
	go func() {
		tx, err := db.Begin()
		began <- begun{tx, err}
	}()
	select {
	case b := <-began:
		return b.tx, b.err
	case <-ctx.Done():
	}
	copying.Close()
	if b := <-began; b.err == nil {
		b.tx.Rollback()
	}
	return nil, context.Cause(ctx)
}

// sameHead returns an error unless a copy has the head of the file.
func (c *Collection) sameHead(db *verifiedbolt.DB) error {
	size, root, err := c.Head()
	if err != nil {
		return err
	}
	is := collectionOf(db, collectionOptions{ReadOnly: true})
	newSize, newRoot, err := is.Head()
	if err == nil && (size != newSize || root != newRoot) {
		err = errOtherJournal
	}
	return err
}

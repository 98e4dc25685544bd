package verifiedbolt

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Damage is what is wrong with the pages of a file.
type Damage struct {
	Buckets  map[string]error // by name
	Freelist error            // in the list of free pages
}

// Faults lists all that is wrong.
func (d Damage) Faults() (errs []error) {
	for _, name := range slices.Sorted(maps.Keys(d.Buckets)) {
		errs = append(errs, fmt.Errorf("the bucket %s: %w", name, d.Buckets[name]))
	}
	if d.Freelist != nil {
		errs = append(errs, d.Freelist)
	}
	return errs
}

// err returns the damage that keeps a file from being opened: the list of free pages matters to writers only.
func (d Damage) err(writing bool) error {
	if !writing {
		d.Freelist = nil
	}
	return errors.Join(d.Faults()...)
}

// Walk verifies every page that a transaction sees. An error is damage that hides the rest, or a failure to read.
func (db *DB) Walk(tx *bolt.Tx) (damage Damage, err error) {
	err = Guard(func() (err error) {
		damage, err = db.walk(tx, true)
		return err
	})
	return damage, err
}

// walker walks over the pages of a file. Branches are read from the file rather than from the mapping, which bbolt asks the
// kernel to read in small pieces: from a disk that would take a while.
type walker struct {
	filePages
	file    *os.File
	leaves  bool
	met     []uint64 // a bit for each page that was met
	buffers [maxHeight + 1][]byte
}

// maxHeight bounds how many levels of branches there are: a page leads to two others at least.
const maxHeight = 32

// walk verifies the pages that a transaction sees, from the root of each bucket down: each is what it should be, leads to
// pages that exist, and is reached once. The pages at the bottom, nearly all, are only counted unless leaves is set: then a
// file of a gigabyte costs a few megabytes of reading. The tree has the same height everywhere.
func (db *DB) walk(tx *bolt.Tx, leaves bool) (Damage, error) {
	w := &walker{filePages: pagesOf(tx), file: db.file, leaves: leaves}
	w.met = make([]uint64, w.count()/64+1)
	list := &root{}
	if err := list.add(w.filePages, uint64(tx.Cursor().Bucket().Root())); err != nil {
		return Damage{}, err
	}
	for _, p := range list.pages {
		if err := w.meet(p.id); err != nil {
			return Damage{}, err
		}
	}
	list.buckets(func(_ string, root uint64) { w.expect(root) })
	found := Damage{Buckets: map[string]error{}}
	list.buckets(func(name string, root uint64) {
		if root == 0 {
			return
		}
		if err := w.bucket(root); err != nil {
			found.Buckets[name] = err
		}
	})
	found.Freelist = w.freelist(uint64(tx.ID()))
	return found, nil
}

// maxBranch bounds a branch: where keys are long, it has two or three that do not fit in a page.
const maxBranch = 1 << 20

// branchAt reads a page that may be a branch; of another it reads the beginning. The result is valid until the next page of
// the same level is read.
func (w *walker) branchAt(id uint64, level int) (page, error) {
	if err := w.within(id); err != nil {
		return nil, err
	}
	if w.buffers[level] == nil {
		w.buffers[level] = make([]byte, w.size)
	}
	p := page(w.buffers[level][:w.size])
	if err := w.read(p, id); err != nil {
		return nil, err
	}
	if got := p.id(); got != id {
		return nil, fmt.Errorf("%w: page %d says that it is page %d", ErrDamaged, id, got)
	}
	if p.flags() != branchPage || p.overflow() == 0 {
		return p, nil
	}
	size := (1 + p.overflow()) * uint64(w.size)
	if id+p.overflow() >= w.count() || size > maxBranch {
		return nil, fmt.Errorf("%w: page %d reaches to page %d of %d", ErrDamaged, id, id+p.overflow(), w.count())
	}
	p = slices.Grow(p, int(size)-len(p))[:size]
	w.buffers[level] = p
	return p, w.read(p[w.size:], id+1)
}

func (w *walker) read(p []byte, id uint64) error {
	_, err := w.file.ReadAt(p, int64(id)*int64(w.size))
	if err == io.EOF {
		return fmt.Errorf("%w: page %d is missing", ErrDamaged, id)
	}
	return err
}

// expect has the kernel read a page that will be needed.
func (w *walker) expect(id uint64) {
	if w.within(id) == nil {
		prefetch(w.file, int64(id)*int64(w.size), int64(w.size))
	}
}

// meet notes that a page is reached; a second time is an error.
func (w *walker) meet(id uint64) error {
	if err := w.within(id); err != nil {
		return err
	}
	if w.met[id/64]&(1<<(id%64)) != 0 {
		return fmt.Errorf("%w: two ways lead to page %d", ErrDamaged, id)
	}
	w.met[id/64] |= 1 << (id % 64)
	return nil
}

// bucket walks over the pages of a bucket.
func (w *walker) bucket(root uint64) error {
	id := root
	for height := range maxHeight {
		p, err := w.branchAt(id, 0)
		if err != nil {
			return err
		}
		if p.flags() != branchPage {
			return w.tree(root, height)
		}
		if p.count() == 0 {
			return fmt.Errorf("%w: page %d leads nowhere", ErrDamaged, id)
		}
		_, id = p.branch(0)
	}
	return fmt.Errorf("%w: from page %d there is no way down", ErrDamaged, root)
}

// tree walks over a page that is height levels above the bottom, and those below it.
func (w *walker) tree(id uint64, height int) error {
	if height == 0 {
		return w.leaf(id)
	}
	if err := w.meet(id); err != nil {
		return err
	}
	p, err := w.branchAt(id, height)
	if err == nil && p.count() == 0 {
		err = fmt.Errorf("%w: page %d leads nowhere", ErrDamaged, id)
	}
	if err != nil {
		return err
	}
	if err := w.meetOverflow(p); err != nil {
		return err
	}
	err = p.verify(branchPage, func(i int, _ []byte) error {
		if _, below := p.branch(i); height > 1 {
			w.expect(below)
		}
		return nil
	})
	for i := 0; i < p.count() && err == nil; i++ {
		_, below := p.branch(i)
		err = w.tree(below, height-1)
	}
	return err
}

func (w *walker) meetOverflow(p page) error {
	for n := p.id() + 1; n <= p.id()+p.overflow(); n++ {
		if err := w.meet(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) leaf(id uint64) error {
	if err := w.meet(id); err != nil || !w.leaves {
		return err
	}
	p, err := w.page(id)
	if err != nil {
		return err
	}
	if err := w.meetOverflow(p); err != nil {
		return err
	}
	return p.verify(leafPage, func(i int, key []byte) error {
		if flags, _, _ := p.leaf(i); flags != 0 {
			return fmt.Errorf("%w: a bucket lies where none can be, at %x", ErrDamaged, key)
		}
		return nil
	})
}

// freelist verifies the list of free pages of a transaction: it is in order, and none of the pages is in use. bbolt
// overwrites the pages that are listed.
func (w *walker) freelist(transaction uint64) error {
	for n := range 2 {
		var b [metaLen]byte
		if err := w.read(b[:], uint64(n)); err != nil {
			return err
		}
		m, ok := parseMeta(b[:])
		if !ok || m.transaction != transaction {
			continue
		}
		if err := w.freePages(m.freelist); err != nil {
			return fmt.Errorf("the list of free pages: %w", err)
		}
	}
	return nil // the list of a transaction that is older than both meta pages cannot be found
}

func (w *walker) freePages(id uint64) error {
	if err := w.meet(id); err != nil {
		return err
	}
	p, err := w.page(id)
	if err == nil {
		err = w.meetOverflow(p)
	}
	if err != nil {
		return err
	}
	list, err := p.freelist(id)
	if err != nil {
		return err
	}
	for _, free := range list {
		if err := w.meet(free); err != nil {
			return err
		}
	}
	return nil
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// survey is what is wrong with the pages of a file: by bucket, and with the list of free pages.
type survey struct {
	broken map[string]error
	free   error
}

// faults lists all that is wrong.
func (s survey) faults() (errs []error) {
	for _, name := range slices.Sorted(maps.Keys(s.broken)) {
		errs = append(errs, fmt.Errorf("the bucket %s: %w", name, s.broken[name]))
	}
	if s.free != nil {
		errs = append(errs, s.free)
	}
	return errs
}

// err says what keeps a file from being opened, nil for nothing: the list of free pages is of no concern to who only reads.
func (s survey) err(writing bool) error {
	if !writing {
		s.free = nil
	}
	return errors.Join(s.faults()...)
}

// surveyor walks over the pages of a file. Branches are read from the file rather than looked at in the mapping, which
// bbolt asks the kernel to read in small pieces: from a disk that would take a while.
type surveyor struct {
	filePages
	file    *os.File
	leaves  bool
	used    []uint64 // a bit for each page that was met
	buffers [mostHeight + 1][]byte
}

// mostHeight bounds how many levels of branches there are: a page leads to two others at least.
const mostHeight = 32

// survey looks at the pages that a transaction sees, from the root of each bucket down: each is what it should be, leads to
// pages that are there, and is led to once. The pages at the bottom, which are nearly all, are only counted unless leaves
// is set: looking at a file of a gigabyte costs a few megabytes of reading. The tree is as high everywhere.
func (f *soundFile) survey(tx *bolt.Tx, leaves bool) (survey, error) {
	s := &surveyor{filePages: pagesOf(tx), file: f.file, leaves: leaves}
	s.used = make([]uint64, s.count()/64+1)
	list := &listing{}
	if err := list.add(s.filePages, uint64(tx.Cursor().Bucket().Root())); err != nil {
		return survey{}, err
	}
	for _, p := range list.pages {
		if err := s.take(p.id); err != nil {
			return survey{}, err
		}
	}
	list.each(func(_ string, root uint64) { s.expect(root) })
	found := survey{broken: map[string]error{}}
	list.each(func(name string, root uint64) {
		if root == 0 {
			return
		}
		if err := s.bucket(root); err != nil {
			found.broken[name] = err
		}
	})
	found.free = s.free(uint64(tx.ID()))
	return found, nil
}

// mostBranch bounds a branch: where keys are long, it has two or three that do not fit in a page.
const mostBranch = 1 << 20

// branchAt reads a page that may be a branch; of another it reads the beginning. It is valid until the next one of the
// same level is read.
func (s *surveyor) branchAt(id uint64, level int) (page, error) {
	if err := s.within(id); err != nil {
		return nil, err
	}
	if s.buffers[level] == nil {
		s.buffers[level] = make([]byte, s.size)
	}
	p := page(s.buffers[level][:s.size])
	if err := s.read(p, id); err != nil {
		return nil, err
	}
	if got := p.id(); got != id {
		return nil, fmt.Errorf("%w: page %d says that it is page %d", errDamaged, id, got)
	}
	if p.flags() != branchPage || p.overflow() == 0 {
		return p, nil
	}
	size := (1 + p.overflow()) * uint64(s.size)
	if id+p.overflow() >= s.count() || size > mostBranch {
		return nil, fmt.Errorf("%w: page %d reaches to page %d of %d", errDamaged, id, id+p.overflow(), s.count())
	}
	p = slices.Grow(p, int(size)-len(p))[:size]
	s.buffers[level] = p
	return p, s.read(p[s.size:], id+1)
}

func (s *surveyor) read(p []byte, id uint64) error {
	_, err := s.file.ReadAt(p, int64(id)*int64(s.size))
	if err == io.EOF {
		return fmt.Errorf("%w: page %d is missing", errDamaged, id)
	}
	return err
}

// expect has the kernel read a page that will be asked for.
func (s *surveyor) expect(id uint64) {
	if s.within(id) == nil {
		prefetch(s.file, int64(id)*int64(s.size), int64(s.size))
	}
}

// take notes that a page is used; twice is an error.
func (s *surveyor) take(id uint64) error {
	if err := s.within(id); err != nil {
		return err
	}
	if s.used[id/64]&(1<<(id%64)) != 0 {
		return fmt.Errorf("%w: two ways lead to page %d", errDamaged, id)
	}
	s.used[id/64] |= 1 << (id % 64)
	return nil
}

// bucket takes the pages of a bucket.
func (s *surveyor) bucket(root uint64) error {
	id := root
	for height := range mostHeight {
		p, err := s.branchAt(id, 0)
		if err != nil {
			return err
		}
		if p.flags() != branchPage {
			return s.tree(root, height)
		}
		if p.count() == 0 {
			return fmt.Errorf("%w: page %d leads nowhere", errDamaged, id)
		}
		_, id = p.branch(0)
	}
	return fmt.Errorf("%w: from page %d there is no way down", errDamaged, root)
}

// tree takes a page, at so many levels above the bottom, and what is below it.
func (s *surveyor) tree(id uint64, height int) error {
	if height == 0 {
		return s.leaf(id)
	}
	if err := s.take(id); err != nil {
		return err
	}
	p, err := s.branchAt(id, height)
	if err == nil && p.count() == 0 {
		err = fmt.Errorf("%w: page %d leads nowhere", errDamaged, id)
	}
	if err != nil {
		return err
	}
	if err := s.takeOverflow(p); err != nil {
		return err
	}
	err = p.elements(branchPage, func(i int, _ []byte) error {
		if _, below := p.branch(i); height > 1 {
			s.expect(below)
		}
		return nil
	})
	for i := 0; i < p.count() && err == nil; i++ {
		_, below := p.branch(i)
		err = s.tree(below, height-1)
	}
	return err
}

func (s *surveyor) takeOverflow(p page) error {
	for n := p.id() + 1; n <= p.id()+p.overflow(); n++ {
		if err := s.take(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *surveyor) leaf(id uint64) error {
	if err := s.take(id); err != nil || !s.leaves {
		return err
	}
	p, err := s.page(id)
	if err != nil {
		return err
	}
	if err := s.takeOverflow(p); err != nil {
		return err
	}
	return p.elements(leafPage, func(i int, key []byte) error {
		if flags, _, _ := p.leaf(i); flags != 0 {
			return fmt.Errorf("%w: a bucket lies where none can be, at %x", errDamaged, key)
		}
		return nil
	})
}

// free looks at the list of free pages of a transaction: it is in order, and none of them is used. bbolt writes over what
// is listed.
func (s *surveyor) free(transaction uint64) error {
	for n := range 2 {
		var b [headLen]byte
		if err := s.read(b[:], uint64(n)); err != nil {
			return err
		}
		h, ok := parseHead(b[:])
		if !ok || h.transaction != transaction {
			continue
		}
		if err := s.listed(h.freelist); err != nil {
			return fmt.Errorf("the list of free pages: %w", err)
		}
	}
	return nil // of a transaction that is older than both heads, nothing says where it is
}

func (s *surveyor) listed(id uint64) error {
	if err := s.take(id); err != nil {
		return err
	}
	p, err := s.page(id)
	if err == nil {
		err = s.takeOverflow(p)
	}
	if err != nil {
		return err
	}
	ids, count := p[pageHeader:], uint64(p.count())
	if count == manyFree {
		count, ids = binary.NativeEndian.Uint64(ids), ids[pageIDLen:]
	}
	if p.flags() != freelistPage || count > uint64(len(ids)/pageIDLen) {
		return fmt.Errorf("%w: page %d is none", errDamaged, id)
	}
	before := uint64(0)
	for i := range count {
		free := binary.NativeEndian.Uint64(ids[i*pageIDLen:])
		if free <= before {
			return fmt.Errorf("%w: page %d is listed after %d", errDamaged, free, before)
		}
		if err := s.take(free); err != nil {
			return err
		}
		before = free
	}
	return nil
}

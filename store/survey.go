package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
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

// surveyor walks over the pages of a file.
type surveyor struct {
	filePages
	leaves bool
	used   []uint64 // a bit for each page that was met
}

// surveyOf looks at the pages that a transaction sees, from the root of each bucket down: each is what it should be, leads
// to pages that are there, and is led to once. The pages at the bottom, which are nearly all, are only counted unless
// leaves is set: looking at a file of a gigabyte costs a few megabytes of reading. The tree is as deep everywhere.
func surveyOf(tx *bolt.Tx, leaves bool) (survey, error) {
	s := &surveyor{filePages: pagesOf(tx), leaves: leaves}
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
	found := survey{broken: map[string]error{}}
	list.each(func(name string, root uint64) {
		if root == 0 {
			return
		}
		if err := s.tree(root); err != nil {
			found.broken[name] = err
		}
	})
	found.free = s.free(uint64(tx.ID()))
	return found, nil
}

// take notes that a page is used; twice is an error.
func (s *surveyor) take(id uint64) error {
	if id < firstPage || id >= s.count() {
		return fmt.Errorf("%w: there is no page %d", errDamaged, id)
	}
	if s.used[id/64]&(1<<(id%64)) != 0 {
		return fmt.Errorf("%w: two ways lead to page %d", errDamaged, id)
	}
	s.used[id/64] |= 1 << (id % 64)
	return nil
}

// tree takes a page and what is below it.
func (s *surveyor) tree(id uint64) error {
	if err := s.take(id); err != nil {
		return err
	}
	p, err := s.page(id)
	if err != nil {
		return err
	}
	for n := id + 1; n <= id+p.overflow(); n++ {
		if err := s.take(n); err != nil {
			return err
		}
	}
	if p.flags() != branchPage {
		return s.leaf(p)
	}
	if p.count() == 0 {
		return fmt.Errorf("%w: page %d leads nowhere", errDamaged, id)
	}
	down := s.leaves
	return p.elements(branchPage, func(i int, _ []byte) error {
		_, below := p.branch(i)
		if i == 0 && !down {
			first, err := s.page(below)
			if err != nil {
				return err
			}
			down = first.flags() == branchPage
		}
		if down {
			return s.tree(below)
		}
		return s.take(below)
	})
}

func (s *surveyor) leaf(p page) error {
	if !s.leaves {
		return nil
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
		h, ok := parseHead(s.mapped[n*s.size:])
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

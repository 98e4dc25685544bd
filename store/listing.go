package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// mostListing bounds the pages in which a file lists its buckets. There are a few dozen buckets, none with more than a
// quarter of a page in it.
const mostListing = 64

// listing is the pages in which a file lists its buckets, as they were when they were found sound. Nothing but their own
// bytes says that they still are: a comparison costs a fraction of a microsecond, looking again several.
type listing struct {
	root  uint64
	pages []listingPage
}

type listingPage struct {
	id   uint64
	text []byte // a copy of what of it is used
}

// soundListing says whether the buckets can be opened in a transaction that has just begun.
func (f *soundFile) soundListing(tx *bolt.Tx) error {
	pages, root := pagesOf(tx), uint64(tx.Cursor().Bucket().Root())
	if l := f.listing.Load(); l != nil && l.root == root && l.same(pages) {
		return nil
	}
	l := &listing{root: root}
	if err := l.add(pages, root); err != nil {
		return err
	}
	f.listing.Store(l)
	return nil
}

func (l *listing) same(f filePages) bool {
	for _, p := range l.pages {
		at := p.id * uint64(f.size)
		if end := at + uint64(len(p.text)); end > uint64(len(f.mapped)) || !bytes.Equal(f.mapped[at:end], p.text) {
			return false
		}
	}
	return true
}

// add takes in a page, and those below it.
func (l *listing) add(f filePages, id uint64) error {
	p, err := f.page(id)
	if err != nil {
		return err
	}
	if len(l.pages) == mostListing {
		return fmt.Errorf("%w: the pages that list its buckets do not end", errDamaged)
	}
	used := pageHeader + p.count()*pageElement
	l.pages = append(l.pages, listingPage{id: id})
	at := len(l.pages) - 1
	if p.flags() == branchPage {
		err = p.elements(branchPage, func(i int, key []byte) error {
			used = max(used, p.end(key))
			_, below := p.branch(i)
			return l.add(f, below)
		})
	} else {
		err = p.elements(leafPage, func(i int, key []byte) error {
			flags, _, value := p.leaf(i)
			used = max(used, p.end(key)+len(value))
			if flags != bucketElement {
				return fmt.Errorf("%w: where its buckets are listed is something else, at %q", errDamaged, key)
			}
			root, err := bucketRoot(value)
			if err == nil && root != 0 && (root < firstPage || root >= f.count()) {
				err = fmt.Errorf("%w: there is no page %d", errDamaged, root)
			}
			if err != nil {
				return fmt.Errorf("the bucket %q: %w", key, err)
			}
			return nil
		})
	}
	l.pages[at].text = bytes.Clone(p[:used])
	return err
}

// each calls visit with every bucket that is listed, and its root page, 0 for one that lies in the list. The listing has
// been found sound.
func (l *listing) each(visit func(name string, root uint64)) {
	for _, listed := range l.pages {
		p := page(listed.text)
		if p.flags() != leafPage {
			continue
		}
		for i := range p.count() {
			_, key, value := p.leaf(i)
			visit(string(key), binary.NativeEndian.Uint64(value))
		}
	}
}

package verifiedbolt

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// maxRootPages bounds the pages in which a file lists its buckets. Files have a few dozen buckets, and none takes more than
// a quarter of a page there.
const maxRootPages = 64

// root is the pages in which a file lists its buckets, as they were when they were verified. Only their bytes tell whether
// they are still intact: comparing them costs a fraction of a microsecond, verifying again several.
type root struct {
	id    uint64
	pages []rootPage
}

type rootPage struct {
	id   uint64
	used []byte // a copy of the part of it that is used
}

// verifyRoot reports an error unless the buckets can be opened in a transaction that has just begun.
func (db *DB) verifyRoot(tx *bolt.Tx) error {
	pages, id := pagesOf(tx), uint64(tx.Cursor().Bucket().Root())
	if r := db.root.Load(); r != nil && r.id == id && r.same(pages) {
		return nil
	}
	r := &root{id: id}
	if err := r.add(pages, id); err != nil {
		return err
	}
	db.root.Store(r)
	return nil
}

func (r *root) same(f filePages) bool {
	for _, p := range r.pages {
		at := p.id * uint64(f.size)
		if end := at + uint64(len(p.used)); end > uint64(len(f.mapped)) || !bytes.Equal(f.mapped[at:end], p.used) {
			return false
		}
	}
	return true
}

// add verifies and adds a page, and those below it.
func (r *root) add(f filePages, id uint64) error {
	p, err := f.page(id)
	if err != nil {
		return err
	}
	if len(r.pages) == maxRootPages {
		return fmt.Errorf("%w: the pages that list its buckets do not end", ErrDamaged)
	}
	used := pageHeader + p.count()*pageElement
	r.pages = append(r.pages, rootPage{id: id})
	at := len(r.pages) - 1
	if p.flags() == branchPage {
		err = p.verify(branchPage, func(i int, key []byte) error {
			used = max(used, p.end(key))
			_, below := p.branch(i)
			return r.add(f, below)
		})
	} else {
		err = p.verify(leafPage, func(i int, key []byte) error {
			flags, _, value := p.leaf(i)
			used = max(used, p.end(key)+len(value))
			if flags != bucketElement {
				return fmt.Errorf("%w: the list of its buckets has something else, at %q", ErrDamaged, key)
			}
			root, err := bucketRoot(value)
			if err == nil && root != 0 && (root < firstPage || root >= f.count()) {
				err = fmt.Errorf("%w: there is no page %d", ErrDamaged, root)
			}
			if err != nil {
				return fmt.Errorf("the bucket %q: %w", key, err)
			}
			return nil
		})
	}
	r.pages[at].used = bytes.Clone(p[:used])
	return err
}

// buckets calls visit with every bucket, and its root page, 0 for one that lies in the list. All have been verified.
func (r *root) buckets(visit func(name string, root uint64)) {
	for _, listed := range r.pages {
		p := page(listed.used)
		if p.flags() != leafPage {
			continue
		}
		for i := range p.count() {
			_, key, value := p.leaf(i)
			visit(string(key), binary.NativeEndian.Uint64(value))
		}
	}
}

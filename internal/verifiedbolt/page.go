package verifiedbolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	bolt "go.etcd.io/bbolt"
)

// bbolt believes what it finds in a page: how many elements there are, where they lie, which page comes below. Most of
// what a wrong one leads to is a panic or a memory fault, which Guard turns into an error. This is not:
//
//   - A small bucket lies whole inside an element of the page that lists the buckets, and bbolt copies it into Go's own
//     memory. Elements that point outside it are pointers into arbitrary objects, which crash the garbage collector.
//   - A page that leads back to one above it is followed until the stack, or memory, is used up.
//   - A list of free pages that is longer than its page is copied, however long it says it is.
//
// So these are verified first, without trusting anything in them; DB says when.

// The layout of a page: a header, then elements of equal size, which point to what comes behind them.
//
//	header   id 8, flags 2, count 2, overflow 4: how many pages follow that belong to this one
//	branch   offset 4, length of key 4, page below 8
//	leaf     flags 4, offset 4, length of key 4, length of value 4; the value follows the key
//	bucket   (a leaf's value) root page 8, sequence 8, and when root is 0, a page, which is a leaf
//
// Offsets count from the element. Numbers are in the byte order of the machine.
const (
	pageHeader   = 16
	pageElement  = 16
	pageIDLen    = 8
	bucketHeader = 16

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	bucketElement = 0x01

	firstPage = 2      // after the two meta pages
	manyFree  = 0xffff // count of a list of free pages whose length is its first element
)

// filePages are a file's pages as a transaction sees them. They lie in memory that may not be there: access needs a Guard.
type filePages struct {
	mapped []byte
	size   int // of a page
}

// pagesOf returns the pages of a transaction that has just begun. They are valid as long as it is.
func pagesOf(tx *bolt.Tx) filePages {
	info := tx.DB().Info()
	mapping := *(**byte)(unsafe.Pointer(&info.Data)) // the mapping's address, which bbolt gives as a number
	return filePages{unsafe.Slice(mapping, tx.Size()), info.PageSize}
}

func (f filePages) count() uint64 { return uint64(len(f.mapped) / f.size) }

func (f filePages) within(id uint64) error {
	if id < firstPage || id >= f.count() {
		return fmt.Errorf("%w: there is no page %d among %d", ErrDamaged, id, f.count())
	}
	return nil
}

// page returns a page of the file, with the pages that belong to it.
func (f filePages) page(id uint64) (page, error) {
	if err := f.within(id); err != nil {
		return nil, err
	}
	p := page(f.mapped[id*uint64(f.size):])
	if got := p.id(); got != id {
		return nil, fmt.Errorf("%w: page %d says that it is page %d", ErrDamaged, id, got)
	}
	end := id + 1 + p.overflow()
	if end > f.count() {
		return nil, fmt.Errorf("%w: page %d reaches to page %d of %d", ErrDamaged, id, end, f.count())
	}
	return p[:(end-id)*uint64(f.size)], nil
}

// page is the content of a page.
type page []byte

func (p page) id() uint64       { return binary.NativeEndian.Uint64(p) }
func (p page) flags() uint16    { return binary.NativeEndian.Uint16(p[8:]) }
func (p page) count() int       { return int(binary.NativeEndian.Uint16(p[10:])) }
func (p page) overflow() uint64 { return uint64(binary.NativeEndian.Uint32(p[12:])) }

// number returns the n-th number of 4 bytes of the element i.
func (p page) number(i, n int) int {
	return int(binary.NativeEndian.Uint32(p[pageHeader+i*pageElement+4*n:]))
}

// data returns what the element i points to, nil when it is empty or not in the page.
func (p page) data(i, offset, length int) []byte {
	start := pageHeader + i*pageElement + offset
	if length <= 0 || start < pageHeader+p.count()*pageElement || start+length > len(p) {
		return nil
	}
	return p[start : start+length]
}

// leaf returns an element of a leaf; the key is nil when it is damaged.
func (p page) leaf(i int) (flags int, key, value []byte) {
	keyLen, valueLen := p.number(i, 2), p.number(i, 3)
	both := p.data(i, p.number(i, 1), keyLen+valueLen)
	if both == nil || keyLen == 0 {
		return 0, nil, nil
	}
	return p.number(i, 0), both[:keyLen], both[keyLen:]
}

// branch returns an element of a branch; the key is nil when it is damaged.
func (p page) branch(i int) (key []byte, below uint64) {
	return p.data(i, p.number(i, 0), p.number(i, 1)), binary.NativeEndian.Uint64(p[pageHeader+i*pageElement+8:])
}

// verify reports what is wrong with a page's elements: each must lie in the page, in the order of keys. It calls visit with
// each that is intact.
func (p page) verify(kind uint16, visit func(i int, key []byte) error) error {
	if len(p) < pageHeader || p.flags() != kind || pageHeader+p.count()*pageElement > len(p) {
		return fmt.Errorf("%w: a page is not of the kind it should be", ErrDamaged)
	}
	var before []byte
	for i := range p.count() {
		var key []byte
		if kind == leafPage {
			_, key, _ = p.leaf(i)
		} else {
			key, _ = p.branch(i)
		}
		if key == nil || before != nil && bytes.Compare(before, key) >= 0 {
			return fmt.Errorf("%w: the element %d of page %d is not in its place", ErrDamaged, i, p.id())
		}
		if err := visit(i, key); err != nil {
			return err
		}
		before = key
	}
	return nil
}

// bucketRoot returns the root page of a bucket, which is a leaf's value; 0 for an intact bucket that lies in the value.
func bucketRoot(value []byte) (uint64, error) {
	if len(value) < bucketHeader {
		return 0, fmt.Errorf("%w: a bucket is cut off", ErrDamaged)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return root, nil
	}
	inline := page(value[bucketHeader:])
	return 0, inline.verify(leafPage, func(i int, key []byte) error {
		if flags, _, _ := inline.leaf(i); flags != 0 {
			return fmt.Errorf("%w: a bucket lies where none can be, at %x", ErrDamaged, key)
		}
		return nil
	})
}

// end returns where a key in the page ends.
func (p page) end(key []byte) int {
	return cap(p) - cap(key) + len(key) // key is cut out of p
}

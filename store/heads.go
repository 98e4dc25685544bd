package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	bolterrors "go.etcd.io/bbolt/errors"
)

// bbolt keeps two heads, in the first two pages, and writes them in turn. A head whose checksum is wrong counts as not
// written, so that a harmed newest head makes the transaction before it the last one: the file is sound, but less. A head
// has, behind its page's header:
//
//	magic 4, version 4, size of a page 4, flags 4, root bucket 16, page of the list of free pages 8, number of pages 8,
//	transaction 8, checksum 8: FNV-1a of all before
const (
	headStart    = pageHeader
	headPageSize = headStart + 8
	headFreelist = headStart + 32
	headNumber   = headStart + 48
	headChecksum = headStart + 56
	headLen      = headChecksum + 8
)

// head is the part of a head that is read here.
type head struct {
	pageSize    int
	freelist    uint64
	transaction uint64
}

// parseHead reads a head at the start of its page; ok is false when it is damaged.
func parseHead(b []byte) (h head, ok bool) {
	if len(b) < headLen {
		return head{}, false
	}
	sum := uint64(14695981039346656037) // FNV-1a: hash/fnv would cost each transaction an allocation
	for _, x := range b[headStart:headChecksum] {
		sum = (sum ^ uint64(x)) * 1099511628211
	}
	h = head{
		pageSize:    int(binary.NativeEndian.Uint32(b[headPageSize:])),
		freelist:    binary.NativeEndian.Uint64(b[headFreelist:]),
		transaction: binary.NativeEndian.Uint64(b[headNumber:]),
	}
	return h, sum == binary.NativeEndian.Uint64(b[headChecksum:])
}

// soundHeads says whether both of the file's heads can be read, and one is sound: bbolt compares them and takes that one.
func (f *soundFile) soundHeads() error {
	f.mapping.RLock()
	defer f.mapping.RUnlock()
	if f.heads == nil {
		return bolterrors.ErrDatabaseNotOpen
	}
	for range 3 { // one may be damaged, and the other being written
		newer, older := f.heads, f.heads[f.size:]
		if binary.NativeEndian.Uint64(newer[headNumber:]) < binary.NativeEndian.Uint64(older[headNumber:]) {
			newer, older = older, newer
		}
		if _, ok := parseHead(newer); ok {
			return nil
		}
		if _, ok := parseHead(older); ok {
			return nil
		}
	}
	return fmt.Errorf("%w: both its heads are", errDamaged)
}

// freelistFits says whether the list of free pages is as long as there is room for it in its pages. bbolt reads it while
// it opens a file, so this reads the file without bbolt; what is wrong with the rest bbolt says itself.
func freelistFits(file *os.File) error {
	newest, ok, err := newestHead(file)
	if err != nil || !ok || newest.pageSize <= 0 {
		return err
	}
	b := make([]byte, pageHeader+pageIDLen)
	if newest.freelist > 1<<40 { // far behind the end of any file: bbolt finds nothing there
		return fmt.Errorf("%w: its list of free pages is nowhere", errDamaged)
	}
	if _, err := file.ReadAt(b, int64(newest.freelist)*int64(newest.pageSize)); err == io.EOF {
		return fmt.Errorf("%w: its list of free pages is missing", errDamaged)
	} else if err != nil {
		return err
	}
	p := page(b)
	count, room := uint64(p.count()), (uint64(newest.pageSize)*(1+p.overflow())-pageHeader)/pageIDLen
	if count == manyFree {
		count = binary.NativeEndian.Uint64(b[pageHeader:])
		room--
	}
	if p.id() != newest.freelist || p.flags() != freelistPage || count > room {
		return fmt.Errorf("%w: its list of free pages is none", errDamaged)
	}
	return nil
}

// newestHead reads the newer of the sound heads. The second one lies behind a page, whose size only a sound head tells.
func newestHead(file *os.File) (newest head, ok bool, err error) {
	for at := int64(0); at <= 16<<20; at = max(2*at, 1<<10) {
		var b [headLen]byte
		if _, err := file.ReadAt(b[:], at); err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		} else if err != nil {
			return head{}, false, err
		}
		h, sound := parseHead(b[:])
		if !sound || at > 0 && int64(h.pageSize) != at {
			continue
		}
		if !ok || h.transaction > newest.transaction {
			newest, ok = h, true
		}
		if at > 0 {
			break
		}
	}
	return newest, ok, nil
}

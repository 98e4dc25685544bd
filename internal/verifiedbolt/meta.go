package verifiedbolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	bolterrors "go.etcd.io/bbolt/errors"
)

// bbolt keeps two meta pages, the first two of the file, and writes them in turn. One whose checksum is wrong counts as not
// written, so that damage to the newer one makes the transaction before it the last: the file is intact, and has lost a
// transaction. A meta page has, behind its page header:
//
//	magic 4, version 4, size of a page 4, flags 4, root bucket 16, page of the list of free pages 8, number of pages 8,
//	transaction 8, checksum 8: FNV-1a of all before
const (
	metaStart       = pageHeader
	metaPageSize    = metaStart + 8
	metaFreelist    = metaStart + 32
	metaTransaction = metaStart + 48
	metaChecksum    = metaStart + 56
	metaLen         = metaChecksum + 8
)

// meta is the part of a meta page that is read here.
type meta struct {
	pageSize    int
	freelist    uint64
	transaction uint64
}

// parseMeta reads a meta page from its start; ok is false when it is damaged.
func parseMeta(b []byte) (m meta, ok bool) {
	if len(b) < metaLen {
		return meta{}, false
	}
	sum := uint64(14695981039346656037) // FNV-1a: hash/fnv would cost each transaction an allocation
	for _, x := range b[metaStart:metaChecksum] {
		sum = (sum ^ uint64(x)) * 1099511628211
	}
	m = meta{
		pageSize:    int(binary.NativeEndian.Uint32(b[metaPageSize:])),
		freelist:    binary.NativeEndian.Uint64(b[metaFreelist:]),
		transaction: binary.NativeEndian.Uint64(b[metaTransaction:]),
	}
	return m, sum == binary.NativeEndian.Uint64(b[metaChecksum:])
}

// verifyMeta reports an error unless both meta pages can be read and one is intact: bbolt compares them and takes that one.
func (db *DB) verifyMeta() error {
	db.mapping.RLock()
	defer db.mapping.RUnlock()
	if db.meta == nil {
		return bolterrors.ErrDatabaseNotOpen
	}
	for range 3 { // one may be damaged, and the other being written
		newer, older := db.meta, db.meta[db.pageSize:]
		if binary.NativeEndian.Uint64(newer[metaTransaction:]) < binary.NativeEndian.Uint64(older[metaTransaction:]) {
			newer, older = older, newer
		}
		if _, ok := parseMeta(newer); ok {
			return nil
		}
		if _, ok := parseMeta(older); ok {
			return nil
		}
	}
	return fmt.Errorf("%w: both its meta pages are", ErrDamaged)
}

// MetaFaults returns an error for each of the file's two meta pages that is damaged. Opening needs one only, so this damage
// goes unnoticed otherwise.
func (db *DB) MetaFaults() (faults []error, err error) {
	for n := range 2 {
		intact := false
		for try := 0; try < 3 && !intact; try++ { // a writer may be at it
			var b [metaLen]byte
			if _, err := db.file.ReadAt(b[:], int64(n*db.pageSize)); err != nil {
				return nil, fmt.Errorf("read meta page %d: %w", n, err)
			}
			_, intact = parseMeta(b[:])
		}
		if !intact {
			faults = append(faults, fmt.Errorf("meta page %d of the file's two is damaged: the last transaction may be lost", n))
		}
	}
	return faults, nil
}

// verifyFreelistLength reports a list of free pages that is longer than its pages. bbolt reads the list while it opens a
// file, so this reads the file without bbolt; other faults bbolt finds itself.
func verifyFreelistLength(file *os.File) error {
	newest, ok, err := newestMeta(file)
	if err != nil || !ok || newest.pageSize <= 0 {
		return err
	}
	b := make([]byte, pageHeader+pageIDLen)
	if newest.freelist > 1<<40 { // far behind the end of any file: bbolt finds nothing there
		return fmt.Errorf("%w: its list of free pages is outside of it", ErrDamaged)
	}
	if _, err := file.ReadAt(b, int64(newest.freelist)*int64(newest.pageSize)); err == io.EOF {
		return fmt.Errorf("%w: its list of free pages is missing", ErrDamaged)
	} else if err != nil {
		return err
	}
	p := page(b)
	count, capacity := uint64(p.count()), (uint64(newest.pageSize)*(1+p.overflow())-pageHeader)/pageIDLen
	if count == manyFree {
		count = binary.NativeEndian.Uint64(b[pageHeader:])
		capacity--
	}
	if p.id() != newest.freelist || p.flags() != freelistPage || count > capacity {
		return fmt.Errorf("%w: its list of free pages is not one", ErrDamaged)
	}
	return nil
}

// newestMeta reads the newer of the intact meta pages. The second lies behind a page, whose size only an intact meta page
// tells.
func newestMeta(file *os.File) (newest meta, ok bool, err error) {
	for at := int64(0); at <= 16<<20; at = max(2*at, 1<<10) {
		var b [metaLen]byte
		if _, err := file.ReadAt(b[:], at); err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		} else if err != nil {
			return meta{}, false, err
		}
		m, intact := parseMeta(b[:])
		if !intact || at > 0 && int64(m.pageSize) != at {
			continue
		}
		if !ok || m.transaction > newest.transaction {
			newest, ok = m, true
		}
		if at > 0 {
			break
		}
	}
	return newest, ok, nil
}

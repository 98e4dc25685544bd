package delivery

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/accord-taxii/accord/store/journal"
)

// What a reader was given is kept in blocks of pages. A block is
//
//	CRC-32C of what follows   lowest, highest position   time and end of its last page   pages
//
// where the five numbers have 4 and 8 bytes, big-endian. A page is the seconds since the page before as uvarint, then its
// runs of consecutive positions: the distance of the run's start from the end of the run before, as varint, and its length,
// doubled, plus one when the same page has a further run, as uvarint. So a page of up to 63 new objects takes three bytes
// if the last was delivered less than two minutes before.
const (
	blockHead = 36
	blockFull = 1000 // no page is added to a block of this length
)

// run is a number of consecutive positions.
type run struct{ start, length uint64 }

// page is one page, or several that followed each other within a second.
type page struct {
	at    uint64 // seconds since 1970
	first run
	rest  []byte // further runs as they stand in a block; nil: none
	end   uint64 // one more than the last position
}

// pageOf returns a page of ascending positions, at least one.
func pageOf(at uint64, positions []journal.Position) page {
	n := len(positions)
	p := page{at: at, first: run{uint64(positions[0]), 0}, end: uint64(positions[n-1]) + 1}
	if p.end-p.first.start == uint64(n) {
		p.first.length = uint64(n)
		return p
	}
	i := runLength(positions)
	p.first.length = uint64(i)
	p.rest = make([]byte, 0, 2*(n-i))
	for end := p.first.start + p.first.length; i < n; {
		length := runLength(positions[i:])
		more := 0
		if i+length < n {
			more = 1
		}
		p.rest = binary.AppendVarint(p.rest, int64(uint64(positions[i])-end))
		p.rest = binary.AppendUvarint(p.rest, uint64(length<<1|more))
		end = uint64(positions[i]) + uint64(length)
		i += length
	}
	return p
}

// runLength returns how many positions at the front follow each other.
func runLength(positions []journal.Position) int {
	n := 1
	for n < len(positions) && positions[n] == positions[n-1]+1 {
		n++
	}
	return n
}

// join makes next a part of p, if it continues p in the same second, and reports whether it did.
func (p *page) join(next page) bool {
	if p.rest != nil || p.at != next.at || p.end != next.first.start {
		return false
	}
	p.first.length += next.first.length
	p.rest, p.end = next.rest, next.end
	return true
}

var errBlock = errors.New("a block of deliveries is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type blockHeader struct{ low, high, at, end uint64 }

func readBlockHeader(b []byte) (blockHeader, error) {
	if len(b) < blockHead || crc32.Checksum(b[4:], castagnoli) != binary.BigEndian.Uint32(b) {
		return blockHeader{}, errBlock
	}
	return blockHeader{
		binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint64(b[12:]),
		binary.BigEndian.Uint64(b[20:]), binary.BigEndian.Uint64(b[28:]),
	}, nil
}

// appendPage adds a page to a block, which is nil for a new one.
func appendPage(b []byte, p page) ([]byte, error) {
	h := blockHeader{low: ^uint64(0)}
	if b == nil {
		b = make([]byte, blockHead, blockHead+64)
	} else {
		var err error
		if h, err = readBlockHeader(b); err != nil {
			return nil, err
		}
	}
	at := max(p.at, h.at) // times never go back, even when the clock does
	b = binary.AppendUvarint(b, at-h.at)
	more := uint64(0)
	if p.rest != nil {
		more = 1
	}
	b = binary.AppendVarint(b, int64(p.first.start-h.end))
	b = binary.AppendUvarint(b, p.first.length<<1|more)
	b = append(b, p.rest...)
	h.low, h.high, h.end = min(h.low, p.first.start), max(h.high, p.end-1), p.end
	binary.BigEndian.PutUint64(b[4:], h.low)
	binary.BigEndian.PutUint64(b[12:], h.high)
	binary.BigEndian.PutUint64(b[20:], at)
	binary.BigEndian.PutUint64(b[28:], h.end)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b, nil
}

// onlyPage returns the page of a block that has one.
func onlyPage(b []byte) (page, error) {
	h, err := readBlockHeader(b)
	if err != nil {
		return page{}, err
	}
	rest := b[blockHead:]
	_, n := binary.Uvarint(rest)
	start, m := binary.Varint(rest[max(n, 0):])
	if n <= 0 || m <= 0 {
		return page{}, errBlock
	}
	rest = rest[n+m:]
	length, n := binary.Uvarint(rest)
	if n <= 0 || length < 2 {
		return page{}, errBlock
	}
	p := page{at: h.at, first: run{uint64(start), length >> 1}, end: h.end}
	if length&1 != 0 {
		p.rest = slices.Clone(rest[n:])
	}
	return p, nil
}

// eachRun calls visit with every run of a block and the time of its delivery.
func eachRun(b []byte, visit func(at uint64, r run)) error {
	if _, err := readBlockHeader(b); err != nil {
		return err
	}
	rest := b[blockHead:]
	var at, end uint64
	for len(rest) > 0 {
		passed, n := binary.Uvarint(rest)
		if n <= 0 {
			return errBlock
		}
		at, rest = at+passed, rest[n:]
		for more := true; more; {
			gap, n := binary.Varint(rest)
			if n <= 0 {
				return errBlock
			}
			length, m := binary.Uvarint(rest[n:])
			if m <= 0 || length < 2 {
				return errBlock
			}
			rest, more = rest[n+m:], length&1 != 0
			r := run{end + uint64(gap), length >> 1}
			visit(at, r)
			end = r.start + r.length
		}
	}
	return nil
}

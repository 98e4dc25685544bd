package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/accord-taxii/accord/store/journal"
)

// What a reader was given is kept in blocks of pages. A block is
//
//	CRC-32C of what follows   lowest, highest position   time and end of its last page   pages
//
// the five numbers 4 and 8 bytes big-endian. A page is the seconds since the page before as uvarint, then its runs of
// consecutive positions: how far the run begins behind the end of the run before, as varint, and its length, doubled, plus
// one when a further run of the same page follows, as uvarint. So a page of up to 63 new objects takes three bytes if
// the last came less than two minutes before.
const (
	blockHead = 36
	blockFull = 1000 // no page is added to a block of this length
)

// positionRun is a run of consecutive positions.
type positionRun struct{ start, length uint64 }

// runsOf are the runs of ascending positions.
func runsOf(positions []journal.Position) []positionRun {
	if n := len(positions); n > 0 && positions[n-1]-positions[0] == journal.Position(n-1) {
		return []positionRun{{uint64(positions[0]), uint64(n)}}
	}
	var runs []positionRun
	for _, p := range positions {
		if n := len(runs); n > 0 && runs[n-1].start+runs[n-1].length == uint64(p) {
			runs[n-1].length++
			continue
		}
		runs = append(runs, positionRun{uint64(p), 1})
	}
	return runs
}

// deliveredPage is one page, or several that followed each other within a second.
type deliveredPage struct {
	at   uint64 // seconds since 1970
	runs []positionRun
}

var (
	errBlock = errors.New("a block of deliveries is damaged")
)

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
func appendPage(b []byte, p deliveredPage) ([]byte, error) {
	h := blockHeader{low: ^uint64(0)}
	if b == nil {
		b = make([]byte, blockHead, blockHead+64)
	} else {
		var err error
		if h, err = readBlockHeader(b); err != nil {
			return nil, err
		}
	}
	at := max(p.at, h.at) // a clock that was set back does not go back here
	b = binary.AppendUvarint(b, at-h.at)
	for i, r := range p.runs {
		more := uint64(0)
		if i+1 < len(p.runs) {
			more = 1
		}
		b = binary.AppendVarint(b, int64(r.start-h.end))
		b = binary.AppendUvarint(b, r.length<<1|more)
		h.end = r.start + r.length
		h.low, h.high = min(h.low, r.start), max(h.high, h.end-1)
	}
	binary.BigEndian.PutUint64(b[4:], h.low)
	binary.BigEndian.PutUint64(b[12:], h.high)
	binary.BigEndian.PutUint64(b[20:], at)
	binary.BigEndian.PutUint64(b[28:], h.end)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b, nil
}

// eachRun calls visit with every run of a block and when it was delivered.
func eachRun(b []byte, visit func(at uint64, r positionRun)) error {
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
			r := positionRun{end + uint64(gap), length >> 1}
			visit(at, r)
			end = r.start + r.length
		}
	}
	return nil
}

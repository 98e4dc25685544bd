package delivery

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/accord-taxii/accord/store/journal"
)

// FuzzBlock reads blocks of deliveries as they may be found in a file, checksum right or wrong.
func FuzzBlock(f *testing.F) {
	b, err := appendPage(nil, pageOf(1000, positions(2, 30, 3)))
	if err != nil {
		f.Fatal(err)
	}
	if b, err = appendPage(b, pageOf(1001, positions(31, 40, 1))); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(make([]byte, blockHead+12))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= blockHead {
			b = slices.Clone(b)
			binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
		}
		runs := 0
		if err := eachRun(b, func(uint64, run) { runs++ }); err == nil && runs > len(b)-blockHead {
			t.Errorf("got %d runs out of %d bytes", runs, len(b)-blockHead)
		}
	})
}

// FuzzPages keeps pages in a block and reads them back.
func FuzzPages(f *testing.F) {
	f.Add([]byte{1, 1, 1, 0, 5, 1, 200, 0, 0, 3})
	f.Fuzz(func(t *testing.T, steps []byte) {
		type given struct{ at, position uint64 }
		var want, got []given
		var block []byte
		var page []journal.Position
		at, last := uint64(1e9), journal.Position(0)
		flush := func() {
			if len(page) == 0 {
				return
			}
			var err error
			if block, err = appendPage(block, pageOf(at, page)); err != nil {
				t.Fatal(err)
			}
			for _, p := range page {
				want = append(want, given{at, uint64(p)})
			}
			page = nil
		}
		for _, step := range steps {
			switch {
			case step == 0: // the next page, some time later
				flush()
				at += uint64(len(steps))
			case step == 255: // the next page, from the start on
				flush()
				last = 0
			default:
				last += journal.Position(step)
				page = append(page, last)
			}
		}
		flush()
		if block == nil {
			return
		}
		if err := eachRun(block, func(at uint64, r run) {
			for p := r.start; p < r.start+r.length; p++ {
				got = append(got, given{at, p})
			}
		}); err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	})
}

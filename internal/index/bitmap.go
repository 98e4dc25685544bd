package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"
)

// A bitmap of one chunk is kept as a form byte and either the low 16 bits of each position, or roaring's own form.
const (
	formList    byte = 1
	formRoaring byte = 2

	longestList = 64
)

var errBitmap = errors.New("a bitmap is damaged")

// appendBitmap writes the positions of one chunk.
func appendBitmap(dst []byte, b *roaring.Bitmap) ([]byte, error) {
	if n := b.GetCardinality(); n <= longestList {
		dst = append(dst, formList)
		for it := b.Iterator(); it.HasNext(); {
			dst = binary.BigEndian.AppendUint16(dst, uint16(it.Next()))
		}
		return dst, nil
	}
	text, err := b.ToBytes()
	if err != nil {
		return nil, err
	}
	return append(append(dst, formRoaring), text...), nil
}

// orBitmap adds what appendBitmap wrote to a bitmap; the positions are those of a chunk.
func orBitmap(into *roaring.Bitmap, chunk uint32, b []byte) error {
	if len(b) == 0 {
		return errBitmap
	}
	switch b[0] {
	case formList:
		if len(b)%2 != 1 {
			return errBitmap
		}
		for b = b[1:]; len(b) > 0; b = b[2:] {
			into.Add(chunk<<chunkBits | uint32(binary.BigEndian.Uint16(b)))
		}
		return nil
	case formRoaring:
		other := roaring.New()
		if _, err := other.FromUnsafeBytes(b[1:]); err != nil {
			return fmt.Errorf("%w: %w", errBitmap, err)
		}
		if chunk == 0 {
			into.Or(other)
			into.CloneCopyOnWriteContainers() // or parts of it would be pebble's bytes, which change
			return nil
		}
		into.Or(roaring.AddOffset(other, chunk<<chunkBits))
		return nil
	}
	return errBitmap
}

// union is how pebble joins what was written under one key: the bitmaps are united.
var union = &pebble.Merger{
	Name: "accord.union.1",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		m := &merging{all: roaring.New()}
		return m, orBitmap(m.all, 0, value)
	},
}

type merging struct{ all *roaring.Bitmap }

func (m *merging) MergeNewer(value []byte) error { return orBitmap(m.all, 0, value) }
func (m *merging) MergeOlder(value []byte) error { return orBitmap(m.all, 0, value) }

func (m *merging) Finish(bool) ([]byte, io.Closer, error) {
	b, err := appendBitmap(nil, m.all)
	return b, nil, err
}

// readable is a database or a snapshot of one.
type readable interface {
	Get(key []byte) ([]byte, io.Closer, error)
	NewIter(o *pebble.IterOptions) (*pebble.Iterator, error)
}

// get copies a value; nil when there is none.
func get(r readable, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte{}, v...), nil
}

// scan visits the keys from one up to another, until visit answers false. What visit is given is pebble's.
func scan(r readable, from, to []byte, visit func(key, value []byte) (bool, error)) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if on, err := visit(it.Key(), value); !on || err != nil {
			return err
		}
	}
	return it.Error()
}

// positionsOf adds the positions under a key without its chunk to a bitmap.
func positionsOf(r readable, into *roaring.Bitmap, prefix []byte, chunks uint32) error {
	if chunks <= fewChunks {
		for chunk := range chunks {
			v, closer, err := r.Get(withChunk(prefix[:len(prefix):len(prefix)], chunk))
			if errors.Is(err, pebble.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			err = errors.Join(orBitmap(into, chunk, v), closer.Close())
			if err != nil {
				return err
			}
		}
		return nil
	}
	return scan(r, prefix, behind(prefix), func(k, v []byte) (bool, error) {
		return true, orBitmap(into, chunkOfKey(k), v)
	})
}

// fewChunks is up to how many chunks looking each of them up is faster than a scan: a missing key costs a bloom filter.
const fewChunks = 24

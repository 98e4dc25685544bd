package index

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/accord-taxii/accord/internal/lru"
)

// facetTable is what one agreement has of each facet: the positions of each value, whether their versions are live or
// not. It is never changed, so that searches share it. It may have positions after a search's state, which are not live
// there: what it is joined with is.
type facetTable struct {
	through uint64                               // it has every position up to here
	values  map[field]map[uint64]*roaring.Bitmap // by hash
	size    int
	used    atomic.Bool // since the index last moved
}

// Bounds of what is kept of facets, in bytes: of all agreements, and of one. What is larger is read for each search.
const (
	mostFacetBytes    = 32 << 20
	largestFacetTable = 8 << 20
	facetValueSize    = 200 // of a value beside its bitmap's own form
)

type facetTables = lru.Cache[number, *facetTable]

func newFacetTables() *facetTables {
	return lru.New[number, *facetTable](mostFacetBytes, largestFacetTable)
}

// eachFacet visits the values of an agreement's facets, with the positions that have them. A bitmap that
// was visited is never changed.
func (x *Index) eachFacet(r readable, v *view, visit func(f field, hash uint64, of *roaring.Bitmap)) error {
	table, ok := x.facetTables.Get(v.state.number)
	if ok && table.through >= v.state.cursor {
		table.used.Store(true)
		for f, values := range table.values {
			for hash, of := range values {
				visit(f, hash, of)
			}
		}
		return nil
	}
	made := &facetTable{through: v.state.cursor, values: make(map[field]map[uint64]*roaring.Bitmap)}
	made.used.Store(true)
	for f := range facetNames {
		made.values[f] = make(map[uint64]*roaring.Bitmap)
		if err := v.readFacet(r, f, func(hash uint64, of *roaring.Bitmap) {
			visit(f, hash, of)
			if made.size += facetValueSize + int(of.GetSizeInBytes()); made.size <= largestFacetTable {
				made.values[f][hash] = of
			}
		}); err != nil {
			return err
		}
	}
	x.facetTables.Replace(v.state.number, made, made.size)
	return nil
}

// readFacet reads the values of one facet in one pass, the first mostCounted of them.
func (v *view) readFacet(r readable, f field, visit func(hash uint64, of *roaring.Bitmap)) error {
	prefix := append(key(kindPosting, v.state.number, 1), byte(f))
	var last uint64
	var of *roaring.Bitmap
	n := 0
	err := scan(r, prefix, behind(prefix), func(k, text []byte) (bool, error) {
		hash := binary.BigEndian.Uint64(k[len(prefix):])
		if of == nil || hash != last {
			if of != nil {
				visit(last, of)
			}
			if n++; n > mostCounted {
				of = nil
				return false, nil
			}
			of, last = roaring.New(), hash
		}
		return true, orBitmap(of, chunkOfKey(k), text)
	})
	if err == nil && of != nil {
		visit(last, of)
	}
	return err
}

// moveFacets brings the table of an agreement from one state to the next one, whose new postings are given by their keys. A
// table that no search has used since the last time is dropped.
func (x *Index) moveFacets(n number, from, to uint64, postings map[string][]uint16) {
	table, ok := x.facetTables.Get(n)
	if !ok {
		return
	}
	next := &facetTable{through: to, size: table.size, values: make(map[field]map[uint64]*roaring.Bitmap)}
	if table.through != from || !table.used.Load() {
		x.facetTables.Replace(n, next, largestFacetTable+1) // too large to be kept
		return
	}
	for f, values := range table.values {
		next.values[f] = make(map[uint64]*roaring.Bitmap, len(values))
		for hash, of := range values {
			next.values[f][hash] = of
		}
	}
	changed := make(map[term]bool)
	for k, lows := range postings {
		if k[0] != kindPosting || !facets[field(k[5])] {
			continue
		}
		t := term{field(k[5]), binary.BigEndian.Uint64([]byte(k[6:14]))}
		of := next.values[t.field][t.hash]
		if !changed[t] {
			changed[t] = true
			if of == nil {
				of = roaring.New()
				next.size += facetValueSize
			} else {
				of = of.Clone()
			}
			next.values[t.field][t.hash] = of
		}
		chunk := binary.BigEndian.Uint32([]byte(k[14:]))
		for _, low := range lows {
			of.Add(chunk<<chunkBits | uint32(low))
		}
		next.size += 2 * len(lows)
	}
	for _, values := range next.values {
		if len(values) > mostCounted {
			next.size = largestFacetTable + 1 // not all of them are counted: the next search reads which
		}
	}
	x.facetTables.Replace(n, next, next.size)
}

package index

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"
)

// valuesAtOnce is how many values are looked up in one pass over the index's keys. It bounds what the pass holds: an
// address is looked up once for each length of prefix that occurs.
const valuesAtOnce = 500

// lookup is a key that leads to positions with a value.
type lookup struct {
	key   []byte // without its chunk
	value int    // which value of the query
}

// lookUp finds the positions that have each value of a query, or all the words of a text: those of a value that nothing
// has are nil. A value that is there twice has the same bitmap as the one before it.
func (x *Index) lookUp(ctx context.Context, r readable, v *view, values []Value) error {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	words := make(map[string]*roaring.Bitmap)
	for some := range slices.Chunk(order, valuesAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		var keys []lookup
		for _, i := range some {
			if i > 0 && values[i] == values[i-1] {
				continue
			}
			keys = x.keysOf(keys, v, values[i], i)
		}
		if err := v.each(r, keys); err != nil {
			return err
		}
		for _, i := range some {
			var err error
			switch {
			case i > 0 && values[i] == values[i-1]:
				v.values[i] = v.values[i-1]
			case values[i].Kind == Range:
				err = errors.Join(ctx.Err(), v.within(r, v.valueAt(i), values[i]))
			case values[i].Kind == Text:
				err = errors.Join(ctx.Err(), x.text(r, v, i, values[i], words))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// valueAt returns the bitmap of a value, which is empty at first.
func (v *view) valueAt(i int) *roaring.Bitmap {
	if v.values[i] == nil {
		v.values[i] = roaring.New()
	}
	return v.values[i]
}

// keysOf adds the keys under which a value is found.
func (x *Index) keysOf(keys []lookup, v *view, value Value, i int) []lookup {
	n := v.state.number
	switch value.Kind {
	case Range: // a range of keys
		return keys
	case Address: // and the ranges that hold it
		address := keyOfPrefix(value.Prefix)
		for bits := int(address[16]); bits >= 0; bits-- {
			if v.state.spans[bits/64]&(1<<(bits%64)) != 0 {
				keys = append(keys, lookup{addressTermKey(n, address.masked(bits)), i})
			}
		}
		return keys
	case Domain:
		return append(keys, lookup{termKey(n, term{fieldParent, x.secret.hash(fieldParent, value.Text)}), i})
	}
	return append(keys, lookup{termKey(n, term{fieldValue, x.secret.hash(fieldValue, value.Text)}), i})
}

// each reads the positions under keys. Many are read in one pass, in the order of the keys.
func (v *view) each(r readable, keys []lookup) (err error) {
	const few = 4 // an iterator costs about as much as so many single reads
	if len(keys) <= few {
		for _, k := range keys {
			of := roaring.New()
			if err := positionsOf(r, of, k.key, v.chunks); err != nil {
				return err
			}
			v.add(k.value, of)
		}
		return nil
	}
	slices.SortFunc(keys, func(a, b lookup) int { return bytes.Compare(a.key, b.key) })
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: keys[0].key, UpperBound: behind(keys[len(keys)-1].key)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for _, k := range keys {
		of := roaring.New()
		for ok := it.SeekGE(k.key); ok && bytes.HasPrefix(it.Key(), k.key); ok = it.Next() {
			text, err := it.ValueAndErr()
			if err != nil {
				return err
			}
			if err := orBitmap(of, chunkOfKey(it.Key()), text); err != nil {
				return err
			}
		}
		v.add(k.value, of)
	}
	return it.Error()
}

// add adds positions to those of a value; of is not used afterwards.
func (v *view) add(i int, of *roaring.Bitmap) {
	switch {
	case of.IsEmpty():
	case v.values[i] == nil:
		v.values[i] = of
	default:
		v.values[i].Or(of)
	}
}

// mostRemembered bounds how many words of a query's texts are read once.
const mostRemembered = 64

// text adds the positions that have all the words of a text.
func (x *Index) text(r readable, v *view, i int, value Value, words map[string]*roaring.Bitmap) error {
	var all *roaring.Bitmap
	for _, word := range wordsOf(value.Text) {
		of := words[word]
		if of == nil {
			of = roaring.New()
			if err := v.term(r, of, term{fieldWord, x.secret.hash(fieldWord, word)}); err != nil {
				return err
			}
			if len(words) < mostRemembered {
				words[word] = of
			}
		}
		if all == nil {
			all = of.Clone()
		} else {
			all.And(of)
		}
		if all.IsEmpty() {
			break
		}
	}
	if all != nil {
		v.add(i, all)
	}
	return nil
}

// within adds the positions of the addresses and ranges that lie in a range.
func (v *view) within(r readable, into *roaring.Bitmap, value Value) error {
	first, last := keyOfPrefix(value.Prefix), lastOf(value.Prefix)
	bits := first[16]
	first[16] = 0
	return scan(r, addressTermKey(v.state.number, first), behind(addressTermKey(v.state.number, last)), func(k, b []byte) (bool, error) {
		if len(k) != 5+17+4 || k[5+16] < bits {
			return true, nil
		}
		return true, orBitmap(into, chunkOfKey(k), b)
	})
}

package index

import (
	"errors"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/accord-taxii/accord/store/journal"
)

// match finds the positions of an agreement that a query selects.
func (x *Index) match(r readable, v *view, q Query, values []Value) error {
	v.match = v.state.live.Clone()
	v.match.AndNot(v.exclude)
	if v.state.number == 0 {
		v.values = make([]*roaring.Bitmap, len(values))
		for i := range v.values {
			v.values[i] = roaring.New()
		}
		return nil
	}
	narrow := func(field field, texts []string) error {
		if len(texts) == 0 {
			return nil
		}
		any := roaring.New()
		for _, text := range texts {
			if err := v.term(r, any, term{field, x.secret.hash(field, text)}); err != nil {
				return err
			}
		}
		v.match.And(any)
		return nil
	}
	levels := make([]string, len(q.TLP))
	for i, l := range q.TLP {
		levels[i] = l.String()
	}
	err := errors.Join(narrow(fieldType, q.Types), narrow(fieldProducer, q.Producers), narrow(fieldLabel, q.Labels), narrow(fieldTLP, levels))
	if err != nil {
		return err
	}
	if q.Confidence > 0 {
		enough := roaring.New()
		for c := q.Confidence; c <= 100; c++ {
			if err := v.term(r, enough, term{fieldScore, uint64(c)}); err != nil {
				return err
			}
		}
		v.match.And(enough)
	}
	if q.Valid {
		if err := v.valid(r, x.opts.Now()); err != nil {
			return err
		}
	}
	if !q.Since.IsZero() {
		from, err := v.firstAt(q.Since)
		if err != nil {
			return err
		}
		v.match.RemoveRange(0, uint64(from))
	}
	if len(values) == 0 {
		return nil
	}
	any := roaring.New()
	v.values = make([]*roaring.Bitmap, len(values))
	for i, value := range values {
		of, err := x.value(r, v, value)
		if err != nil {
			return err
		}
		of.And(v.match)
		v.values[i] = of
		any.Or(of)
	}
	v.match = any
	return nil
}

// term adds the positions that have a term.
func (v *view) term(r readable, into *roaring.Bitmap, t term) error {
	return positionsOf(r, into, termKey(v.state.number, t), v.chunks)
}

// value finds the positions that have a value, or all the words of a text.
func (x *Index) value(r readable, v *view, value Value) (*roaring.Bitmap, error) {
	found := roaring.New()
	switch value.Kind {
	case Address:
		return found, v.containing(r, found, keyOfPrefix(value.Prefix))
	case Range:
		return found, v.within(r, found, value)
	case Domain:
		return found, v.term(r, found, term{fieldParent, x.secret.hash(fieldParent, value.Text)})
	}
	if err := v.term(r, found, term{fieldValue, x.secret.hash(fieldValue, value.Text)}); err != nil || value.Kind != Text {
		return found, err
	}
	var all *roaring.Bitmap
	for _, word := range wordsOf(value.Text) {
		of := roaring.New()
		if err := v.term(r, of, term{fieldWord, x.secret.hash(fieldWord, word)}); err != nil {
			return nil, err
		}
		if all == nil {
			all = of
		} else {
			all.And(of)
		}
		if all.IsEmpty() {
			break
		}
	}
	if all != nil {
		found.Or(all)
	}
	return found, nil
}

// containing adds the positions of an address and of the ranges that hold it.
func (v *view) containing(r readable, into *roaring.Bitmap, address addressKey) error {
	for bits := int(address[16]); bits >= 0; bits-- {
		if v.state.spans[bits/64]&(1<<(bits%64)) == 0 {
			continue
		}
		if err := positionsOf(r, into, addressTermKey(v.state.number, address.masked(bits)), v.chunks); err != nil {
			return err
		}
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
		chunk := uint32(k[22])<<24 | uint32(k[23])<<16 | uint32(k[24])<<8 | uint32(k[25])
		return true, orBitmap(into, chunk, b)
	})
}

// valid leaves what is not revoked and within its time.
func (v *view) valid(r readable, now time.Time) error {
	seconds, out := now.Unix(), roaring.New()
	today := seconds / day
	between := func(f field, from, to int64, into *roaring.Bitmap) error { // to is not included
		if from >= to {
			return nil
		}
		a, b := termKey(v.state.number, term{f, uint64(max(from, 0))}), termKey(v.state.number, term{f, uint64(to)})
		return scan(r, a, b, func(k, value []byte) (bool, error) {
			n := len(k)
			return true, orBitmap(into, uint32(k[n-4])<<24|uint32(k[n-3])<<16|uint32(k[n-2])<<8|uint32(k[n-1]), value)
		})
	}
	const end = 1 << 62
	err := errors.Join(
		v.term(r, out, term{fieldRevoked, 0}),
		between(fieldUntil, 0, today, out),
		between(fieldUntilAt, today*day, seconds+1, out),
		between(fieldFrom, today+1, end, out),
		between(fieldFromAt, seconds+1, (today+1)*day, out),
	)
	v.match.AndNot(out)
	return err
}

// firstAt is the first position whose entry is not earlier than a moment.
func (v *view) firstAt(at time.Time) (journal.Position, error) {
	low, high := journal.Position(1), journal.Position(v.state.cursor)+1
	for low < high {
		middle := (low + high) / 2
		e, _, err := v.Collection.Entry(middle)
		if err != nil {
			return 0, err
		}
		if e.At.Before(at) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

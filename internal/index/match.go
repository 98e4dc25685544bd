package index

import (
	"context"
	"errors"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/accord-taxii/accord/store/journal"
)

// match finds the positions of an agreement that a query selects.
func (x *Index) match(ctx context.Context, r readable, v *view, q Query, values []Value) error {
	v.values = make([]*roaring.Bitmap, len(values))
	if v.state.number == 0 {
		v.match = roaring.New()
		return nil
	}
	narrow, err := x.narrow(r, v, q)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		v.match = v.state.live.Clone()
		narrow.apply(v.match)
		return nil
	}
	// What has the values is usually little: everything else is joined with that, never all that is live copied.
	if err := x.lookUp(ctx, r, v, values); err != nil {
		return err
	}
	v.match = roaring.New()
	for i, of := range v.values {
		switch {
		case of == nil:
		case i > 0 && of == v.values[i-1]: // the same value again
			continue
		default:
			of.And(v.state.live)
			narrow.apply(of)
			if of.IsEmpty() {
				v.values[i] = nil
			}
			v.match.Or(of)
		}
	}
	return nil
}

// narrowing is what a query leaves of any set of live positions.
type narrowing struct {
	within []*roaring.Bitmap
	not    []*roaring.Bitmap
	from   journal.Position
}

func (n *narrowing) apply(of *roaring.Bitmap) {
	for _, b := range n.within {
		of.And(b)
	}
	for _, b := range n.not {
		of.AndNot(b)
	}
	if n.from > 0 {
		of.RemoveRange(0, uint64(n.from))
	}
}

// narrow reads what narrows a query beside its values.
func (x *Index) narrow(r readable, v *view, q Query) (n *narrowing, err error) {
	n = &narrowing{}
	if !v.exclude.IsEmpty() {
		n.not = append(n.not, v.exclude)
	}
	anyOf := func(terms []term) error {
		if len(terms) == 0 {
			return nil
		}
		of := roaring.New()
		for _, t := range terms {
			if err := v.term(r, of, t); err != nil {
				return err
			}
		}
		n.within = append(n.within, of)
		return nil
	}
	texts := func(f field, list []string) (terms []term) {
		for _, text := range list {
			terms = append(terms, term{f, x.secret.hash(f, text)})
		}
		return terms
	}
	var levels []string
	for _, l := range q.TLP {
		levels = append(levels, l.String())
	}
	var scores []term
	if q.Confidence > 0 {
		for c := q.Confidence; c <= 100; c++ {
			scores = append(scores, term{fieldScore, uint64(c)})
		}
		if len(scores) == 0 {
			n.within = append(n.within, roaring.New())
		}
	}
	err = errors.Join(anyOf(texts(fieldType, q.Types)), anyOf(texts(fieldProducer, q.Producers)), anyOf(texts(fieldLabel, q.Labels)),
		anyOf(texts(fieldTLP, levels)), anyOf(texts(fieldParty, q.Parties)), anyOf(scores))
	if err == nil && q.Valid {
		var over *roaring.Bitmap
		over, err = v.notValid(r, x.opts.Now())
		n.not = append(n.not, over)
	}
	if err == nil && !q.Since.IsZero() {
		n.from, err = v.firstAt(q.Since)
	}
	return n, err
}

// term adds the positions that have a term.
func (v *view) term(r readable, into *roaring.Bitmap, t term) error {
	return positionsOf(r, into, termKey(v.state.number, t), v.chunks)
}

// notValid returns what is revoked, or not within its time.
func (v *view) notValid(r readable, now time.Time) (*roaring.Bitmap, error) {
	seconds, out := now.Unix(), roaring.New()
	today := seconds / day
	between := func(f field, from, to int64, into *roaring.Bitmap) error { // to is not included
		if from >= to {
			return nil
		}
		a, b := termKey(v.state.number, term{f, uint64(max(from, 0))}), termKey(v.state.number, term{f, uint64(to)})
		return scan(r, a, b, func(k, value []byte) (bool, error) {
			return true, orBitmap(into, chunkOfKey(k), value)
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
	return out, err
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

package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Readable is an agreement that the caller may read at this moment.
type Readable struct {
	Collection *store.Collection
	Parties    bool // the caller may know which party added what
}

// Scope is all that a caller may read: nothing else is looked at.
type Scope []Readable

// Bounds of a query.
const (
	DefaultLimit = 50
	MostResults  = 1000   // in one answer
	MostValues   = 10_000 // in one query
	mostFacet    = 25     // values of one facet in an answer
	mostCounted  = 1000   // values of one facet and agreement that are counted
	mostOverlaid = 20_000 // entries that a search reads beyond the index
	patience     = 2 * time.Second
)

// Query says what to find. Its parts narrow each other; the values, types and agreements in it widen.
type Query struct {
	Values     []string   // any of them; none: everything
	Types      []string   // any of them
	Producers  []string   // any of them: created_by_ref
	Labels     []string   // any of them
	TLP        []stix.TLP // any of them
	Since      time.Time  // date_added at or after
	Confidence int        // at least; 0: any, or none stated
	Valid      bool       // not revoked, and within valid_from and valid_until now
	Limit      int        // most results; 0: DefaultLimit
	Next       string     // from an earlier answer to the same query
	Facets     bool       // count them
}

// Result is one object in one agreement: its last version there.
type Result struct {
	ID         string          `json:"id"`
	Version    string          `json:"version"`
	Type       string          `json:"type"`
	Agreement  string          `json:"agreement"`
	Name       string          `json:"name,omitempty"` // name, else value, else the pattern; at most 200 characters
	Added      time.Time       `json:"date_added"`
	TLP        string          `json:"tlp,omitempty"`
	Producer   string          `json:"created_by_ref,omitempty"`
	Party      string          `json:"party,omitempty"` // that added it, where the caller may know
	Confidence *int            `json:"confidence,omitempty"`
	ValidUntil string          `json:"valid_until,omitempty"`
	Revoked    bool            `json:"revoked,omitempty"`
	Labels     []string        `json:"labels,omitempty"`
	Matches    []string        `json:"matches,omitempty"` // which values of the query the object has, as they were asked for
	Object     json.RawMessage `json:"object,omitempty"`  // the text, where it was asked for

	source Source
}

// Source is where the result was read.
func (r *Result) Source() Source { return r.source }

// Count is how many objects have a value of a facet.
type Count struct {
	Value string `json:"value"`
	Count uint64 `json:"count"`
}

// Results is what was found.
type Results struct {
	Total   uint64             `json:"total"`
	Results []Result           `json:"results"`
	Facets  map[string][]Count `json:"facets,omitempty"` // type, tlp, created_by_ref, label, agreement, day or month; value for several values
	Next    string             `json:"next,omitempty"`

	// Behind is how many entries of the caller's journals the index has yet to read; what they added is not found yet.
	Behind uint64 `json:"behind,omitempty"`
}

// ErrQuery is wrapped by the errors of a query that cannot be answered whatever is stored: the caller's fault.
var ErrQuery = errors.New("the query cannot be answered")

// view is an agreement during one search.
type view struct {
	Readable
	state   state
	chunks  uint32
	exclude *roaring.Bitmap // removed since the index moved
	match   *roaring.Bitmap
	values  []*roaring.Bitmap // by value of the query
	behind  uint64
}

// Search finds objects in a scope, the newest first. It waits for the index to have read what was committed before it was
// asked, two seconds at most.
func (x *Index) Search(ctx context.Context, scope Scope, q Query) (*Results, error) {
	q.Limit = min(max(q.Limit, 0), MostResults)
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	if len(q.Values) > MostValues {
		return nil, fmt.Errorf("%w: it has %d values, at most %d are looked up at once", ErrQuery, len(q.Values), MostValues)
	}
	after, err := parseCursor(q.Next, q)
	if err != nil {
		return nil, err
	}
	answer := &Results{Results: []Result{}}
	err = x.look(ctx, scope, func(r readable, views []*view) error {
		values := make([]Value, len(q.Values))
		for i, text := range q.Values {
			values[i] = ReadValue(text)
		}
		for _, v := range views {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := x.match(r, v, q, values); err != nil {
				return err
			}
			answer.Total += v.match.GetCardinality()
			answer.Behind += v.behind
		}
		if q.Facets {
			if answer.Facets, err = x.facets(r, views, q); err != nil {
				return err
			}
		}
		answer.Results, answer.Next, err = x.page(views, q, after)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Count counts what a scope has, without showing any of it.
func (x *Index) Count(ctx context.Context, scope Scope) (*Results, error) {
	answer := new(Results)
	err := x.look(ctx, scope, func(r readable, views []*view) (err error) {
		for _, v := range views {
			if err := x.match(r, v, Query{}, nil); err != nil {
				return err
			}
			answer.Total += v.match.GetCardinality()
			answer.Behind += v.behind
		}
		answer.Facets, err = x.facets(r, views, Query{})
		return err
	})
	return answer, err
}

// look calls fn with a snapshot of the database and a view of each agreement of a scope, once the index has caught up
// with it or patience has ended.
func (x *Index) look(ctx context.Context, scope Scope, fn func(readable, []*view) error) error {
	heads := make([]uint64, len(scope))
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i, in := range scope {
		stats, err := in.Collection.Stats()
		if err != nil {
			return fmt.Errorf("search the agreement %s: %w", in.Collection.Agreement().Name, err)
		}
		heads[i] = stats.Entries
	}
	for i, in := range scope {
		x.wait(waiting, in.Collection.ID(), heads[i])
	}
	return x.use(func(db *pebble.DB) error {
		views := make([]*view, 0, len(scope))
		for i, in := range scope {
			v := &view{Readable: in, exclude: roaring.New(), behind: heads[i]}
			if s, ok := x.stateOf(in.Collection.ID()); ok {
				v.state, v.chunks, v.behind = s, s.chunks(), heads[i]-min(s.cursor, heads[i])
			} else {
				v.state.live = roaring.New()
			}
			if err := v.overlay(); err != nil {
				return err
			}
			views = append(views, v)
		}
		snapshot := db.NewSnapshot()
		err := fn(snapshot, views)
		return errors.Join(err, snapshot.Close())
	})
}

// overlay takes out what was removed since the index moved.
func (v *view) overlay() error {
	if v.state.number == 0 {
		return nil
	}
	n := 0
	err := v.Collection.Entries(journal.Position(v.state.cursor+1), mostOverlaid, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		n++
		if e.Kind == journal.Deleted || e.Kind == journal.Withdrawn {
			v.exclude.Add(uint32(e.Of))
		}
		return true
	})
	if err == nil && n == mostOverlaid {
		return fmt.Errorf("%w: it has yet to read %d entries of the agreement %s", ErrUnavailable, v.behind, v.Collection.Agreement().Name)
	}
	return err
}

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

// page takes the newest results of all views after a cursor.
func (x *Index) page(views []*view, q Query, after *cursor) (results []Result, next string, err error) {
	heads := make([]*head, 0, len(views))
	for _, v := range views {
		h := &head{view: v, it: v.match.ReverseIterator()}
		if after != nil {
			if h.below, err = v.bound(after); err != nil {
				return nil, "", err
			}
		}
		if err := h.advance(); err != nil {
			return nil, "", err
		}
		if h.position != 0 {
			heads = append(heads, h)
		}
	}
	var tree ijson.Tree
	results = []Result{}
	for len(heads) > 0 {
		newest := slices.MaxFunc(heads, (*head).compare)
		if len(results) == q.Limit {
			last := results[len(results)-1]
			return results, cursor{added: last.Added, collection: last.source.Collection.ID(), position: last.source.Position}.encode(q), nil
		}
		if r, ok, err := x.result(newest, &tree, q); err != nil {
			return nil, "", err
		} else if ok {
			results = append(results, r)
		}
		if err := newest.advance(); err != nil {
			return nil, "", err
		}
		if newest.position == 0 {
			heads = slices.DeleteFunc(heads, func(h *head) bool { return h == newest })
		}
	}
	return results, "", nil
}

// head is the newest position of a view that no result has shown.
type head struct {
	view     *view
	it       roaring.IntIterable
	below    journal.Position // 0: all positions
	position journal.Position
	entry    journal.Entry
}

func (h *head) advance() (err error) {
	for h.it.HasNext() {
		h.position = journal.Position(h.it.Next())
		if h.below != 0 && h.position >= h.below {
			continue
		}
		h.entry, _, err = h.view.Collection.Entry(h.position)
		return err
	}
	h.position = 0
	return nil
}

// compare orders heads: the later one is the greater; of the same time, that of the smaller collection id.
func (h *head) compare(other *head) int {
	if c := h.entry.At.Compare(other.entry.At); c != 0 {
		return c
	}
	a, b := h.view.Collection.ID(), other.view.Collection.ID()
	return slices.Compare(b[:], a[:])
}

// bound is the position below which a view's results come after a cursor.
func (v *view) bound(after *cursor) (journal.Position, error) {
	id := v.Collection.ID()
	if id == after.collection {
		return max(after.position, 1), nil
	}
	at := after.added
	if slices.Compare(id[:], after.collection[:]) > 0 {
		at = at.Add(time.Microsecond) // of the same time, this collection comes later
	}
	return v.firstAt(at)
}

// result reads what a result shows from the agreement's file; ok is false when the object has gone.
func (x *Index) result(h *head, tree *ijson.Tree, q Query) (r Result, ok bool, err error) {
	text, ok, err := h.view.Collection.ObjectAt(h.position)
	if err != nil || !ok {
		return Result{}, false, err
	}
	r = describe(text, tree)
	r.Agreement, r.Added, r.TLP = string(h.view.Collection.Agreement().Name), h.entry.At, levelName(stix.TLP(h.entry.TLP))
	r.source = Source{h.view.Readable, h.position}
	if r.Version == "" {
		r.Version = h.entry.At.UTC().Format(taxiiTime)
	}
	if h.view.Parties {
		r.Party = h.entry.Party
	}
	for i, of := range h.view.values {
		if len(r.Matches) < mostMatches && of.Contains(uint32(h.position)) && !slices.Contains(r.Matches, q.Values[i]) {
			r.Matches = append(r.Matches, q.Values[i])
		}
	}
	r.Object = text
	return r, true, nil
}

// mostMatches bounds how many values of a query a result names.
const mostMatches = 100

// taxiiTime is how TAXII writes times: RFC 3339 in UTC with microseconds (TAXII 2.1, section 2).
const taxiiTime = "2006-01-02T15:04:05.000000Z"

func levelName(l stix.TLP) string {
	if l == 0 {
		return ""
	}
	return l.String()
}

// longestName bounds a result's name, in bytes.
const longestName = 200

// describe reads what a result shows of an object.
func describe(text []byte, t *ijson.Tree) Result {
	if t.Parse(text, ijson.Limits{}) != nil {
		return Result{}
	}
	o := stix.FromTree(t)
	root := t.Root()
	r := Result{ID: string(o.ID), Version: o.Version, Type: o.Type, Producer: t.Str(t.Member(root, "created_by_ref")),
		ValidUntil: t.Str(t.Member(root, "valid_until")), Revoked: t.Kind(t.Member(root, "revoked")) == ijson.True}
	for _, member := range []string{"name", "value", "relationship_type", "pattern", "path", "key", "account_login", "abstract", "content"} {
		if s := t.Str(t.Member(root, member)); s != "" {
			r.Name = clip(s, longestName)
			break
		}
	}
	if c := t.Member(root, "confidence"); t.Kind(c) == ijson.Number {
		if n, ok := wholeNumber(t.Raw(c)); ok {
			r.Confidence = &n
		}
	}
	if labels := t.Member(root, "labels"); t.Kind(labels) == ijson.Array {
		for item := range t.Items(labels) {
			if len(r.Labels) < 20 {
				r.Labels = append(r.Labels, clip(t.Str(item), longestName))
			}
		}
	}
	return r
}

// clip cuts a text to so many bytes, at the end of a character.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xc0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}

// cursor is where an answer ended.
type cursor struct {
	added      time.Time
	collection uuid.UUID
	position   journal.Position
}

package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"

	"github.com/accord-taxii/accord/stix"
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
	Parties    []string   `json:",omitempty"` // any of them added it: the caller may know which party did
	Since      time.Time  // date_added at or after
	Confidence int        // at least; 0: any, or none stated
	Valid      bool       // not revoked, and within valid_from and valid_until now
	Limit      int        // most results; 0: DefaultLimit
	Next       string     // from an earlier answer to the same query
	Facets     bool       // count them
	Content    bool       `json:"-"` // results carry the objects: it does not change which there are
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
	values  []*roaring.Bitmap // by value of the query; nil where nothing has it
	behind  uint64
}

// Search finds objects in a scope, the newest first. It waits for the index to have read what was committed before it was
// asked, for Options.Patience at most.
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
	err = x.snapshot(ctx, scope, func(r readable, views []*view) error {
		values := make([]Value, len(q.Values))
		for i, text := range q.Values {
			values[i] = ReadValue(text)
		}
		for _, v := range views {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := x.match(ctx, r, v, q, values); err != nil {
				return err
			}
			answer.Total += v.match.GetCardinality()
			answer.Behind += v.behind
		}
		var shown *tallies
		if q.Facets {
			shown = newTallies()
		}
		if answer.Results, answer.Next, err = x.page(views, q, after, shown); err != nil || !q.Facets {
			return err
		}
		if after == nil && answer.Next == "" { // the page shows all that was found
			answer.Facets = shown.facets(views, q)
			return nil
		}
		answer.Facets, err = x.facets(r, views, q)
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
	err := x.snapshot(ctx, scope, func(r readable, views []*view) (err error) {
		for _, v := range views {
			if err := x.match(ctx, r, v, Query{}, nil); err != nil {
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

// snapshot calls fn with a snapshot of the database and a view of each agreement of a scope, once the index has caught up
// with it or patience has ended.
func (x *Index) snapshot(ctx context.Context, scope Scope, fn func(readable, []*view) error) error {
	heads := make([]uint64, len(scope))
	waiting, cancel := context.WithTimeout(ctx, x.opts.Patience)
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
			if v.behind > 0 { // or what was removed before the search is in the index
				if err := v.overlay(); err != nil {
					return err
				}
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

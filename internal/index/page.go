package index

import (
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// page takes the newest results of all views after a cursor. shown, if any, counts their facets.
func (x *Index) page(views []*view, q Query, after *cursor, shown *tallies) (results []Result, next string, err error) {
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
	size := 0
	for len(heads) > 0 {
		newest := slices.MaxFunc(heads, (*head).compare)
		if len(results) == q.Limit || size >= mostPage {
			last := results[len(results)-1]
			return results, cursor{added: last.Added, collection: last.source.Collection.ID(), position: last.source.Position}.encode(q), nil
		}
		if r, ok, err := x.result(newest, &tree, q, shown); err != nil {
			return nil, "", err
		} else if ok {
			results = append(results, r)
			size += r.size()
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

// mostPage is after how many bytes a page of results ends, whatever its limit. It has one result at least.
const mostPage = 1 << 20

// size is about how many bytes a result takes in an answer.
func (r *Result) size() int {
	const frame = 400 // names of members, identifiers, times
	n := frame + len(r.Name) + len(r.Version) + len(r.Producer) + len(r.ValidUntil) + len(r.Object)
	for _, list := range [][]string{r.Labels, r.Matches} {
		for _, s := range list {
			n += len(s) + 3
		}
	}
	return n
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
func (x *Index) result(h *head, tree *ijson.Tree, q Query, shown *tallies) (r Result, ok bool, err error) {
	text, ok, err := h.view.Collection.ObjectAt(h.position)
	if err != nil || !ok {
		return Result{}, false, err
	}
	r = describe(text, tree)
	if shown != nil && r.ID != "" {
		shown.add(h.view, h.entry, tree)
	}
	r.Agreement, r.Added, r.TLP = string(h.view.Collection.Agreement().Name), h.entry.At, levelName(stix.TLP(h.entry.TLP))
	r.source = Source{h.view.Readable, h.position}
	if r.Version == "" {
		r.Version = h.entry.At.UTC().Format(journal.TimeFormat)
	}
	if h.view.Parties {
		r.Party = h.entry.Party
	}
	for i, of := range h.view.values {
		if of != nil && len(r.Matches) < mostMatches && of.Contains(uint32(h.position)) && !slices.Contains(r.Matches, q.Values[i]) {
			r.Matches = append(r.Matches, q.Values[i])
		}
	}
	if q.Content {
		r.Object = text
	}
	return r, true, nil
}

// mostMatches bounds how many values of a query a result names.
const mostMatches = 100

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

package index

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// facets are the fields whose values are counted.
var facets = map[field]bool{fieldType: true, fieldTLP: true, fieldProducer: true, fieldLabel: true, fieldParty: true}

// facetNames are the names of the facets in an answer.
var facetNames = map[field]string{fieldType: "type", fieldTLP: "tlp", fieldProducer: "created_by_ref", fieldLabel: "label", fieldParty: "party"}

// tally counts one value of a facet over all agreements, and remembers where objects have it.
type tally struct {
	count uint64
	view  *view
	of    *roaring.Bitmap // in the view; never changed
}

// position returns where an object has the value that is counted.
func (t *tally) position() journal.Position {
	return journal.Position(roaring.And(t.of, t.view.match).Maximum())
}

// facets counts what the matches of the views have in common.
func (x *Index) facets(r readable, views []*view, q Query) (map[string][]Count, error) {
	answer := make(map[string][]Count)
	counted := make(map[field]map[uint64]*tally)
	for f := range facetNames {
		counted[f] = make(map[uint64]*tally)
	}
	for _, v := range views {
		if v.state.number == 0 || v.match.IsEmpty() {
			continue
		}
		err := x.eachFacet(r, v, func(f field, hash uint64, of *roaring.Bitmap) {
			if f == fieldParty && !v.Parties {
				return
			}
			count := of.AndCardinality(v.match)
			if count == 0 {
				return
			}
			t := counted[f][hash]
			if t == nil {
				t = &tally{view: v, of: of}
				counted[f][hash] = t
			}
			t.count += count
		})
		if err != nil {
			return nil, err
		}
	}
	var tree ijson.Tree
	for f, name := range facetNames {
		counts, err := x.resolve(f, counted[f], &tree)
		if err != nil {
			return nil, err
		}
		if len(counts) > 0 {
			answer[name] = counts
		}
	}
	addOwnCounts(answer, views, q)
	unit, times, err := histogram(r, views)
	if len(times) > 0 {
		answer[unit] = times
	}
	return answer, err
}

// addOwnCounts adds what is counted without reading anything: by agreement, and by value of the query.
func addOwnCounts(answer map[string][]Count, views []*view, q Query) {
	var agreements []Count
	for _, v := range views {
		if n := v.match.GetCardinality(); n > 0 {
			agreements = append(agreements, Count{string(v.Collection.Agreement().Name), n})
		}
	}
	if len(agreements) > 0 {
		answer["agreement"] = most(agreements)
	}
	if len(q.Values) > 1 {
		answer["value"] = valueCounts(views, q.Values)
	}
}

// resolve finds the texts of the greatest counts: the index has hashes alone, so each is read from an object that has it.
func (x *Index) resolve(f field, tallies map[uint64]*tally, tree *ijson.Tree) ([]Count, error) {
	hashes := make([]uint64, 0, len(tallies))
	for hash := range tallies {
		hashes = append(hashes, hash)
	}
	slices.SortFunc(hashes, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(tallies[b].count, tallies[a].count), cmp.Compare(a, b))
	})
	var counts []Count
	for _, hash := range hashes[:min(len(hashes), mostFacet)] {
		t := tallies[hash]
		text, ok, err := x.facetText(f, hash, t, tree)
		if err != nil {
			return nil, err
		}
		if ok {
			counts = append(counts, Count{text, t.count})
		}
	}
	return most(counts), nil
}

// facetText is the text behind a hash.
func (x *Index) facetText(f field, hash uint64, t *tally, tree *ijson.Tree) (string, bool, error) {
	var candidates []string
	switch f {
	case fieldTLP:
		for l := stix.TLP(0); l <= stix.Red; l++ {
			candidates = append(candidates, l.String())
		}
	case fieldParty:
		e, _, err := t.view.Collection.Entry(t.position())
		if err != nil {
			return "", false, err
		}
		candidates = append(candidates, e.Party)
	default:
		text, ok, err := t.view.Collection.ObjectAt(t.position())
		if err != nil || !ok || tree.Parse(text, ijson.Limits{}) != nil {
			return "", false, err
		}
		root := tree.Root()
		candidates = append(candidates, tree.Str(tree.Member(root, facetNames[f])))
		if labels := tree.Member(root, "labels"); f == fieldLabel && tree.Kind(labels) == ijson.Array {
			for item := range tree.Items(labels) {
				candidates = append(candidates, tree.Str(item))
			}
		}
	}
	for _, text := range candidates {
		if x.secret.hash(f, text) == hash {
			return clip(text, longestName), true, nil
		}
	}
	return "", false, nil
}

// most sorts counts, the greatest first, and cuts them to a facet's length.
func most(counts []Count) []Count {
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return counts[:min(len(counts), mostFacet)]
}

// valueCounts says how many objects have each value of the query, in its order.
func valueCounts(views []*view, values []string) []Count {
	counts := make([]Count, len(values))
	for i, text := range values {
		counts[i].Value = text
		for _, v := range views {
			if of := v.values[i]; of != nil {
				counts[i].Count += of.GetCardinality()
			}
		}
	}
	return counts
}

// mostDays is up to how many days a histogram has a bar a day; beyond it has one a month.
const mostDays = 92

// histogram counts matches by the day or month on which they were added.
func histogram(r readable, views []*view) (unit string, counts []Count, err error) {
	days := make(map[int64]uint64)
	for _, v := range views {
		if v.state.number == 0 || v.match.IsEmpty() {
			continue
		}
		prefix := key(kindDay, v.state.number, 0)
		var today int64 = -1
		var before uint64 // matches in front of today
		err := scan(r, prefix, behind(prefix), func(k, b []byte) (bool, error) {
			if len(b) != 8 {
				return false, errState
			}
			first := binary.BigEndian.Uint64(b)
			rank := v.match.Rank(uint32(first) - 1)
			if today >= 0 && rank > before {
				days[today] += rank - before
			}
			today, before = int64(binary.BigEndian.Uint32(k[len(k)-4:])), rank
			return true, nil
		})
		if err != nil {
			return "", nil, err
		}
		if all := v.match.GetCardinality(); today >= 0 && all > before {
			days[today] += all - before
		}
	}
	unit, counts = bars(days)
	return unit, counts, nil
}

// bars turns counts by day since 1970 into the bars of a histogram, the oldest first.
func bars(days map[int64]uint64) (unit string, counts []Count) {
	if len(days) == 0 {
		return "day", nil
	}
	unit, form := "day", "2006-01-02"
	first, last := int64(1<<62), int64(0)
	for d := range days {
		first, last = min(first, d), max(last, d)
	}
	if last-first >= mostDays {
		unit, form = "month", "2006-01"
	}
	sums := make(map[string]uint64)
	for d, n := range days {
		sums[time.Unix(d*day, 0).UTC().Format(form)] += n
	}
	for name, n := range sums {
		counts = append(counts, Count{name, n})
	}
	slices.SortFunc(counts, func(a, b Count) int { return strings.Compare(a.Value, b.Value) })
	return unit, counts
}

package index

import (
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// tallies count the facets of the objects that a page shows. Where it shows all that was found, nothing else is read.
type tallies struct {
	of   map[field]map[string]uint64
	days map[int64]uint64
}

func newTallies() *tallies {
	t := &tallies{of: make(map[field]map[string]uint64), days: make(map[int64]uint64)}
	for f := range facetNames {
		t.of[f] = make(map[string]uint64)
	}
	return t
}

// add counts an object that was parsed. A label that it has twice counts once, as in the index.
func (t *tallies) add(v *view, e journal.Entry, tree *ijson.Tree) {
	root := tree.Root()
	t.count(fieldType, stix.FromTree(tree).Type)
	t.count(fieldProducer, tree.Str(tree.Member(root, "created_by_ref")))
	t.count(fieldTLP, levelName(stix.TLP(e.TLP)))
	if v.Parties {
		t.count(fieldParty, e.Party)
	}
	if labels := tree.Member(root, "labels"); tree.Kind(labels) == ijson.Array {
		seen := make(map[string]bool)
		for item := range tree.Items(labels) {
			if label := tree.Str(item); !seen[label] && len(seen) < mostCounted {
				seen[label] = true
				t.count(fieldLabel, label)
			}
		}
	}
	t.days[e.At.Unix()/day]++
}

func (t *tallies) count(f field, text string) {
	if _, known := t.of[f][text]; text != "" && (known || len(t.of[f]) < mostCounted) {
		t.of[f][text]++
	}
}

// facets are the counts, as Index.facets has them.
func (t *tallies) facets(views []*view, q Query) map[string][]Count {
	answer := make(map[string][]Count)
	for f, name := range facetNames {
		var counts []Count
		for text, n := range t.of[f] {
			counts = append(counts, Count{clip(text, longestName), n})
		}
		if len(counts) > 0 {
			answer[name] = most(counts)
		}
	}
	addOwnCounts(answer, views, q)
	if unit, times := bars(t.days); len(times) > 0 {
		answer[unit] = times
	}
	return answer
}

package follow_test

import (
	"fmt"
	"testing"

	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// stored are the versions in an agreement by id and version, and all that its journal ever added.
type stored struct {
	present map[string]journal.Entry
	texts   map[string]stix.Object
	all     []journal.Entry
}

func (x *exchange) stored(name string) stored {
	x.t.Helper()
	s := stored{present: map[string]journal.Entry{}, texts: map[string]stix.Object{}}
	col := x.col("source")
	if name == "target" {
		col = x.col("target")
	}
	var positions []journal.Position
	x.must(col.Entries(1, 1<<30, func(p journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Added {
			s.all = append(s.all, e)
			positions = append(positions, p)
		}
		return true
	}))
	for i, p := range positions {
		text, ok, err := col.ObjectAt(p)
		x.must(err)
		if ok {
			key := s.all[i].Object + " " + s.all[i].Version
			s.present[key], s.texts[key] = s.all[i], parse(x.t, string(text))
		}
	}
	return s
}

// The promises of a release, whatever happens while it runs: the target holds nothing that it must not hold, nothing in
// it refers to a missing object, and everything that may be released has been, unless the target removed it before.
func TestAReleaseThatRunsWhileTheSourceChangesKeepsItsPromises(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			x := random(t, t.TempDir())
			stop := x.running(follow.Config{BatchEntries: 1 + int(seed)*3})
			history(x, seed+100, 80)
			stop() // wherever it is
			x.settle()
			source, target := x.stored("source"), x.stored("target")
			over := map[string]stix.Instant{} // by object: its newest version above the ceiling
			for _, e := range source.all {
				in, err := stix.ParseInstant(e.Version)
				x.must(err)
				if stix.TLP(e.TLP) > stix.Green && over[e.Object].Compare(in) < 0 {
					over[e.Object] = in
				}
			}
			above := func(e journal.Entry) bool {
				in, err := stix.ParseInstant(e.Version)
				x.must(err)
				limit := over[e.Object]
				return !limit.IsZero() && in.Compare(limit) <= 0
			}
			ids := map[stix.ID]bool{}
			for key, e := range target.present {
				ids[stix.ID(e.Object)] = true
				if _, ok := source.present[key]; !ok {
					t.Errorf("%s is in the target, but not in the source", key)
				}
				if above(e) {
					t.Errorf("%s is in the target, but it or a later version is above the ceiling", key)
				}
			}
			lost := map[string]bool{}
			for _, e := range target.all {
				key := e.Object + " " + e.Version
				if _, ok := target.present[key]; !ok {
					lost[key] = true
				}
			}
			for key, e := range source.present {
				_, there := target.present[key]
				whole := true
				for _, name := range []string{"source_ref", "target_ref", "sighting_of_ref"} {
					o := source.texts[key]
					if i := o.Tree.Member(o.Tree.Root(), name); i >= 0 && !ids[stix.ID(o.Tree.Str(i))] {
						whole = false
					}
				}
				if there && !whole {
					t.Errorf("%s is in the target, but not what it refers to", key)
				}
				if typ := stix.ID(e.Object).Type(); !there && whole && !above(e) && !lost[key] && typ != "identity" {
					t.Errorf("%s may go and has not gone", key)
				}
			}
			if len(target.present) == 0 || len(lost) == 0 {
				t.Errorf("the target has %d versions and lost %d, want some of both", len(target.present), len(lost))
			}
		})
	}
}

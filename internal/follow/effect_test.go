package follow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// otherTerms are changes of a release, or of its target.
var otherTerms = []struct {
	name   string
	source func(*agreement.Agreement)
	target func(*agreement.Agreement)
}{
	{"a lower ceiling", func(a *agreement.Agreement) { a.Release[0].MaxTLP = stix.Clear }, nil},
	{"a higher ceiling", func(a *agreement.Agreement) { a.Release[0].MaxTLP = stix.Amber }, nil},
	{"fewer types", func(a *agreement.Agreement) { a.Release[0].Types = []string{"campaign"} }, nil},
	{"more types", func(a *agreement.Agreement) { a.Release[0].Types = nil }, nil},
	{"no release", func(a *agreement.Agreement) { a.Release = nil }, nil},
	{"a target that takes fewer types", nil, func(a *agreement.Agreement) { a.Accept.Types = []string{"malware", "relationship"} }},
	{"a target that takes less", nil, func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Clear }},
}

// What a dry run says is what happens.
func TestTheEffectOfOtherTermsIsWhatHappens(t *testing.T) {
	went, taken := false, false
	for seed := range uint64(2) {
		for _, other := range otherTerms {
			t.Run(fmt.Sprintf("seed %d, %s", seed, other.name), func(t *testing.T) {
				x := random(t, t.TempDir())
				history(x, seed, 40)
				x.settle()
				p := x.proposal(other.source, other.target)
				said, err := follow.EffectOf(context.Background(), x.store, p, 1<<20)
				must(t, err)
				if said.Sampled != 0 {
					t.Errorf("judged %d of %d, want all", said.Sampled, said.Of)
				}
				before := x.versions("target")
				if other.source != nil {
					x.terms("source", "change", other.source)
				}
				if other.target != nil {
					x.terms("target", "change", other.target)
				}
				x.settle()
				after := x.versions("target")
				came, left := lacking(before, after), lacking(after, before)
				if said.Withdrawn != uint64(len(left)) || said.Goes != uint64(len(came)) {
					t.Errorf("said %d go and %d are withdrawn, but %d went and %d were withdrawn", said.Goes, said.Withdrawn, len(came), len(left))
				}
				by := uint64(0)
				for _, r := range said.Reasons {
					by += r.Objects
				}
				if by != said.Withdrawn {
					t.Errorf("the reasons %v are of %d objects, want %d", said.Reasons, by, said.Withdrawn)
				}
				went, taken = went || len(came) > 0, taken || len(left) > 0
			})
		}
	}
	if !went || !taken {
		t.Error("want terms under which objects go, and some under which objects are withdrawn")
	}
}

// What is said to go further, from agreement to agreement, goes, whatever its names are on the way.
func TestWhatIsSaidToGoFurtherGoes(t *testing.T) {
	for name, first := range map[string]func(*agreement.Release){"as it is": func(*agreement.Release) {}, "without authors": nameless} {
		t.Run(name, func(t *testing.T) {
			x := open(t, t.TempDir())
			x.agreement("last", func(a *agreement.Agreement) { a.Accept.Types = []string{"campaign", "relationship", "malware"} })
			x.agreement("next", releaseTo("last", stix.Green))
			x.agreement("target", releaseTo("next", stix.Green, "campaign", "relationship", "sighting", "malware"))
			x.agreement("source", func(a *agreement.Agreement) {
				releaseTo("target", stix.Clear, "campaign", "relationship", "sighting", "malware")(a)
				first(&a.Release[0])
			})
			x.settle()
			history(x, 4, 60)
			x.settle()
			higher := func(a *agreement.Agreement) { a.Release[0].MaxTLP = stix.Green }
			names := []agreement.Name{"target", "next", "last"}
			said := map[agreement.Name]uint64{}
			before := map[agreement.Name]map[[2]string]bool{}
			effect, err := follow.EffectOf(t.Context(), x.store, x.proposal(higher, nil), 1<<20)
			must(t, err)
			said["target"] = effect.Goes
			for i, name := range names[1:] {
				from := x.col(names[i])
				p := follow.Proposal{Source: from, Target: x.col(name), Terms: x.col(name).Agreement(), Ruled: true}
				p.Rule, _ = from.Agreement().ReleaseTo(name)
				effect, err = follow.Further(t.Context(), x.store, effect, p)
				must(t, err)
				said[name] = effect.Goes
			}
			for _, name := range names {
				before[name] = x.versions(name)
			}
			x.terms("source", "change", higher)
			x.settle()
			for _, name := range names {
				came := lacking(before[name], x.versions(name))
				if len(came) == 0 || said[name] != uint64(len(came)) {
					t.Errorf("%s: said %d, came %d", name, said[name], len(came))
				}
			}
		})
	}
}

// Of a long journal a part is judged, and the numbers are near enough.
func TestTheEffectOnManyObjectsIsEstimated(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", stix.Green))
	x.agreement("target", nil)
	for part := range 10 {
		var texts []string
		for i := range 200 {
			name := fmt.Sprintf("n%d-%d", part, i)
			mark := []string{"clear", "green", "amber", "clear"}[i%4]
			texts = append(texts, object("campaign", name, 1, mark))
			if i%4 == 3 { // refers to a green one
				texts[len(texts)-1] = relationship(name, idOf("campaign", fmt.Sprintf("n%d-%d", part, i-2)), idOf("campaign", fmt.Sprintf("n%d-%d", part, i-3)), 1, "clear")
			}
		}
		x.add("source", texts...)
	}
	x.settle()
	for _, c := range []struct {
		name            string
		change          func(*agreement.Agreement)
		goes, withdrawn float64
	}{
		{"a lower ceiling", func(a *agreement.Agreement) { a.Release[0].MaxTLP = stix.Clear }, 0, 1000},
		{"a higher ceiling", func(a *agreement.Agreement) { a.Release[0].MaxTLP = stix.Amber }, 500, 0},
		{"no release", func(a *agreement.Agreement) { a.Release = nil }, 0, 1500},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, err := follow.EffectOf(context.Background(), x.store, x.proposal(c.change, nil), 1500)
			must(t, err)
			near := func(got uint64, want float64) bool { return float64(got) >= want*0.6 && float64(got) <= want*1.4 }
			if said.Sampled == 0 || said.Of == 0 || !near(said.Goes, c.goes) || !near(said.Withdrawn, c.withdrawn) {
				t.Errorf("got %d go and %d withdrawn, from %d of %d, want about %.0f and %.0f, estimated", said.Goes, said.Withdrawn, said.Sampled, said.Of, c.goes, c.withdrawn)
			}
		})
	}
}

// proposal is the release from source to target under other terms.
func (x *exchange) proposal(source, target func(*agreement.Agreement)) follow.Proposal {
	will, terms := x.col("source").Agreement().Clone(), x.col("target").Agreement().Clone()
	if source != nil {
		source(will)
	}
	if target != nil {
		target(terms)
	}
	p := follow.Proposal{Source: x.col("source"), Target: x.col("target"), Terms: terms.Canonical()}
	p.Rule, p.Ruled = will.Canonical().ReleaseTo("target")
	return p
}

// versions returns the versions in an agreement, each an id and a version.
func (x *exchange) versions(name agreement.Name) map[[2]string]bool {
	x.t.Helper()
	page, err := x.col(name).Page(store.Query{Versions: store.Versions{All: true}, Limit: 100_000}, nil)
	x.must(err)
	var list []struct{ ID, Modified string }
	x.must(json.Unmarshal([]byte("["+string(page.Body)+"]"), &list))
	there := make(map[[2]string]bool)
	for _, o := range list {
		there[[2]string{o.ID, o.Modified}] = true
	}
	return there
}

// lacking returns the objects of which some versions are in more and not in some.
func lacking(some, more map[[2]string]bool) map[string]bool {
	objects := make(map[string]bool)
	for v := range more {
		if !some[v] {
			objects[v[0]] = true
		}
	}
	return objects
}

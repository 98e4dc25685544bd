package follow_test

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// What was taken back because the terms changed goes again when they allow it again; what was taken back because of the object
// does not.
func TestWhatTermsTookBackReturns(t *testing.T) {
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	rule := func(change func(*agreement.Release)) step {
		return func(x *exchange) {
			x.terms("source", "change", func(ag *agreement.Agreement) { change(&ag.Release[0]) })
		}
	}
	ceiling := func(l stix.TLP) step { return rule(func(r *agreement.Release) { r.MaxTLP = l }) }
	types := func(list ...string) step { return rule(func(r *agreement.Release) { r.Types = list }) }
	accepts := func(l stix.TLP) step {
		return func(x *exchange) {
			x.terms("target", "change", func(ag *agreement.Agreement) { ag.Accept.MaxTLP = l })
		}
	}
	drop := func(x *exchange) {
		x.terms("source", "change", func(ag *agreement.Agreement) { ag.Release = nil })
	}
	again := func(x *exchange) { x.terms("source", "change", releaseTo("target", stix.Green)) }
	two := []string{object("campaign", "a", 1, "green"), object("campaign", "b", 1, "clear"), relationship("r", a, b, 1, "clear")}
	author := strings.Replace(object("identity", "author", 1, ""), string(idOf("identity", "author")), string(creator), 1)
	for _, row := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"a lower ceiling", []step{adds(two...), ceiling(stix.Clear), ceiling(stix.Green)}, "a@1 b@1 r@1"},
		{"a lower ceiling of the target", []step{adds(two...), accepts(stix.Clear), accepts(stix.Green)}, "a@1 b@1 r@1"},
		{"several changes in a row", []step{adds(two...), func(x *exchange) { ceiling(stix.Clear)(x); types("campaign")(x); ceiling(stix.Green)(x); types()(x) }}, "a@1 b@1 r@1"},
		{"other types", []step{adds(two...), types("malware"), types()}, "a@1 b@1 r@1"},
		{"an author that goes along", []step{adds(author, by(creator, object("campaign", "a", 1, "green"))), types("malware"), types("campaign")}, "a@1 author@1"},
		{"a release that is left out", []step{adds(two...), drop, again}, "a@1 b@1 r@1"},
		{"older versions", []step{adds(object("campaign", "a", 1, "clear"), object("campaign", "a", 2, "green")), ceiling(stix.Clear), ceiling(stix.Green)}, "a@1 a@2"},
		{"not what a new marking took back", []step{adds(two...), adds(object("campaign", "a", 2, "amber")), ceiling(stix.Clear), ceiling(stix.Amber)}, "a@2 b@1"},
		{"not what a deletion took back", []step{adds(two...), deletes(a, store.Versions{}), ceiling(stix.Clear), ceiling(stix.Green), adds(two[0])}, "b@1"},
		{"not what was marked anew before the change was seen", []step{adds(two...), func(x *exchange) {
			x.add("source", object("campaign", "a", 2, "amber"))
			x.terms("source", "change", func(ag *agreement.Agreement) { ag.Release[0].Types = []string{"campaign"} })
		}, ceiling(stix.Amber)}, "a@2 b@1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{0, 1} {
				x := open(t, t.TempDir())
				x.agreement("source", releaseTo("target", stix.Green))
				x.agreement("target", nil)
				m := x.manager(follow.Config{BatchEntries: size})
				for _, do := range row.steps {
					do(x)
					x.must(m.Settle(t.Context()))
				}
				if got := strings.Join(x.holds("target"), " "); got != row.want {
					t.Errorf("batches of %d: got %q, want %q\n%s", size, got, row.want, strings.Join(x.withdrawals("target"), "\n"))
				}
			}
		})
	}
}

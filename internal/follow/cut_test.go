package follow_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// refs returns the names of the objects that the newest version of a report in an agreement lists, as names maps them.
func (x *exchange) refs(name agreement.Name, id stix.ID, names map[stix.ID]string) string {
	x.t.Helper()
	got := "-"
	x.must(x.col(name).Snapshot(func(l *store.Snapshot) error {
		vs, err := l.Versions(id)
		if err != nil || len(vs) == 0 {
			return err
		}
		v := vs[len(vs)-1]
		text, err := l.Text(v.Position, v.Entry)
		if err != nil {
			return err
		}
		o := parse(x.t, string(text))
		var list []string
		for item := range o.Tree.Items(o.Tree.Member(o.Tree.Root(), "object_refs")) {
			list = append(list, names[stix.ID(o.Tree.Str(item))])
		}
		got = strings.Join(list, " ")
		return nil
	}))
	return got
}

func TestWhatMayNotGoIsCutFromWhatRefersToIt(t *testing.T) {
	a, b, c := idOf("campaign", "a"), idOf("campaign", "b"), idOf("campaign", "c")
	names := map[stix.ID]string{a: "a", b: "b", c: "c"}
	r := idOf("report", "r")
	marked := func(selector string) string {
		return strings.Replace(report("r", 1, "green", a, b), "{", fmt.Sprintf(`{"granular_markings":[{"selectors":[%q],"marking_ref":%q}],`, selector, stix.TLP2Green), 1)
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  string // references of the report in the target; "-": it is not there
		holds string
	}{
		{"a report goes without what is above the ceiling", []step{adds(object("campaign", "a", 1, "green"), object("campaign", "b", 1, "amber"), report("r", 1, "green", a, b))}, "a", "a@1 r@1"},
		{"the order makes no difference", []step{adds(report("r", 1, "green", a, b)), adds(object("campaign", "b", 1, "amber")), adds(object("campaign", "a", 1, "green"))}, "a", "a@1 r@1"},
		{"a report without anything left stays", []step{adds(object("campaign", "b", 1, "amber"), report("r", 1, "green", b))}, "-", ""},
		{"a relationship without an end stays", []step{adds(object("campaign", "a", 1, "green"), object("campaign", "b", 1, "amber"), relationship("r", a, b, 1, "green"))}, "-", "a@1"},
		{"what may go later is put back", []step{adds(object("campaign", "a", 1, "green"), object("campaign", "b", 1, "amber"), report("r", 1, "green", a, b)), adds(object("campaign", "b", 2, "green"))}, "a b", "a@1 b@2 r@1"},
		{"what is taken back is cut", []step{adds(object("campaign", "a", 1, "green"), object("campaign", "b", 1, "green"), report("r", 1, "green", a, b)), adds(object("campaign", "b", 2, "amber"))}, "a", "a@1 r@1"},
		{"what is deleted is cut", []step{adds(object("campaign", "a", 1, "green"), object("campaign", "b", 1, "green"), report("r", 1, "green", a, b)), deletes(b, store.Versions{})}, "a", "a@1 r@1"},
		{"a report of which nothing is left is taken back", []step{adds(object("campaign", "a", 1, "green"), report("r", 1, "green", a)), deletes(a, store.Versions{})}, "-", ""},
		{"a marking on the whole list stays on what is left", []step{adds(object("campaign", "b", 1, "green"), object("campaign", "a", 1, "amber"), marked("object_refs"))}, "b", "b@1 r@1"},
		{"a marking on one reference keeps the report back", []step{adds(object("campaign", "b", 1, "green"), object("campaign", "a", 1, "amber"), marked("object_refs.[1]"))}, "-", "b@1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{0, 1} {
				x := open(t, t.TempDir())
				x.agreement("source", func(a *agreement.Agreement) {
					a.Release = []agreement.Release{{To: "target", MaxTLP: stix.Green, References: agreement.ReferencesCut}}
				})
				x.agreement("target", nil)
				m := x.manager(follow.Config{BatchEntries: size})
				for _, do := range row.steps {
					do(x)
					x.must(m.Settle(t.Context()))
				}
				if got := x.refs("target", r, names); got != row.want {
					t.Errorf("batches of %d: the report has %q, want %q", size, got, row.want)
				}
				if got := strings.Join(x.holds("target"), " "); got != row.holds {
					t.Errorf("batches of %d: got %q, want %q", size, got, row.holds)
				}
			}
		})
	}
}

// The rest of a changed object is as it came, and its entry names the original without giving away its digest.
func TestACutCopyNamesItsOriginal(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", func(a *agreement.Agreement) {
		a.Release = []agreement.Release{{To: "target", MaxTLP: stix.Green, References: agreement.ReferencesCut}}
	})
	x.agreement("target", nil)
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	text := strings.Replace(report("r", 1, "green", a, b), "{", `{"x_score":1.50,"x_ref":"`+string(b)+`","x_list":[{"y_refs":["`+string(b)+`"],"z":[]}],`, 1)
	x.addAny("source", object("campaign", "a", 1, "green"), object("campaign", "b", 1, "amber"), text)
	x.settle()
	col := x.col("target")
	var added journal.Entry
	var position journal.Position
	x.must(col.Entries(1, 1<<30, func(p journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Added && e.Object == string(idOf("report", "r")) {
			added, position = e, p
		}
		return true
	}))
	got, ok, err := col.ObjectAt(position)
	x.must(err)
	want := strings.Replace(report("r", 1, "green", a), "{", `{"x_score":1.50,"x_list":[{"z":[]}],`, 1)
	if !ok || string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	original, _, err := x.col("source").Entry(added.Source.Position)
	x.must(err)
	if added.Before == (journal.Digest{}) || added.Before == original.Digest || added.Digest == original.Digest {
		t.Errorf("the entry has the digest %x and names the original by %x; that has %x", added.Digest, added.Before, original.Digest)
	}
	ds, err := follow.Preview(t.Context(), x.store, "source", "target", idOf("report", "r"))
	x.must(err)
	if len(ds) != 1 || ds[0].Verdict != follow.There || len(ds[0].Reasons) != 1 || !strings.Contains(ds[0].Reasons[0], string(b)) {
		t.Errorf("the preview says %+v", ds)
	}
}

// What a release cuts follows its terms: changed terms take the copies back or bring them.
func TestTermsDecideWhatIsCut(t *testing.T) {
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	names := map[stix.ID]string{a: "a", b: "b"}
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", stix.Green))
	x.agreement("target", nil)
	x.add("source", object("campaign", "a", 1, "green"), object("campaign", "b", 1, "amber"), report("r", 1, "green", a, b))
	for i, row := range []struct {
		references string
		most       stix.TLP
		want       string
	}{
		{agreement.ReferencesWith, stix.Green, "-"}, {agreement.ReferencesCut, stix.Green, "a"}, {agreement.ReferencesWith, stix.Green, "-"},
		{agreement.ReferencesWith, stix.Amber, "a b"}, {agreement.ReferencesCut, stix.Green, "a"}, {agreement.ReferencesCut, stix.Amber, "a b"},
	} {
		x.terms("source", "change", func(ag *agreement.Agreement) {
			ag.Release[0].References, ag.Release[0].MaxTLP = row.references, row.most
		})
		x.settle()
		if got := x.refs("target", idOf("report", "r"), names); got != row.want {
			t.Errorf("step %d, %s up to %s: the report has %q, want %q", i+1, row.references, row.most, got, row.want)
		}
	}
}

// A model of a release that cuts: in the end each report in the target lists exactly those of its objects that the target has,
// whatever came in which order, and whatever the batches were.
func TestRandomCutsAgreeWithTheModel(t *testing.T) {
	for seed := range seeds(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			x := open(t, t.TempDir())
			x.agreement("source", func(a *agreement.Agreement) {
				a.Release = []agreement.Release{{To: "target", MaxTLP: stix.Green, References: agreement.ReferencesCut}}
			})
			x.agreement("target", nil)
			r := rand.New(rand.NewPCG(seed, 9))
			ids, names := []stix.ID{}, map[stix.ID]string{}
			for i := range 8 {
				id := idOf("campaign", fmt.Sprint("n", i))
				ids, names[id] = append(ids, id), fmt.Sprint("n", i)
			}
			refs := map[string][]stix.ID{} // by id and version of a report
			m := x.manager(follow.Config{BatchEntries: 1 + r.IntN(9)})
			for step := range 60 {
				n, day := r.IntN(len(ids)), 1+step%28
				switch r.IntN(5) {
				case 0, 1:
					x.addAny("source", object("campaign", names[ids[n]], day, []string{"green", "green", "amber"}[r.IntN(3)]))
				case 2:
					x.remove("source", ids[n], []store.Versions{{}, {Last: true}}[r.IntN(2)])
				default:
					var some []stix.ID
					for _, id := range ids {
						if r.IntN(2) == 0 {
							some = append(some, id)
						}
					}
					if len(some) > 0 {
						name := fmt.Sprint("r", r.IntN(3))
						text := report(name, day, "green", some...)
						x.addAny("source", text)
						key := string(idOf("report", name)) + " " + parse(t, text).Version
						if _, there := refs[key]; !there {
							refs[key] = some
						}
					}
				}
				if r.IntN(3) == 0 {
					x.must(m.Settle(t.Context()))
				}
			}
			x.settle()
			target := x.stored("target")
			there := map[stix.ID]bool{}
			for _, e := range target.present {
				there[stix.ID(e.Object)] = true
			}
			reports := 0
			for key, o := range target.texts {
				if o.Type != "report" {
					continue
				}
				reports++
				var got, want []stix.ID
				for item := range o.Tree.Items(o.Tree.Member(o.Tree.Root(), "object_refs")) {
					got = append(got, stix.ID(o.Tree.Str(item)))
				}
				for _, id := range refs[key] {
					if there[id] {
						want = append(want, id)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s lists %d objects, want %d of %d\n%q\n%q", key, len(got), len(want), len(refs[key]), got, want)
				}
			}
			// What may go has gone, unless it was taken back when nothing was left of it.
			taken := map[string]bool{}
			x.must(x.col("target").Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
				if e.Kind == journal.Withdrawn {
					taken[e.Object+" "+e.Version] = true
				}
				return true
			}))
			for key := range x.stored("source").present {
				some, isReport := refs[key]
				if !isReport || taken[key] {
					continue
				}
				if _, ok := target.present[key]; !ok && slices.ContainsFunc(some, func(id stix.ID) bool { return there[id] }) {
					t.Errorf("%s has something left and has not gone", key)
				}
			}
			if reports == 0 {
				t.Error("no report went")
			}
		})
	}
}

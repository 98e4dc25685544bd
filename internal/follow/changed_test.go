package follow_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// with puts members in front of those of an object.
func with(members, text string) string { return strings.Replace(text, "{", "{"+members+",", 1) }

// texts returns what an agreement has, by the name of the object and the day of its version.
func (x *exchange) texts(name agreement.Name) map[string]string {
	x.t.Helper()
	texts := map[string]string{}
	x.must(x.col(name).Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			text, err := l.Text(v.Position, v.Entry)
			x.must(err)
			o := parse(x.t, string(text))
			key := o.Tree.Str(o.Tree.Member(o.Tree.Root(), "name"))
			if key == "" {
				key = string(v.ID)
			}
			if !v.Unversioned {
				key += fmt.Sprintf("@%d", v.Instant.Time().Day())
			}
			texts[key] = string(text)
			return true
		})
	}))
	return texts
}

func TestConditionsOfARelease(t *testing.T) {
	c := idOf("campaign", "a")
	where := func(w agreement.Where) agreement.Release { return agreement.Release{Where: &w} }
	sure := where(agreement.Where{Confidence: &agreement.Confidence{Min: 60}})
	labelled := where(agreement.Where{Labels: []string{"apt", "crime"}})
	valid := where(agreement.Where{Valid: true})
	for _, row := range []releaseCase{
		{name: "confidence", rule: sure, steps: []step{adds(with(`"confidence":60`, object("campaign", "a", 1, "")), with(`"confidence":59`, object("campaign", "b", 1, "")), object("campaign", "c", 1, ""))}, want: "a@1"},
		{name: "any of the labels", rule: labelled, steps: []step{adds(with(`"labels":["x","apt"]`, object("campaign", "a", 1, "")), with(`"labels":["x"]`, object("campaign", "b", 1, "")), object("campaign", "c", 1, ""))}, want: "a@1"},
		{name: "an object that was revoked is taken back", rule: valid, steps: []step{adds(object("campaign", "a", 1, "")), adds(with(`"revoked":true`, object("campaign", "a", 2, "")))}, taken: 1},
		{name: "what expired before it was added does not go", rule: valid, steps: []step{adds(expiring("i", 1, "01-02"), object("campaign", "a", 1, ""))}, want: "a@1"},
		{name: "a later version that is less sure takes the object back", rule: sure,
			steps: []step{adds(with(`"confidence":60`, object("campaign", "a", 1, ""))), adds(with(`"confidence":10`, object("campaign", "a", 2, "")))}, taken: 1},
		{name: "one that is surer brings it again", rule: sure,
			steps: []step{adds(with(`"confidence":10`, object("campaign", "a", 1, "")), with(`"confidence":70`, object("campaign", "a", 2, "")))}, want: "a@2"},
		{name: "what speaks of it stays", rule: sure, steps: []step{adds(object("campaign", "a", 1, ""), with(`"confidence":90`, relationship("r", c, c, 1, "")))}},
		{name: "an author goes along", rule: sure, steps: []step{adds(strings.Replace(object("identity", "author", 1, ""), string(idOf("identity", "author")), string(creator), 1),
			by(creator, with(`"confidence":90`, object("campaign", "a", 1, ""))))}, want: "a@1 author@1"},
	} {
		row.run(t)
	}
}

func TestChangesOnTheWay(t *testing.T) {
	change := func(raise stix.TLP, remove ...string) agreement.Release {
		ch := &agreement.Change{Author: agreement.AuthorKeep, Remove: remove}
		if raise != 0 {
			ch.Markings = &agreement.Raise{To: raise}
		}
		return agreement.Release{MaxTLP: stix.Green, Change: ch}
	}
	a := object("campaign", "a", 1, "green")
	references := `"external_references":[{"source_name":"x","url":"https://example.org/1"},{"source_name":"y"}]`
	for _, row := range []struct {
		name string
		rule agreement.Release
		text string
		want string // of a@1; "": it stays
	}{
		{"a property", change(0, "x_internal"), with(`"x_internal":{"case":1},"x_score":1.50`, a), with(`"x_score":1.50`, a)},
		{"a property whose name is escaped", change(0, "x_internal"), with(`"x_int\u0065rnal":1`, a), a},
		{"a list", change(0, "/external_references"), with(references, a), a},
		{"a part of each", change(0, "/external_references/0/url"), with(references, a), with(`"external_references":[{"source_name":"x"},{"source_name":"y"}]`, a)},
		{"an item", change(0, "/external_references/1"), with(references, a), with(`"external_references":[{"source_name":"x","url":"https://example.org/1"}]`, a)},
		{"what is empty then", change(0, "/x_a/b"), with(`"x_a":{"b":1}`, a), a},
		{"a name with a slash", change(0, "/x_a/b~1c"), with(`"x_a":{"b/c":1,"d":2}`, a), with(`"x_a":{"d":2}`, a)},
		{"nothing", change(0, "x_internal"), a, a},
		{"a property that the object needs", change(0, "name"), a, ""},
		{"a property with a marking of its own", change(0, "description"), with(fmt.Sprintf(`"description":"d","granular_markings":[{"selectors":["description"],"marking_ref":%q}]`, stix.TLP2Green), a), ""},
		{"a higher marking", change(stix.Amber), a, object("campaign", "a", 1, "amber")},
		{"not a lower one", agreement.Release{Change: &agreement.Change{Author: agreement.AuthorKeep, Markings: &agreement.Raise{To: stix.Green}}}, object("campaign", "a", 1, "amber"), object("campaign", "a", 1, "amber")},
		{"a marking of an unmarked object", change(stix.Green), object("campaign", "a", 1, ""),
			strings.Replace(object("campaign", "a", 1, "green"), `"object_marking_refs":["`+string(stix.TLP2Green)+`"],`, "", 1)[:len(object("campaign", "a", 1, ""))-1] +
				`,"object_marking_refs":["` + string(stix.TLP2Green) + `"]}`},
		{"markings of parts", change(stix.Amber), with(fmt.Sprintf(`"description":"d","granular_markings":[{"selectors":["description"],"marking_ref":%q}]`, stix.TLP2Green), a), with(`"description":"d"`, object("campaign", "a", 1, "amber"))},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{0, 1} {
				x := open(t, t.TempDir())
				row.rule.To = "target"
				x.agreement("source", func(a *agreement.Agreement) { a.Release = []agreement.Release{row.rule} })
				x.agreement("target", nil)
				x.addAny("source", row.text)
				for range 10 { // enough that copies are kept for other targets
					x.addAny("source", object("malware", fmt.Sprint("m", len(x.holds("source"))), 1, "amber"))
				}
				x.must(x.manager(follow.Config{BatchEntries: size}).Settle(t.Context()))
				if got := x.texts("target")["a@1"]; got != row.want {
					t.Errorf("batches of %d: got  %s\nwant %s", size, got, row.want)
				}
				if _, reasons := x.verdicts(); row.want == "" && !strings.Contains(strings.Join(reasons, " "), "release.change") {
					t.Errorf("the preview says %q", reasons)
				}
			}
		})
	}
}

// The ceiling of the target judges what arrives, and a changed rule replaces the copies.
func TestCopiesFollowTheRuleThatChangesThem(t *testing.T) {
	x := open(t, t.TempDir())
	rule := agreement.Release{To: "target", Change: &agreement.Change{Author: agreement.AuthorKeep, Remove: []string{"x_a"}}}
	x.agreement("source", func(a *agreement.Agreement) { a.Release = []agreement.Release{rule} })
	x.agreement("target", nil)
	a := object("campaign", "a", 1, "green")
	both := with(`"x_a":1,"x_b":2`, a)
	x.addAny("source", both)
	address := `{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3","x_a":1}`
	x.addAny("source", address)
	want := func(when, want string, addresses int) {
		t.Helper()
		x.settle()
		texts := x.texts("target")
		if got := texts["a@1"]; got != want {
			t.Errorf("%s: got  %s\nwant %s", when, got, want)
		}
		n := 0
		for key := range texts {
			if strings.HasPrefix(key, "ipv4-addr") {
				n++
			}
		}
		if n != addresses {
			t.Errorf("%s: got %d addresses, want %d", when, n, addresses)
		}
	}
	set := func(change func(r *agreement.Release)) {
		x.terms("source", "change", func(ag *agreement.Agreement) { change(&ag.Release[0]) })
	}
	want("x_a is removed", with(`"x_b":2`, a), 1)
	set(func(r *agreement.Release) { r.Change.Remove = []string{"x_b"} })
	want("x_b is removed", with(`"x_a":1`, a), 1)
	set(func(r *agreement.Release) { r.Change = nil })
	want("nothing is", both, 1)
	set(func(r *agreement.Release) {
		r.Change = &agreement.Change{Author: agreement.AuthorKeep, Markings: &agreement.Raise{To: stix.Amber}}
	})
	x.terms("target", "change", func(ag *agreement.Agreement) { ag.Accept.MaxTLP = stix.Green })
	want("the copy is above the ceiling of the target", "", 0)
	x.terms("target", "change", func(ag *agreement.Agreement) { ag.Accept.MaxTLP = stix.Amber })
	want("it is not", with(`"x_a":1,"x_b":2`, object("campaign", "a", 1, "amber")), 1)
	x.remove("source", "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd", store.Versions{})
	x.remove("source", idOf("campaign", "a"), store.Versions{})
	want("deleted", "", 0)
}

// A model of changed copies: in the end each version in the target is the original without what the rule removes, and has not been
// seen otherwise since the rule was changed.
func TestRandomChangesAgreeWithTheModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 21))
			x := open(t, t.TempDir())
			x.agreement("source", func(a *agreement.Agreement) {
				a.Release = []agreement.Release{{To: "target", MaxTLP: stix.Green, References: agreement.ReferencesCut}}
			})
			x.agreement("target", nil)
			removes := ""
			for range 40 {
				name, day := fmt.Sprint("n", r.IntN(6)), 1+r.IntN(4)
				switch r.IntN(6) {
				case 0:
					removes = []string{"", "x_a", "x_b"}[r.IntN(3)]
					x.terms("source", "change", func(a *agreement.Agreement) {
						if a.Release[0].Change = nil; removes != "" {
							a.Release[0].Change = &agreement.Change{Author: agreement.AuthorKeep, Remove: []string{removes}}
						}
					})
				case 1:
					x.remove("source", idOf("campaign", name), store.Versions{Last: true})
				case 2:
					x.addAny("source", with(`"x_a":1,"x_b":2`, report(name, day, "green", idOf("campaign", name), idOf("campaign", "n0"))))
				default:
					x.addAny("source", with(`"x_a":1,"x_b":2`, object("campaign", name, day, []string{"green", "green", "amber"}[r.IntN(3)])))
				}
				if r.IntN(2) == 0 {
					x.must(x.manager(follow.Config{BatchEntries: 1 + r.IntN(5)}).Settle(t.Context()))
				}
			}
			x.settle()
			target := x.texts("target")
			for key, text := range target {
				for _, name := range []string{"x_a", "x_b"} {
					if has := strings.Contains(text, name); has == (name == removes) {
						t.Errorf("%s: has %s is %t, and the rule removes %q: %s", key, name, has, removes, text)
					}
				}
			}
			x.must(x.col("target").Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
				if e.Kind == journal.Added && (e.Before != journal.Digest{}) == (e.Digest == originalOf(x, e)) {
					t.Errorf("%s %s: names an original: %t", e.Object, e.Version, e.Before != journal.Digest{})
				}
				return true
			}))
			if len(target) == 0 {
				t.Error("nothing went")
			}
		})
	}
}

func originalOf(x *exchange, e journal.Entry) journal.Digest {
	original, _, err := x.col("source").Entry(e.Source.Position)
	x.must(err)
	return original.Digest
}

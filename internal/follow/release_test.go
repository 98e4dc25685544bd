package follow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// step is something that happens in the source, after which every release is brought up to date.
type step func(*exchange)

func adds(texts ...string) step { return func(x *exchange) { x.add("source", texts...) } }

func deletes(id stix.ID, v store.Versions) step {
	return func(x *exchange) { x.remove("source", id, v) }
}

func at(text string) store.Versions {
	in, err := stix.ParseInstant(text)
	if err != nil {
		panic(err)
	}
	return store.Versions{Exact: []stix.Instant{in}}
}

// releaseCase is a release from source to target: what happens, and what is in the target at the end.
type releaseCase struct {
	name  string
	rule  agreement.Release
	terms func(*agreement.Agreement) // of the source
	to    func(*agreement.Agreement) // of the target
	steps []step
	want  string
	taken int // withdrawals
}

// run runs the case with batches of the usual size, and of one entry.
func (c releaseCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		for name, config := range map[string]follow.Config{"": {}, ", an entry at a time": {BatchEntries: 1}} {
			x := open(t, t.TempDir())
			c.rule.To = "target"
			x.agreement("source", func(a *agreement.Agreement) {
				a.Release = []agreement.Release{c.rule}
				if c.terms != nil {
					c.terms(a)
				}
			})
			x.agreement("target", c.to)
			m := x.manager(config)
			for _, do := range c.steps {
				do(x)
				x.must(m.Settle(t.Context()))
			}
			if got := strings.Join(x.holds("target"), " "); got != c.want {
				t.Errorf("got %q, want %q%s", got, c.want, name)
			}
			if got := x.withdrawals("target"); len(got) != c.taken {
				t.Errorf("got %d withdrawals, want %d%s:\n%s", len(got), c.taken, name, strings.Join(got, "\n"))
			}
		}
	})
}

func TestRelease(t *testing.T) {
	a, b, c := idOf("campaign", "a"), idOf("campaign", "b"), idOf("campaign", "c")
	custom := "marking-definition--22222222-2222-4222-8222-222222222222"
	statement := write(map[string]any{"type": "marking-definition", "id": custom, "name": "statement",
		"definition_type": "statement", "definition": map[string]any{"statement": "s"}}, 1, "")
	statement = strings.Replace(statement, `"modified":"2026-01-01T00:00:00.000Z",`, "", 1)
	green := `{"type":"marking-definition","spec_version":"2.1","id":"` + string(stix.TLP2Green) + `","created":"2022-10-01T00:00:00.000Z","name":"TLP:GREEN","extensions":{"` +
		string(stix.TLP2Extension) + `":{"extension_type":"property-extension","tlp_2_0":"green"}}}`
	author := strings.Replace(object("identity", "author", 1, ""), string(idOf("identity", "author")), string(creator), 1)

	for _, row := range []releaseCase{
		{name: "what is at the ceiling goes, what is above it stays", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(object("campaign", "a", 1, "clear"), object("campaign", "b", 1, "green"), object("campaign", "c", 1, "amber"))},
			want:  "a@1 b@1"},
		{name: "unmarked objects count as the source says", rule: agreement.Release{MaxTLP: stix.Green},
			terms: func(a *agreement.Agreement) { a.Accept.DefaultTLP = stix.Amber },
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "b", 1, "green"))}, want: "b@1"},
		{name: "unmarked objects stay where the source says nothing", rule: agreement.Release{MaxTLP: stix.Green},
			terms: func(a *agreement.Agreement) { a.Accept.DefaultTLP = 0 },
			steps: []step{adds(object("campaign", "a", 1, ""))}},
		{name: "a marking that the rule does not carry counts as red", rule: agreement.Release{MaxTLP: stix.AmberStrict, Markings: &agreement.Markings{}},
			steps: []step{adds(statement, object("campaign", "a", 1, custom))}, want: "statement"},
		{name: "a marking that is no level goes with its definition where there is no ceiling", rule: agreement.Release{Types: []string{"campaign"}},
			steps: []step{adds(object("campaign", "a", 1, custom)), adds(statement)}, want: "a@1 statement"},
		{name: "types that the rule does not name stay", rule: agreement.Release{Types: []string{"campaign"}},
			steps: []step{adds(object("campaign", "a", 1, ""), object("malware", "m", 1, ""))}, want: "a@1"},
		{name: "the target's own terms hold", rule: agreement.Release{},
			to:    func(a *agreement.Agreement) { a.Accept.MaxTLP, a.Accept.Types = stix.Green, []string{"campaign"} },
			steps: []step{adds(object("campaign", "a", 1, "amber"), object("campaign", "b", 1, "green"), object("malware", "m", 1, "green"))}, want: "b@1"},
		{name: "the target's ceiling holds for what counts as marked at the source",
			to:    func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Green },
			terms: func(a *agreement.Agreement) { a.Accept.DefaultTLP = stix.Amber },
			steps: []step{adds(object("campaign", "a", 1, ""))}},
		{name: "the producer of what is released is who added it first", rule: agreement.Release{},
			to:    func(a *agreement.Agreement) { a.Accept.CreatedBy = agreement.CreatedByParty },
			steps: []step{adds(by(creator, object("campaign", "a", 1, "")), object("campaign", "b", 1, ""))}, want: "a@1"},
		{name: "a marking definition goes although unmarked objects count as amber", rule: agreement.Release{MaxTLP: stix.Green, Types: []string{"campaign"}},
			terms: func(a *agreement.Agreement) { a.Accept.DefaultTLP = stix.Amber },
			steps: []step{adds(green, object("campaign", "a", 1, "green"))}, want: "TLP:GREEN a@1"},
		{name: "the creator goes along, whatever the types", rule: agreement.Release{Types: []string{"campaign"}},
			steps: []step{adds(author, by(creator, object("campaign", "a", 1, "")))}, want: "a@1 author@1"},
		{name: "the creator follows when it comes later, and so do its later versions", rule: agreement.Release{Types: []string{"campaign"}},
			steps: []step{adds(by(creator, object("campaign", "a", 1, ""))), adds(author), adds(strings.Replace(author, "2026-01-01T00:00:00.000Z\",\"name", "2026-01-02T00:00:00.000Z\",\"name", 1))},
			want:  "a@1 author@1 author@2"},
		{name: "a creator's earlier versions go along as well", rule: agreement.Release{Types: []string{"campaign"}},
			steps: []step{adds(author, strings.Replace(author, "2026-01-01T00:00:00.000Z\",\"name", "2026-01-02T00:00:00.000Z\",\"name", 1), by(creator, object("campaign", "a", 1, "")))},
			want:  "a@1 author@1 author@2"},
		{name: "a creator above the ceiling stays", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(strings.Replace(object("identity", "author", 1, "red"), string(idOf("identity", "author")), string(creator), 1), by(creator, object("campaign", "a", 1, "")))},
			want:  "a@1"},
		{name: "a relationship waits for both its ends", rule: agreement.Release{},
			steps: []step{adds(relationship("r", a, b, 1, "")), adds(object("campaign", "a", 1, "")), adds(object("campaign", "b", 1, ""))},
			want:  "a@1 b@1 r@1"},
		{name: "a relationship to what stays never goes", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "b", 1, "red"), relationship("r", a, b, 1, ""))}, want: "a@1"},
		{name: "a sighting waits for what was seen", rule: agreement.Release{},
			steps: []step{adds(sighting("s", a, 1, ""), sighting("u", b, 1, ""), object("campaign", "a", 1, ""))},
			want:  "a@1 s@1"},
		{name: "a later version above the ceiling takes every version back, and what refers to it", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "a", 2, "green"), object("campaign", "b", 1, ""), relationship("r", a, b, 1, "")),
				adds(object("campaign", "a", 3, "amber"))},
			want: "b@1", taken: 3},
		{name: "an older version that comes late to a blocked object stays", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(object("campaign", "a", 3, "red")), adds(object("campaign", "a", 1, ""))}},
		{name: "a version newer than the blocked one goes, the older ones stay away", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(object("campaign", "a", 1, "")), adds(object("campaign", "a", 2, "red")), adds(object("campaign", "a", 3, "green"))},
			want:  "a@3", taken: 1},
		{name: "an old version above the ceiling that comes late leaves newer ones alone", rule: agreement.Release{MaxTLP: stix.Green},
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "a", 3, "")), adds(object("campaign", "a", 2, "red"))},
			want:  "a@3", taken: 1},
		{name: "a version deleted at the source is withdrawn", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "a", 2, "")), deletes(a, at("2026-01-01T00:00:00Z"))},
			want:  "a@2", taken: 1},
		{name: "an object deleted at the source is gone, and so is what refers to it", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "a", 2, ""), object("campaign", "b", 1, ""), relationship("r", a, b, 1, ""), sighting("s", a, 1, "")),
				deletes(a, store.Versions{})},
			want: "b@1", taken: 4},
		{name: "what was deleted at the source and added again by an account does not come back", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, "")), deletes(a, store.Versions{}), adds(object("campaign", "a", 1, ""))}, taken: 1},
		{name: "an observable without versions is withdrawn with its own content", rule: agreement.Release{},
			steps: []step{adds(`{"type":"url","spec_version":"2.1","id":"url--c1477287-23ac-5971-a010-5c287877fa60","value":"https://example.com/"}`),
				deletes("url--c1477287-23ac-5971-a010-5c287877fa60", store.Versions{})}, taken: 1},
		{name: "a rule that is narrowed takes back what it no longer allows", rule: agreement.Release{},
			steps: []step{adds(author, by(creator, object("campaign", "a", 1, "")), object("campaign", "b", 1, "amber"), object("malware", "m", 1, ""), relationship("r", a, b, 1, "")),
				func(x *exchange) {
					x.terms("source", "change", func(a *agreement.Agreement) {
						a.Release[0].MaxTLP, a.Release[0].Types = stix.Green, []string{"campaign", "relationship"}
					})
				}},
			want: "a@1 author@1", taken: 3},
		{name: "a rule that is widened lets go what may go now", rule: agreement.Release{MaxTLP: stix.Green, Types: []string{"campaign"}},
			steps: []step{adds(object("campaign", "a", 1, "amber"), object("malware", "m", 1, "")),
				func(x *exchange) {
					x.terms("source", "change", func(a *agreement.Agreement) { a.Release[0].MaxTLP, a.Release[0].Types = 0, nil })
				}},
			want: "a@1 m@1"},
		{name: "a target that narrows its terms loses what they exclude", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, "amber"), object("campaign", "b", 1, "green")),
				func(x *exchange) {
					x.terms("target", "change", func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Green })
				}},
			want: "b@1", taken: 1},
		{name: "an end with withdraw takes everything back", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, ""), object("campaign", "b", 1, ""), relationship("r", a, c, 1, "")),
				func(x *exchange) {
					x.terms("source", "terminate", func(a *agreement.Agreement) {
						a.Terminated = &agreement.Mark{At: x.now, Withdraw: true, Reason: "over"}
					})
				}},
			taken: 2},
		{name: "an end without withdraw leaves everything", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, "")),
				func(x *exchange) {
					x.terms("source", "terminate", func(a *agreement.Agreement) { a.Terminated = &agreement.Mark{At: x.now} })
				}},
			want: "a@1"},
		{name: "a rule that is dropped takes everything back", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, "")), func(x *exchange) {
				x.terms("source", "change", func(a *agreement.Agreement) { a.Release = nil })
			}},
			taken: 1},
		{name: "a suspended source releases nothing and takes nothing back", rule: agreement.Release{},
			steps: []step{adds(object("campaign", "a", 1, "")),
				func(x *exchange) {
					x.terms("source", "suspend", func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{At: x.now} })
				},
				func(x *exchange) { // as retention does, which goes on
					_, err := x.col("source").Append(x.t.Context(), store.Batch{Changes: []store.Change{{Remove: &store.Removal{ID: a, Reason: "r"}}}})
					x.must(err)
				}},
			want: "a@1"},
		{name: "a suspended target receives nothing until it is resumed", rule: agreement.Release{},
			steps: []step{func(x *exchange) {
				x.terms("target", "suspend", func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{At: x.now} })
			},
				adds(object("campaign", "a", 1, "")),
				func(x *exchange) { x.want("target") },
				func(x *exchange) {
					x.terms("target", "resume", func(a *agreement.Agreement) { a.Suspended = nil })
				}},
			want: "a@1"},
	} {
		row.run(t)
	}
}

func TestAChainCarriesReleaseAndWithdrawalOn(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("one", releaseTo("two", stix.Amber))
	x.agreement("two", releaseTo("three", stix.Green))
	x.agreement("three", nil)
	x.add("one", object("campaign", "a", 1, "green"), object("campaign", "b", 1, "amber"))
	x.settle()
	x.want("two", "a@1", "b@1")
	x.want("three", "a@1")
	x.remove("one", idOf("campaign", "a"), store.Versions{})
	x.settle()
	x.want("two", "b@1")
	x.want("three")
	got := x.withdrawals("three")
	if len(got) != 1 || !strings.HasSuffix(got[0], ": deleted at the source") {
		t.Errorf("got %q, want one withdrawal because it was deleted at the source", got)
	}
}

func TestWhatTwoSourcesVouchForStaysUntilBothTakeItBack(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("one", releaseTo("target", 0))
	x.agreement("two", releaseTo("target", 0))
	x.agreement("target", nil)
	id := idOf("campaign", "a")
	x.add("one", object("campaign", "a", 1, ""))
	x.add("two", object("campaign", "a", 1, ""))
	x.settle()
	x.remove("one", id, store.Versions{})
	x.settle()
	x.want("target", "a@1")
	x.remove("two", id, store.Versions{})
	x.settle()
	x.want("target")
}

func TestARelationshipGoesWhenSomebodyElseBroughtWhatItRefersTo(t *testing.T) {
	for name, bring := range map[string]func(*exchange){
		"another release": func(x *exchange) { x.add("two", object("campaign", "b", 1, "")) },
		"an account":      func(x *exchange) { x.add("target", object("campaign", "b", 1, "")) },
	} {
		for again, fresh := range map[string]bool{"": false, " while the server was stopped": true} {
			t.Run(name+again, func(t *testing.T) {
				x := open(t, t.TempDir())
				x.agreement("one", releaseTo("target", 0))
				x.agreement("two", releaseTo("target", 0))
				x.agreement("target", nil)
				m := x.manager(follow.Config{})
				x.add("one", object("campaign", "a", 1, ""), relationship("r", idOf("campaign", "a"), idOf("campaign", "b"), 1, ""))
				x.must(m.Settle(t.Context()))
				x.want("target", "a@1")
				bring(x)
				if fresh {
					m = x.manager(follow.Config{})
				}
				x.must(m.Settle(t.Context()))
				x.want("target", "a@1", "b@1", "r@1")
			})
		}
	}
}

func TestTermsBeginAndEndByTheClock(t *testing.T) {
	x := open(t, t.TempDir())
	begin, end := x.now.Add(24*time.Hour), x.now.Add(48*time.Hour)
	x.agreement("source", releaseTo("target", 0))
	x.agreement("target", func(a *agreement.Agreement) { a.Term = agreement.Term{From: begin, Until: end} })
	x.add("source", object("campaign", "a", 1, ""))
	x.settle()
	x.want("target")
	x.now = begin
	x.settle()
	x.want("target", "a@1")
	x.now = end
	x.add("source", object("campaign", "b", 1, ""))
	x.settle()
	x.want("target", "a@1")
	x.terms("target", "renew", func(a *agreement.Agreement) { a.Term.Until = end.AddDate(1, 0, 0) })
	x.settle()
	x.want("target", "a@1", "b@1")
}

func TestAPreviewSaysWhatWouldGoAndWhichTermSaysSo(t *testing.T) {
	x := open(t, t.TempDir())
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	x.agreement("source", releaseTo("target", stix.Green, "campaign", "relationship"))
	x.agreement("target", func(a *agreement.Agreement) { a.Accept.RequireMarking = true })
	x.add("source", object("campaign", "a", 1, "green"), object("campaign", "a", 2, "amber"), object("campaign", "c", 1, "green"),
		object("malware", "m", 1, "green"), object("campaign", "d", 1, ""), relationship("r", idOf("campaign", "c"), b, 1, "green"))
	x.remove("source", a, at("2026-01-02T00:00:00Z"))
	ds, err := follow.Preview(t.Context(), x.store, "source", "target", "")
	x.must(err)
	var got []string
	for _, d := range ds {
		got = append(got, string(d.Object.Type())+" "+string(d.Verdict)+" "+strings.Join(d.Reasons, "; ")+string(d.Missing))
	}
	want := []string{
		"campaign blocked version 2026-01-02T00:00:00.000Z is above the ceiling: it was marked above TLP:green, the most that the release to target passes on",
		"campaign refused release.max_tlp: it was marked above TLP:green, the most that the release to target passes on",
		"campaign goes ",
		"malware refused release.types: it is of type malware, the release to target passes on only campaign, relationship",
		"campaign refused accept.require_marking: the object carries no marking that says who may receive it, the agreement takes marked objects only: add object_marking_refs or granular_markings (the agreement target)",
		"relationship waits " + string(b),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	x.want("target")
}

// A release that has taken everything back is not behind, though the source's journal goes on.
func TestAReleaseThatHasEndedIsNotBehind(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("target", nil)
	x.agreement("source", releaseTo("target", 0))
	x.add("source", object("campaign", "a", 1, ""))
	x.settle()
	x.terms("source", "terminate", func(a *agreement.Agreement) { a.Terminated = &agreement.Mark{At: x.now, Withdraw: true} })
	lag := func(when string, behind uint64) {
		t.Helper()
		lags, err := follow.LagsFrom(x.store, x.col("source"), x.now)
		x.must(err)
		if len(lags) != 1 || lags[0].Behind != behind || lags[0].Paused == "" {
			t.Errorf("%s: got %+v, want one release, %d entries behind, and why it does not go on", when, lags, behind)
		}
	}
	lag("before it is taken back", 1)
	x.settle()
	lag("after that", 0)
	x.want("target")
}

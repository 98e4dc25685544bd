package follow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// expiring is version day of an indicator that is valid until a day of 2026, if any.
func expiring(name string, day int, until string) string {
	o := map[string]any{"type": "indicator", "id": idOf("indicator", name), "name": name, "pattern_type": "stix",
		"pattern": "[ipv4-addr:value = '198.51.100.3']", "valid_from": "2026-01-01T00:00:00Z"}
	if until != "" {
		o["valid_until"] = "2026-" + until + "T00:00:00Z"
	}
	return write(o, day, "green")
}

// timed opens an exchange whose clock, that of the store included, is the exchange's.
func timed(t testing.TB, dir string, rule agreement.Release) *exchange {
	var x *exchange
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	ticks := 0
	x = openWith(t, dir, store.Options{Now: func() time.Time {
		if x != nil {
			now = x.now
		}
		ticks++
		return now.Add(time.Duration(ticks) * 2 * time.Millisecond) // what is added comes after what was added
	}})
	if len(x.store.Collections()) == 0 {
		rule.To = "target"
		x.agreement("source", func(a *agreement.Agreement) { a.Release = []agreement.Release{rule} })
		x.agreement("target", nil)
	}
	return x
}

// decide has an account approve or refuse everything that waits of an object.
func (x *exchange) decide(account agreement.AccountName, id stix.ID, refuse bool) store.OutcomeKind {
	x.t.Helper()
	queue, err := follow.Queue(x.store, x.col("source"))
	x.must(err)
	for _, q := range queue {
		if q.Object != id || q.Needs == 0 {
			continue
		}
		r, err := x.col("source").Append(context.Background(), store.Batch{Actor: store.Actor{Account: account},
			Changes: []store.Change{{Decide: &store.Decision{Of: q.Position, Target: x.releaseID(), Refuse: refuse, Reason: "by the desk"}}}})
		x.must(err)
		return r.Outcomes[0].Kind
	}
	return store.Missing
}

func (x *exchange) releaseID() uuid.UUID {
	x.t.Helper()
	rule, ok := x.col("source").Agreement().ReleaseTo("target")
	if !ok {
		x.t.Fatal("source does not release to target")
	}
	return rule.TargetID()
}

func (x *exchange) queued() (list []string) {
	x.t.Helper()
	queue, err := follow.Queue(x.store, x.col("source"))
	x.must(err)
	for _, q := range queue {
		text := strings.SplitN(string(q.Object), "--", 2)[0]
		if !q.Until.IsZero() {
			text += " until " + q.Until.Format("01-02")
		}
		if q.Needs > 0 {
			text += fmt.Sprintf(" %d/%d", len(q.Approved), q.Needs)
		}
		list = append(list, text)
	}
	return list
}

func at12(date string) step {
	return func(x *exchange) {
		now, err := time.Parse(time.DateOnly, date)
		x.must(err)
		x.now = now.Add(12 * time.Hour)
	}
}

func TestTimeAndApproval(t *testing.T) {
	c := idOf("campaign", "a")
	day := agreement.Span(24 * time.Hour)
	approves := func(account agreement.AccountName, want store.OutcomeKind) step {
		return func(x *exchange) {
			if got := x.decide(account, c, false); got != want {
				x.t.Errorf("%s approves: got the outcome %d, want %d", account, got, want)
			}
		}
	}
	queue := func(want ...string) step {
		return func(x *exchange) {
			x.t.Helper()
			if got := x.queued(); !slices.Equal(got, want) {
				x.t.Errorf("got the queue %q, want %q", got, want)
			}
		}
	}
	holds := func(want ...string) step { return func(x *exchange) { x.t.Helper(); x.want("target", want...) } }
	add := adds(object("campaign", "a", 1, "green"))
	ind := idOf("indicator", "i")
	for _, row := range []struct {
		name  string
		rule  agreement.Release
		steps []step
		want  string
	}{
		{"an embargo", agreement.Release{After: 3 * day}, []step{add, queue("campaign until 05-04"), holds(), at12("2026-05-03"), holds(), at12("2026-05-04"), queue()}, "a@1"},
		{"each version has its own", agreement.Release{After: 3 * day}, []step{add, at12("2026-05-02"), adds(object("campaign", "a", 2, "green")), at12("2026-05-04"), holds("a@1"), at12("2026-05-06")}, "a@1 a@2"},
		{"what is deleted meanwhile never goes", agreement.Release{After: day}, []step{add, deletes(c, store.Versions{}), queue(), at12("2026-05-09")}, ""},
		{"what is marked higher meanwhile never goes", agreement.Release{After: day, MaxTLP: stix.Green}, []step{add, adds(object("campaign", "a", 2, "amber")), queue(), at12("2026-05-09")}, ""},
		{"a date", agreement.Release{NotBefore: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}, []step{add, queue("campaign until 06-01"), holds(), at12("2026-06-01")}, "a@1"},
		{"a clock that goes back undoes nothing", agreement.Release{After: day}, []step{add, at12("2026-05-03"), holds("a@1"), at12("2026-05-01"), holds("a@1"), at12("2026-05-03")}, "a@1"},
		{"a shorter embargo", agreement.Release{After: 30 * day}, []step{add, holds(), at12("2026-05-03"), func(x *exchange) {
			x.terms("source", "change", func(a *agreement.Agreement) { a.Release[0].After = day })
		}}, "a@1"},
		{"a longer one takes nothing back", agreement.Release{After: day}, []step{add, at12("2026-05-03"), func(x *exchange) {
			x.terms("source", "change", func(a *agreement.Agreement) { a.Release[0].After = 30 * day })
		}}, "a@1"},
		{"an approval", agreement.Release{Hold: agreement.HoldApprove}, []step{add, queue("campaign 0/1"), holds(), approves("alice", store.DecisionKept)}, "a@1"},
		{"two approvals", agreement.Release{Hold: agreement.HoldApprove2}, []step{add, approves("alice", store.DecisionKept), queue("campaign 1/2"), holds(),
			approves("alice", store.Already), holds(), approves("bob", store.DecisionKept)}, "a@1"},
		{"later versions wait anew", agreement.Release{Hold: agreement.HoldApprove}, []step{add, approves("alice", store.DecisionKept), adds(object("campaign", "a", 2, "green")), queue("campaign 0/1")}, "a@1"},
		{"a refusal", agreement.Release{Hold: agreement.HoldApprove2}, []step{add, approves("alice", store.DecisionKept), func(x *exchange) { x.decide("bob", c, true) }, queue(), approves("carol", store.Missing)}, ""},
		{"an approval during the embargo", agreement.Release{Hold: agreement.HoldApprove, After: day}, []step{add, queue("campaign until 05-02 0/1"), approves("alice", store.DecisionKept), holds(), at12("2026-05-02")}, "a@1"},
		{"what was approved survives changed terms", agreement.Release{Hold: agreement.HoldApprove}, []step{add, approves("alice", store.DecisionKept), func(x *exchange) {
			x.terms("source", "change", func(a *agreement.Agreement) { a.Release[0].Types = []string{"malware"} })
		}, holds(), func(x *exchange) {
			x.terms("source", "change", func(a *agreement.Agreement) { a.Release[0].Types = nil })
		}}, "a@1"},
		{"what expires is withdrawn after its grace", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryWithdraw, Grace: 7 * day}},
			[]step{adds(expiring("i", 1, ""), expiring("i", 2, "05-10")), at12("2026-05-16"), holds("i@1", "i@2"), at12("2026-05-17"), holds(), at12("2026-05-01")}, ""},
		{"a later version that is valid goes", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryWithdraw}},
			[]step{adds(expiring("i", 1, "05-10")), at12("2026-05-11"), holds(), adds(expiring("i", 2, "06-10"))}, "i@2"},
		{"an object that is extended in time stays", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryWithdraw}},
			[]step{adds(expiring("i", 1, "05-10"), expiring("i", 2, "06-10")), at12("2026-05-11")}, "i@1 i@2"},
		{"what has expired does not go", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryRevoke}}, []step{adds(expiring("i", 1, "04-10"))}, ""},
		{"what expires is revoked", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryRevoke}},
			[]step{adds(expiring("i", 1, "05-10")), at12("2026-05-11"), holds("i@1", "i@10"), at12("2026-05-01"), at12("2026-05-12")}, "i@1 i@10"},
		{"what was revoked goes with its original", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryRevoke}},
			[]step{adds(expiring("i", 1, "05-10")), at12("2026-05-11"), deletes(ind, store.Versions{})}, ""},
		{"a revocation gives way to a valid version", agreement.Release{Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryRevoke}},
			[]step{adds(expiring("i", 1, "05-10")), at12("2026-05-11"), adds(expiring("i", 3, "06-10"))}, "i@1 i@3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{0, 1} {
				x := timed(t, t.TempDir(), row.rule)
				m := x.manager(follow.Config{BatchEntries: size})
				for _, do := range row.steps {
					do(x)
					x.must(m.Settle(t.Context()))
				}
				if got := strings.Join(x.holds("target"), " "); got != row.want {
					t.Errorf("batches of %d: got %q, want %q", size, got, row.want)
				}
			}
		})
	}
}

// A decision is an entry of the source's journal, with who decided and why.
func TestDecisionsAreEntries(t *testing.T) {
	x := timed(t, t.TempDir(), agreement.Release{Hold: agreement.HoldApprove2})
	x.add("source", object("campaign", "a", 1, "green"))
	x.settle()
	x.decide("alice", idOf("campaign", "a"), false)
	x.decide("bob", idOf("campaign", "a"), true)
	var got []string
	positions, err := x.col("source").EntriesOf(idOf("campaign", "a"))
	x.must(err)
	for _, p := range positions {
		e, _, err := x.col("source").Entry(p)
		x.must(err)
		got = append(got, fmt.Sprint(e.Kind, e.Act, e.Account, e.Reason, e.Source.Collection == x.releaseID()))
	}
	want := []string{"1push false", fmt.Sprint(journal.Decided, "approve", "alice", "by the desk", true), fmt.Sprint(journal.Decided, "refuse", "bob", "by the desk", true)}
	if len(got) != 3 || !slices.Equal(got[1:], want[1:]) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Decisions outlive a rebuild of the indexes, and so do the key and the entries of changed copies.
func TestARebuildKeepsDecisions(t *testing.T) {
	x := timed(t, t.TempDir(), agreement.Release{Hold: agreement.HoldApprove2, References: agreement.ReferencesCut})
	c, missing := idOf("campaign", "a"), idOf("campaign", "b")
	x.add("source", object("campaign", "a", 1, "green"), report("r", 1, "green", c, missing))
	x.settle()
	x.decide("alice", c, false)
	x.decide("alice", idOf("report", "r"), false)
	for _, name := range []agreement.Name{"source", "target"} {
		x.must(x.col(name).Rebuild(t.Context()))
	}
	if got := x.queued(); !slices.Equal(got, []string{"campaign 1/2", "report 1/2"}) {
		t.Errorf("got the queue %q", got)
	}
	if got := x.decide("alice", c, false); got != store.Already {
		t.Errorf("the same account again: got the outcome %d, want Already", got)
	}
	x.decide("bob", c, false)
	x.decide("bob", idOf("report", "r"), false)
	x.settle()
	x.want("target", "a@1", "r@1")
	for _, name := range []agreement.Name{"source", "target"} {
		x.must(x.col(name).Rebuild(t.Context()))
	}
	positions, err := x.col("source").EntriesOf(c)
	x.must(err)
	if len(positions) != 3 {
		t.Errorf("got %d entries about the object, want that it was added, and two decisions", len(positions))
	}
}

// A model over time: versions with an embargo, approvals and expiry, a clock that jumps in both directions, and restarts. What the
// target has in the end follows from what came when, and nothing happens twice.
func TestRandomTimesAgreeWithTheModel(t *testing.T) {
	day := 24 * time.Hour
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 20))
			rule := agreement.Release{After: agreement.Span(time.Duration(1+r.IntN(5)) * day)}
			if seed%2 == 0 {
				rule.Hold = agreement.HoldApprove
			}
			if seed%3 == 0 {
				rule.Expire = &agreement.Expiry{ValidUntil: agreement.ExpiryWithdraw, Grace: agreement.Span(day)}
			}
			dir := filepath.Join(t.TempDir(), "data")
			x := timed(t, dir, rule)
			type version struct {
				added, until       time.Time
				approved, due, out bool
			}
			model := map[string]*version{}
			see := func() { // the model does what is due now
				for _, v := range model {
					expired := rule.Expire != nil && !v.until.Add(day).After(x.now)
					if !v.out && !expired && !rule.Due(v.added).After(x.now) && (v.approved || rule.Hold == "") {
						v.due = true
					}
					if expired {
						v.out, v.due = true, false
					}
				}
			}
			for n := range 60 {
				switch r.IntN(6) {
				case 0, 1:
					name := fmt.Sprint("i", n)
					until := x.now.AddDate(0, 0, 1+r.IntN(20))
					x.add("source", expiring(name, 1, until.Format("01-02")))
					stats, err := x.col("source").Stats()
					x.must(err)
					model[name] = &version{added: stats.LastAdded, until: until.Truncate(day)}
				case 2:
					for name, v := range model {
						if !v.approved && r.IntN(2) == 0 && x.decide("alice", idOf("indicator", name), false) == store.DecisionKept {
							v.approved = true
						}
					}
				case 3:
					x.now = x.now.Add(-time.Duration(r.IntN(30)) * time.Hour)
				default:
					x.now = x.now.Add(time.Duration(r.IntN(60)) * time.Hour)
				}
				if r.IntN(8) == 0 {
					now := x.now
					x.must(x.store.Close())
					x = timed(t, dir, rule)
					x.now = now
				}
				x.settle()
				see()
			}
			var want []string
			for name, v := range model {
				if v.due {
					want = append(want, name+"@1")
				}
			}
			slices.Sort(want)
			if got := x.holds("target"); !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
			added := map[string]int{}
			x.must(x.col("target").Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
				if e.Kind == journal.Added {
					if added[e.Object]++; added[e.Object] > 1 {
						t.Errorf("%s was added twice", e.Object)
					}
				}
				return true
			}))
			if len(added) == 0 {
				t.Error("nothing went")
			}
		})
	}
}

package follow_test

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A member of the target may first add other content under a released version. That content is not taken for the
// release: the conflict is counted and shown, nothing is released because of it, and it ends when the other content is
// removed.
func TestAConflictWithAMemberIsNeverTakenAsThere(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", 0))
	x.agreement("target", nil)
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	poison := strings.Replace(object("campaign", "a", 1, ""), `"name":"a"`, `"name":"poison"`, 1)
	spelt := strings.Replace(object("campaign", "b", 1, ""), `"name":"b"`, `"revoked":false,"name":"b"`, 1)
	x.addAny("target", poison, spelt)
	x.add("source", object("campaign", "a", 1, ""), object("campaign", "b", 1, ""), relationship("r", a, b, 1, ""))
	x.settle()
	x.want("target", "b@1", "poison@1")
	lags, err := follow.LagsFrom(x.store, x.col("source"), x.now)
	if err != nil || len(lags) != 1 || lags[0].Conflicts != 1 || lags[0].Behind != 0 {
		t.Errorf("got %+v, %v, want one conflict and nothing behind", lags, err)
	}
	verdicts := func() string {
		ds, err := follow.Preview(t.Context(), x.store, "source", "target", "")
		x.must(err)
		var list []string
		for _, d := range ds {
			list = append(list, string(d.Verdict))
			if d.Verdict == follow.Conflicts && (len(d.Reasons) != 1 || !strings.Contains(d.Reasons[0], "added by the party vendor")) {
				t.Errorf("got the reasons %q, want the party", d.Reasons)
			}
		}
		return strings.Join(list, " ")
	}
	if got := verdicts(); got != "conflict there waits" {
		t.Errorf("preview: got %s", got)
	}
	x.remove("target", a, store.Versions{})
	x.settle()
	lags, err = follow.LagsFrom(x.store, x.col("source"), x.now)
	if err != nil || lags[0].Conflicts != 0 {
		t.Errorf("after the removal: got %+v, %v, want no conflict", lags, err)
	}
	if got := x.holds("target"); !strings.Contains(strings.Join(got, " "), "b@1") || strings.Contains(strings.Join(got, " "), "poison") {
		t.Errorf("after the removal: got %q", got)
	}
}

// What follows from an entry is not written earlier than the entry, also when the batch that caused it was moved to the
// next millisecond.
func TestNoEntryIsEarlierThanItsCause(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", 0))
	x.agreement("target", nil)
	m := x.manager(follow.Config{})
	for i := range 40 {
		name := string(rune('a' + i))
		x.add("source", object("campaign", name, 1, ""))
		x.must(m.Settle(t.Context()))
		x.remove("source", idOf("campaign", name), store.Versions{})
		x.must(m.Settle(t.Context()))
	}
	n := 0
	x.must(x.col("target").Entries(1, 1000, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Source.IsZero() {
			return true
		}
		cause, _, err := x.col("source").Entry(e.Source.Position)
		x.must(err)
		if e.At.Before(cause.At) {
			t.Errorf("%v of %s at %v, its cause is of %v", e.Kind, e.Object, e.At, cause.At)
		}
		n++
		return true
	}))
	if n != 80 {
		t.Errorf("got %d entries with a cause, want 80", n)
	}
}

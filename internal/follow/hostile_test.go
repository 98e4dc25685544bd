package follow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// addAs has a party add objects, all of which must be taken.
func (x *exchange) addAs(name agreement.Name, party agreement.PartyName, texts ...string) {
	x.t.Helper()
	b := store.Batch{Actor: store.Actor{Account: agreement.AccountName(party + "-push"), Party: party}}
	for _, text := range texts {
		b.Changes = append(b.Changes, store.Change{Add: &store.Addition{Object: parse(x.t, text), TLP: stix.Clear}})
	}
	r, err := x.col(name).Append(context.Background(), b)
	x.must(err)
	for i, o := range r.Outcomes {
		if o.Kind != store.Added {
			x.t.Fatalf("%s adds object %d to %s: got the outcome %v", party, i, name, o.Kind)
		}
	}
}

// deleteAs has a party delete what it may of an object, as the DELETE of TAXII does.
func (x *exchange) deleteAs(name agreement.Name, party agreement.PartyName, id stix.ID) {
	x.t.Helper()
	_, err := x.col(name).Append(context.Background(), store.Batch{
		Actor:   store.Actor{Account: agreement.AccountName(party + "-push"), Party: party},
		Changes: []store.Change{{Remove: &store.Removal{ID: id, OnlyBy: party}}}})
	x.must(err)
}

// verdicts returns those of a preview from source to target, in order, and their reasons.
func (x *exchange) verdicts() (list string, reasons []string) {
	x.t.Helper()
	ds, err := follow.Preview(x.t.Context(), x.store, "source", "target", "")
	x.must(err)
	for _, d := range ds {
		list += " " + string(d.Verdict)
		reasons = append(reasons, d.Reasons...)
	}
	return strings.TrimSpace(list), reasons
}

func openTwo(t *testing.T) *exchange {
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", 0))
	x.agreement("target", nil)
	return x
}

// A member of the target that adds and deletes something first does not keep a release from bringing it.
func TestWhatAMemberDeletedBarsNoRelease(t *testing.T) {
	x := openTwo(t)
	poison := strings.Replace(object("campaign", "b", 1, ""), `"name":"b"`, `"name":"poison"`, 1)
	x.addAs("target", agency.Name, object("campaign", "a", 1, ""), poison)
	x.deleteAs("target", agency.Name, idOf("campaign", "a"))
	x.deleteAs("target", agency.Name, idOf("campaign", "b"))
	x.add("source", object("campaign", "a", 1, ""), object("campaign", "b", 1, ""))
	x.settle()
	x.want("target", "a@1", "b@1")
	x.add("source", object("campaign", "a", 2, ""))
	x.settle()
	x.want("target", "a@1", "a@2", "b@1")
	if got, _ := x.verdicts(); got != "there there there" {
		t.Errorf("preview: got %s", got)
	}
	x.remove("source", idOf("campaign", "a"), store.Versions{})
	x.settle()
	x.want("target", "b@1")
}

// A member that owns an object of the target, by another version of it, is in conflict with a release that brings it: the
// preview says so, with the member's name, and the release goes on when the member's version is removed.
func TestAnObjectOfAMemberIsAConflict(t *testing.T) {
	x := openTwo(t)
	a := idOf("campaign", "a")
	x.addAs("target", agency.Name, strings.Replace(object("campaign", "a", 5, ""), `"name":"a"`, `"name":"poison"`, 1))
	x.add("source", object("campaign", "a", 1, ""), object("campaign", "b", 1, ""), relationship("r", a, idOf("campaign", "b"), 1, ""))
	check := func(when string) {
		t.Helper()
		if got, reasons := x.verdicts(); got != "conflict goes waits" && got != "conflict there waits" ||
			len(reasons) != 1 || !strings.Contains(reasons[0], "the party agency") {
			t.Errorf("preview %s: got %s, %q, want a conflict with the party agency", when, got, reasons)
		}
	}
	check("before the release")
	x.settle()
	x.want("target", "b@1", "poison@5")
	check("after it")
	lags, err := follow.LagsFrom(x.store, x.col("source"), x.now)
	if err != nil || len(lags) != 1 || lags[0].Conflicts != 1 {
		t.Errorf("got %+v, %v, want one conflict", lags, err)
	}
	x.deleteAs("target", agency.Name, a)
	x.settle()
	x.want("target", "a@1", "b@1", "r@1")
}

// A member that added a version before the release brought it, and deletes it, takes back its own alone: the release brings
// it again, and what refers to it stays.
func TestADeletionOfAMemberTakesNothingFromARelease(t *testing.T) {
	x := openTwo(t)
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	x.addAs("target", agency.Name, object("campaign", "a", 1, ""))
	x.add("source", object("campaign", "a", 1, ""), object("campaign", "b", 1, ""), relationship("r", a, b, 1, ""))
	x.settle()
	x.want("target", "a@1", "b@1", "r@1")
	x.deleteAs("target", agency.Name, a)
	x.settle()
	x.want("target", "a@1", "b@1", "r@1")
	if got := x.withdrawals("target"); len(got) != 0 {
		t.Errorf("withdrawn: got %q", got)
	}
	x.deleteAs("target", agency.Name, a) // it is the release's now
	x.settle()
	x.want("target", "a@1", "b@1", "r@1")
	x.remove("source", a, store.Versions{})
	x.settle()
	x.want("target", "b@1")
}

// Other content that a member of the source lays beside an object without versions is not passed on in the place of the
// object's own: in the target, all would be the release's. It goes when the object's own is gone.
func TestContentBesideAnObjectIsNotReleased(t *testing.T) {
	x := openTwo(t)
	address := func(note string) string {
		return `{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"` + note + `}`
	}
	own, poison := address(""), address(`,"x_note":"poison"`)
	x.addAs("source", vendor.Name, own)
	x.settle()
	x.addAs("source", agency.Name, poison)
	x.settle()
	latest := func(want string) {
		t.Helper()
		page, err := x.col("target").Page(store.Query{Versions: store.Versions{All: true}, Limit: 10}, nil)
		x.must(err)
		if got := string(page.Body); got != want {
			t.Errorf("target: got %s, want %s", got, want)
		}
	}
	latest(own)
	if got, reasons := x.verdicts(); got != "there refused" || len(reasons) != 1 || !strings.Contains(reasons[0], "the party vendor") {
		t.Errorf("preview: got %s, %q", got, reasons)
	}
	x.deleteAs("source", vendor.Name, "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd")
	x.settle()
	latest(poison)
}

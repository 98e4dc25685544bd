package follow_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// corrects lets owners correct versions, beside other terms.
func corrects(terms func(*agreement.Agreement)) func(*agreement.Agreement) {
	return func(a *agreement.Agreement) {
		a.Accept.Corrections = agreement.CorrectionsAccept
		if terms != nil {
			terms(a)
		}
	}
}

// named is an object with another name under the identifier and version of object.
func named(typ, name string, day int, mark, text string) string {
	return strings.Replace(object(typ, name, day, mark), fmt.Sprintf(`"name":%q`, name), fmt.Sprintf(`"name":%q`, text), 1)
}

// A release repeats a correction, through further releases too, whatever the target takes from parties.
func TestAReleaseRepeatsACorrection(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", corrects(releaseTo("target", stix.Green)))
	x.agreement("target", releaseTo("last", 0))
	x.agreement("last", nil)
	x.add("source", object("campaign", "a", 1, ""), object("campaign", "b", 1, ""), relationship("r", idOf("campaign", "a"), idOf("campaign", "b"), 1, ""))
	x.settle()
	x.add("source", named("campaign", "a", 1, "", "better"))
	x.settle()
	for _, name := range []agreement.Name{"target", "last"} {
		x.want(name, "b@1", "better@1", "r@1")
		var acts []string
		x.must(x.col(name).Entries(1, 1000, func(p journal.Position, e journal.Entry, _ []byte) bool {
			if e.Act == journal.ActCorrect {
				acts = append(acts, fmt.Sprint(e.Kind, " ", e.Object == string(idOf("campaign", "a")), " ", e.Source.IsZero()))
			}
			return true
		}))
		if got := strings.Join(acts, "; "); got != "3 true false; 1 true false" {
			t.Errorf("%s: got the entries %s, want one withdrawn and one added", name, got)
		}
	}
	x.add("source", named("campaign", "a", 1, "amber", "secret"))
	x.settle()
	x.want("target", "b@1")
	x.want("last", "b@1")
}

// The old text does not stay where the new one may not go, or not yet.
func TestWhatBecomesOfAnOldText(t *testing.T) {
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	refers := func(text string, to stix.ID) string {
		return strings.Replace(named("campaign", "a", 1, "", text), `"name"`, fmt.Sprintf(`"x_of_ref":%q,"name"`, to), 1)
	}
	for _, row := range []struct {
		name        string
		first, next []string
		want        []string
	}{
		{"above the ceiling", []string{object("campaign", "a", 1, "")}, []string{named("campaign", "a", 1, "amber", "x")}, nil},
		{"below it at last", []string{object("campaign", "a", 1, "amber")}, []string{named("campaign", "a", 1, "green", "x")}, []string{"x@1"}},
		{"a late version under one that was above it", []string{object("campaign", "a", 2, "amber")},
			[]string{named("campaign", "a", 2, "green", "x"), object("campaign", "a", 1, "green")}, []string{"a@1", "x@2"}},
		{"under a still later one above it", []string{object("campaign", "a", 1, "green"), object("campaign", "a", 2, "amber")}, []string{named("campaign", "a", 1, "", "x")}, nil},
		{"waiting", []string{object("campaign", "a", 1, "")}, []string{refers("x", b)}, nil},
		{"come after waiting", []string{object("campaign", "a", 1, "")}, []string{refers("x", b), object("campaign", "b", 1, "")}, []string{"b@1", "x@1"}},
		{"waiting no longer", []string{refers("a", b)}, []string{named("campaign", "a", 1, "", "x")}, []string{"x@1"}},
		{"a reference that is no more", []string{object("campaign", "b", 1, ""), refers("a", b)},
			[]string{named("campaign", "a", 1, "", "x"), "-" + string(b)}, []string{"x@1"}},
		{"deleted", []string{object("campaign", "a", 1, "")}, []string{named("campaign", "a", 1, "", "x"), "-" + string(a)}, nil},
		{"twice", []string{object("campaign", "a", 1, "")}, []string{named("campaign", "a", 1, "", "x"), named("campaign", "a", 1, "", "y")}, []string{"y@1"}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %t", row.name, late), func(t *testing.T) {
				x := open(t, t.TempDir())
				x.agreement("source", corrects(releaseTo("target", stix.Green)))
				x.agreement("target", nil)
				for i, text := range append(slices.Clone(row.first), row.next...) {
					if gone, ok := strings.CutPrefix(text, "-"); ok {
						x.remove("source", stix.ID(gone), store.Versions{})
					} else {
						x.add("source", text)
					}
					if !late || i == len(row.first)-1 && row.name == "under a still later one above it" {
						x.settle()
					}
				}
				x.settle()
				x.want("target", row.want...)
				// Judged again from the beginning, it is the same.
				x.terms("target", "change", func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Red })
				x.settle()
				x.want("target", row.want...)
			})
		}
	}
}

// With corrections, too, where batches end makes no difference, and the target has what the source has.
func TestCorrectionsInBatchesOfAnySize(t *testing.T) {
	for seed := range seeds(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			x := open(t, dir)
			x.agreement("source", corrects(releaseTo("target", stix.Green, "campaign", "relationship", "sighting", "malware")))
			x.agreement("target", nil)
			history(x, seed, 60)
			corrected := 0
			x.must(x.col("source").Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
				if e.Act == journal.ActCorrect {
					corrected++
				}
				return true
			}))
			if corrected == 0 {
				t.Error("the history has no correction")
			}
			x.must(x.store.Close())
			want, _ := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, follow.Config{})
			for _, entries := range []int{1, 2, 7} {
				got, _ := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, follow.Config{BatchEntries: entries})
				if !slices.Equal(got, want) {
					t.Errorf("with %d entries at once:\n%s", entries, difference(got, want))
				}
			}
		})
	}
}

// Retention counts from the correction.
func TestRetentionCountsFromACorrection(t *testing.T) {
	x := open(t, t.TempDir())
	col := x.agreement("source", corrects(func(a *agreement.Agreement) { a.Retention.MaxAgeDays = 10 }))
	x.add("source", object("campaign", "a", 1, ""), object("campaign", "b", 1, ""))
	first := added(t, col, idOf("campaign", "a"))
	x.add("source", named("campaign", "a", 1, "", "x"))
	if again := added(t, col, idOf("campaign", "a")); !again.After(first) {
		t.Errorf("got %v, want a later date_added than %v", again, first)
	}
	n, err := follow.Sweep(t.Context(), col, added(t, col, idOf("campaign", "a")).AddDate(0, 0, 10), nil)
	x.must(err)
	if n != 1 {
		t.Errorf("got %d versions deleted, want the one that was not corrected", n)
	}
	x.want("source", "x@1")
}

// added returns the date_added of an object's only version.
func added(t *testing.T, col *store.Collection, id stix.ID) (at time.Time) {
	t.Helper()
	must(t, col.Snapshot(func(s *store.Snapshot) error {
		vs, err := s.Versions(id)
		if err == nil && len(vs) == 1 {
			at = vs[0].Added
		}
		return err
	}))
	return at
}

// Targets of one source share what the release makes of a version. That it corrects what one of them has is that one's affair.
func TestASharedCopyCorrectsWhereItIsACorrectionAlone(t *testing.T) {
	x := open(t, t.TempDir())
	const targets = 10
	name := func(n int) agreement.Name { return agreement.Name(fmt.Sprint("t", n)) }
	release := func(n int) func(*agreement.Agreement) {
		return func(a *agreement.Agreement) {
			a.Release = nil
			for n := range n {
				a.Release = append(a.Release, agreement.Release{To: name(n), Change: &agreement.Change{Author: agreement.AuthorKeep, Remove: []string{"x_none"}}})
			}
		}
	}
	x.agreement("source", func(a *agreement.Agreement) {
		a.Accept.Corrections = agreement.CorrectionsAccept
		release(targets / 2)(a)
	})
	for n := range targets {
		x.agreement(name(n), nil)
	}
	const objects = 30
	texts := func(more string) (list []string) {
		for n := range objects {
			list = append(list, with(more, object("campaign", fmt.Sprint("n", n), 1, "")))
		}
		return list
	}
	x.add("source", texts(`"description":"old"`)...)
	x.settle()
	x.terms("source", "change", release(targets))
	x.add("source", texts(`"description":"new"`)...)
	stop := x.running(follow.Config{AtOnce: 4})
	for n := targets / 2; n < targets; n++ {
		x.until(t.Context(), name(n), objects)
	}
	stop()
	x.settle()
	for n := range targets {
		corrected, had := 0, 0
		for _, e := range x.entries(name(n)) {
			if e.Kind == journal.Added && e.Act == journal.ActCorrect {
				corrected++
			}
		}
		for _, text := range x.texts(name(n)) {
			if strings.Contains(text, `"description":"new"`) {
				had++
			}
		}
		want := 0
		if n < targets/2 {
			want = objects
		}
		if had != objects || corrected != want {
			t.Errorf("%s has %d of the new texts and %d corrections, want %d and %d", name(n), had, corrected, objects, want)
		}
	}
}

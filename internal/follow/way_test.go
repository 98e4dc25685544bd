package follow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// ways describes how the releases stand to an object, one a line.
func (x *exchange) ways(id stix.ID) string {
	x.t.Helper()
	places, ways, err := follow.Ways(x.t.Context(), x.store, id, x.now)
	x.must(err)
	var lines []string
	for _, p := range places {
		lines = append(lines, fmt.Sprintf("%s has %s", p.Agreement, p.Object))
	}
	for _, w := range ways {
		line := fmt.Sprintf("%s to %s: %s", w.Source, w.Target, w.Verdict)
		if w.Foreseen {
			line += ", foreseen"
		}
		for _, r := range w.Reasons {
			term, _, _ := strings.Cut(r, ": ")
			line += " " + term
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// An object is followed from every agreement that has it, under the identifier that it has there, and its way says what a preview of
// everything says.
func TestTheWayOfAnObject(t *testing.T) {
	x := open(t, t.TempDir())
	hide := removing()
	x.agreement("d", nil)
	x.agreement("c", releaseTo("d", stix.Clear))
	x.agreement("b", func(a *agreement.Agreement) {
		a.Release = []agreement.Release{{To: "c", MaxTLP: stix.Green, Change: &hide}}
	})
	x.agreement("a", releaseTo("b", stix.Green))
	x.addAny("a", author(1, "desk@vendor.example"), by(creator, object("campaign", "x", 1, "green")), by(creator, object("campaign", "y", 1, "amber")),
		relationship("r", idOf("campaign", "x"), idOf("campaign", "y"), 1, "green"))
	x.settle()
	there := parse(t, x.texts("c")["x@1"]).ID
	if got, want := x.ways(idOf("campaign", "x")), fmt.Sprintf(`a has %[1]s
b has %[1]s
c has %[2]s
a to b: there
b to c: there release.change release.change
c to d: refused release.max_tlp`, idOf("campaign", "x"), there); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := x.ways(idOf("relationship", "r")), fmt.Sprintf("a has %s\na to b: waits", idOf("relationship", "r")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	x.addAny("a", object("campaign", "z", 1, "clear"))
	if got, want := x.ways(idOf("campaign", "z")), fmt.Sprintf("a has %s\na to b: goes\nb to c: goes, foreseen", idOf("campaign", "z")); got != want {
		t.Errorf("before it has gone: got\n%s\nwant\n%s", got, want)
	}
}

// What is asked about one object is what is said of it among all. Of identities, it is known which ones go because others need them.
func TestOneObjectIsJudgedAsAmongAll(t *testing.T) {
	for _, rule := range []func(*agreement.Release){func(*agreement.Release) {}, nameless, func(r *agreement.Release) { r.References = agreement.ReferencesCut }} {
		x := random(t, t.TempDir(), rule)
		history(x, 3, 60)
		x.settle()
		all, err := follow.Preview(t.Context(), x.store, "source", "target", "")
		x.must(err)
		known := map[stix.ID]bool{}
		for _, d := range all {
			if known[d.Object] || d.Object.Type() == "identity" {
				continue
			}
			known[d.Object] = true
			one, err := follow.Preview(t.Context(), x.store, "source", "target", d.Object)
			x.must(err)
			i := 0
			for _, want := range all {
				if want.Object != d.Object {
					continue
				}
				if i == len(one) || one[i].Position != want.Position || one[i].Verdict != want.Verdict {
					t.Errorf("%s at %d: among all %s %q, alone %+v", d.Object, want.Position, want.Verdict, want.Reasons, one)
					break
				}
				i++
			}
		}
		if len(known) < 10 {
			t.Errorf("%d objects were judged", len(known))
		}
	}
}

// Of a long journal a part is drawn, which each decision says. What is drawn goes where the preview of everything lets it go; of
// what stays, the reasons may differ where objects wait for each other.
func TestAPreviewOfALongJournalIsASample(t *testing.T) {
	x := random(t, t.TempDir())
	history(x, 5, 120)
	x.settle()
	all, err := follow.Preview(t.Context(), x.store, "source", "target", "")
	x.must(err)
	verdicts := map[string]follow.Verdict{}
	for _, d := range all {
		if d.Sampled != nil {
			t.Fatalf("a short journal was sampled: %+v", d)
		}
		verdicts[fmt.Sprint(d.Position)] = d.Verdict
	}
	defer follow.SetPreviewEntries(100)()
	drawn, err := follow.Preview(t.Context(), x.store, "source", "target", "")
	x.must(err)
	stats, err := x.col("source").Stats()
	x.must(err)
	if len(drawn) == 0 || len(drawn) > 20 {
		t.Fatalf("%d decisions", len(drawn))
	}
	for _, d := range drawn {
		if d.Sampled == nil || d.Sampled.Judged != uint64(len(drawn)) || d.Sampled.Of != stats.Versions {
			t.Errorf("the sample is %+v, want %d of %d", d.Sampled, len(drawn), stats.Versions)
		}
		if want := verdicts[fmt.Sprint(d.Position)]; d.Verdict != want && (stays(d.Verdict) != stays(want) || !stays(want)) {
			t.Errorf("%s at %d: %s, want %s", d.Object, d.Position, d.Verdict, want)
		}
	}
}

// stays reports whether a version with a verdict is kept in the source.
func stays(v follow.Verdict) bool {
	return v == follow.Refused || v == follow.Blocked || v == follow.Waits
}

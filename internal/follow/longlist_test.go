package follow_test

import (
	"fmt"
	"testing"

	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// A long list is released in pieces, also when it came before what it lists, and withdrawn with the first object that goes.
func TestALongListOfReferences(t *testing.T) {
	const n = 5000 // more than are recorded at once
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", 0))
	x.agreement("target", nil)
	ids, texts := make([]stix.ID, n), make([]string, n)
	for i := range n {
		name := fmt.Sprint("n", i)
		ids[i], texts[i] = idOf("campaign", name), object("campaign", name, 1, "")
	}
	m := x.manager(follow.Config{})
	x.addAny("source", report("list", 1, "", ids...))
	for i := 0; i < n; i += 1000 {
		x.addAny("source", texts[i:i+1000]...)
		x.must(m.Settle(t.Context()))
	}
	if got := len(x.holds("target")); got != n+1 {
		t.Errorf("got %d objects in the target, want %d and the list", got, n)
	}
	x.remove("source", ids[n/2], store.Versions{})
	x.must(m.Settle(t.Context()))
	if got, back := len(x.holds("target")), x.withdrawals("target"); got != n-1 || len(back) != 2 {
		t.Errorf("got %d objects and the withdrawals %q, want %d and two", got, back, n-1)
	}
}

// BenchmarkLongList measures the processor time for each reference of a long list that came before what it lists, and from which
// an object is deleted in the end. It is to be the same for any length.
func BenchmarkLongList(b *testing.B) {
	for _, n := range []int{15_000, 60_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				x := open(b, b.TempDir())
				x.agreement("source", releaseTo("target", 0))
				x.agreement("target", nil)
				ids, texts := make([]stix.ID, n), make([]string, n)
				for i := range n {
					name := fmt.Sprint("n", i)
					ids[i], texts[i] = idOf("campaign", name), object("campaign", name, 1, "")
				}
				x.addAny("source", report("list", 1, "", ids...))
				for i := 0; i < n; i += 1000 {
					x.addAny("source", texts[i:i+1000]...)
				}
				before := processor(b)
				b.StartTimer()
				m := x.manager(follow.Config{})
				x.must(m.Settle(b.Context()))
				x.remove("source", ids[n/2], store.Versions{})
				x.must(m.Settle(b.Context()))
				b.StopTimer()
				b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(n), "cpu-µs/reference")
				b.StartTimer()
			}
		})
	}
}

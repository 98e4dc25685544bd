package serve

import "testing"

func TestHeapGrowth(t *testing.T) {
	for _, row := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing", 0, 400},
		{"a server at rest", 8 << 20, 400},
		{"some caches", 24 << 20, 200},
		{"as much as it may grow", 48 << 20, 100},
		{"pages for many readers", 96 << 20, 50},
		{"large envelopes", 1 << 30, 25},
	} {
		if got := growthPercent(row.live); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

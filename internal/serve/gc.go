package serve

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A server keeps some ten megabytes live, since objects stay in the page cache. If the heap could only double, which is
// Go's rule, it would collect garbage many times a second: 7% of a small answer's processor time. So the heap may grow by
// heapGrowth, however much is live. Most of it are pages and bodies, which hold no pointers and cost the collector little.
const heapGrowth = 48 << 20

// gcLook is how often the collector is set anew.
const gcLook = 250 * time.Millisecond

// tuneCollector keeps the collector to that, unless GOGC says otherwise.
func (s *srv) tuneCollector(context.Context) (stop, error) {
	return s.background(func(ctx context.Context) { tuneCollector(ctx, s.config.Limits.Memory, s.store.CatchesUp) }), nil
}

// tuneCollector works until ctx ends. limit bounds the bytes of bodies and pages; beyond twice that the collector works
// harder, unless GOMEMLIMIT says otherwise. While a node catches up the heap may double: what a transaction changes is in it,
// with a pointer to each key.
func tuneCollector(ctx context.Context, limit int64, catchesUp func() bool) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2*limit + 128<<20)
	}
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := growthPercent(0)
	debug.SetGCPercent(percent)
	tick := time.NewTicker(gcLook)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(live)
		// Setting it stops the world for a moment.
		p := growthPercent(live[0].Value.Uint64())
		if catchesUp() {
			p = max(p, 100)
		}
		if p > percent*5/4 || p < percent*4/5 {
			percent = p
			debug.SetGCPercent(percent)
		}
	}
}

// growthPercent returns by how many percent of the live heap it may grow.
func growthPercent(live uint64) int {
	const most, least = 400, 25
	if live < heapGrowth*100/most {
		return most
	}
	return max(int(heapGrowth*100/live), least)
}

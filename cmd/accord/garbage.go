package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A server keeps some ten megabytes alive, since objects stay in the page cache, and would collect garbage many times a
// second if the heap could grow by as much as is alive, which is Go's rule: 7% of a small answer's processor time. So the
// heap may grow by garbageRoom, whatever is alive. What is much are pages and bodies in memory, which cost the collector
// little, since nothing in them points anywhere.
const garbageRoom = 48 << 20

// tuneCollector sees to that until ctx ends, unless GOGC says otherwise. limit bounds what bodies and pages take, in bytes;
// twice that, the collector works harder, unless GOMEMLIMIT says otherwise.
func tuneCollector(ctx context.Context, limit int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2*limit + 128<<20)
	}
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := growth(0)
	debug.SetGCPercent(percent)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	alive := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(alive)
		// Setting it stops the world for a moment.
		if p := growth(alive[0].Value.Uint64()); p > percent*5/4 || p < percent*4/5 {
			percent = p
			debug.SetGCPercent(percent)
		}
	}
}

// growth is by how many percent of what is alive the heap may grow.
func growth(alive uint64) int {
	const most, least = 400, 25
	if alive < garbageRoom*100/most {
		return most
	}
	return max(int(garbageRoom*100/alive), least)
}

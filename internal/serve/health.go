package serve

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/console"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

const (
	healthInterval = 10 * time.Second
	healthSamples  = 361 // of the last hour
)

// health counts what the console shows of how the server does.
type health struct {
	started time.Time

	requests, failed, limited, wrong, refused atomic.Uint64
	busy                                      atomic.Int64

	mu      sync.Mutex
	samples []console.HealthSample                // guarded by mu; the oldest first
	limits  map[console.Limited]*console.LimitHit // guarded by mu
}

// observed counts a request.
func (h *health) observed(r server.Observation) {
	h.requests.Add(1)
	h.busy.Add(int64(r.Took))
	switch {
	case r.Status == http.StatusTooManyRequests, r.Status == http.StatusServiceUnavailable:
		h.limited.Add(1)
		h.limit(r)
	case r.Status >= http.StatusInternalServerError:
		h.failed.Add(1)
	}
}

// mostLimited bounds how many callers and limits are told apart; the one that was hit least lately makes room.
const mostLimited = 500

// limit notes who reached which limit.
func (h *health) limit(r server.Observation) {
	who := console.Limited{Account: string(r.Caller.Account), Party: string(r.Caller.Party), Status: r.Status, Limit: r.Limit}
	if who.Account == "" {
		who.Address = r.Address
	}
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.limits == nil {
		h.limits = make(map[console.Limited]*console.LimitHit)
	}
	hit := h.limits[who]
	if hit == nil {
		if len(h.limits) >= mostLimited {
			delete(h.limits, oldestHit(h.limits))
		}
		hit = &console.LimitHit{Limited: who, First: now}
		h.limits[who] = hit
	}
	hit.Times++
	hit.Last = now
}

func oldestHit(hits map[console.Limited]*console.LimitHit) (oldest console.Limited) {
	var last time.Time
	for who, hit := range hits {
		if last.IsZero() || hit.Last.Before(last) {
			oldest, last = who, hit.Last
		}
	}
	return oldest
}

// limitHits returns who reached which limit since the start.
func (h *health) limitHits() (list []console.LimitHit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hit := range h.limits {
		list = append(list, *hit)
	}
	return list
}

// sample keeps the counts of this moment.
func (h *health) sample(now time.Time, st *store.Store, open int) {
	one := console.HealthSample{At: now, Requests: h.requests.Load(), Failed: h.failed.Load(), Limited: h.limited.Load(), Refused: h.refused.Load(),
		LoginsWrong: h.wrong.Load(), Busy: time.Duration(h.busy.Load()), Connections: uint64(open)}
	for _, col := range st.Collections() {
		one.Commits += col.Commits()
		if stats, err := col.Stats(); err == nil {
			one.Added += stats.Entries
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.samples = append(h.samples, one); len(h.samples) > healthSamples {
		h.samples = append(h.samples[:0], h.samples[1:]...)
	}
}

// lately returns what was sampled, and the counts of this moment.
func (h *health) lately(sample func()) console.Health {
	h.mu.Lock()
	first := len(h.samples) == 0
	h.mu.Unlock()
	if first {
		sample()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return console.Health{Started: h.started, Samples: append([]console.HealthSample(nil), h.samples...)}
}

// sampleHealth samples for as long as the console is served.
func (s *srv) sampleHealth(context.Context) (stop, error) {
	if !s.config.Console.On {
		return nil, nil
	}
	return s.every(healthInterval, func(context.Context) { s.takeSample() }), nil
}

func (s *srv) takeSample() {
	open, _, _ := s.connections.stats()
	s.health.sample(s.config.Now(), s.store, int(open))
}

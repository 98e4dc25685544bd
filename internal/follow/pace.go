package follow

import (
	"context"
	"sync"
	"time"
)

// Pace is what work in bulk, releases and retention, leaves to those who wait for an answer meanwhile. While there are
// such, it is done in short bursts with a rest after each; otherwise as fast as it goes. All the knobs are here.
//
// A burst takes the processor for about two milliseconds and the disk for some more. Each has a slot, whose rest is rest:
// 10,000 objects into forty targets are 3,200 slots, half a minute while somebody reads all the time. A disk on which a
// burst takes longer than a slot is slow enough to be a rest by itself.
type Pace struct {
	requests func() uint64

	mu      sync.Mutex
	counted uint64    // guarded by mu: requests when they were last seen to grow
	at      time.Time // guarded by mu: when that was; zero: never
}

const (
	// burst is how many objects one transaction changes while somebody waits for answers.
	burst = 125

	// slot is how long a burst and the rest after it take together.
	slot = 9 * time.Millisecond

	// leastRest is how long a rest is at least.
	leastRest = time.Millisecond

	// attention is for how long after a request others are expected.
	attention = time.Second
)

// NewPace makes a Pace that goes by how many requests have been answered, in all. Without requests, and where the Pace is
// nil, nobody waits for answers.
func NewPace(requests func() uint64) *Pace { return &Pace{requests: requests} }

// watched says whether somebody waits for answers.
func (p *Pace) watched() bool {
	if p == nil || p.requests == nil {
		return false
	}
	n := p.requests()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if n != p.counted {
		p.counted, p.at = n, now
	}
	return !p.at.IsZero() && now.Sub(p.at) < attention
}

// burst is how many of most objects the next transaction may change.
func (p *Pace) burst(most int) int {
	if p.watched() {
		return min(most, burst)
	}
	return most
}

// rest leaves the processor to those who wait for answers, if somebody does, after something that took a while.
func (p *Pace) rest(ctx context.Context, took time.Duration) {
	if !p.watched() {
		return
	}
	pause := time.NewTimer(max(slot-took, leastRest))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

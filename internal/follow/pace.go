package follow

import (
	"context"
	"sync"
	"time"
)

// Pace is what work in bulk, releases and retention, leaves to those who wait for an answer meanwhile. While there are
// such, it is done in short bursts with a rest after each; otherwise as fast as it goes. All the knobs are here.
//
// A burst of a hundred objects takes the processor for one or two milliseconds and the disk for some more; 10,000 objects
// into forty targets are 4,000 bursts, and done in about half a minute when somebody reads all the time.
type Pace struct {
	requests func() uint64

	mu      sync.Mutex
	counted uint64    // guarded by mu: requests when they were last seen to grow
	at      time.Time // guarded by mu: when that was; zero: never
}

const (
	// burst is how many objects one transaction changes while somebody waits for answers.
	burst = 100

	// restFactor is how long the rest after a burst is, by the time of the burst.
	restFactor = 1

	// mostPause is how long a rest is at most: a slow disk is a rest by itself.
	mostPause = 8 * time.Millisecond

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
	pause := time.NewTimer(min(restFactor*took, mostPause))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

package follow

import (
	"context"
	"sync"
	"time"
)

// Pace slows bulk work, releases and retention, while clients wait for answers: it then runs in short bursts with a rest
// after each, and otherwise at full speed. All its constants are here.
//
// A burst takes the processor for about two milliseconds and the disk for some more. A burst and its rest fill one slot:
// 10,000 objects into forty targets are 3,200 slots, half a minute while clients read all the time. On a disk where a burst
// takes longer than a slot, the wait for the disk is rest enough.
type Pace struct {
	requests func() uint64

	mu      sync.Mutex
	counted uint64    // guarded by mu: the count at the last growth seen
	at      time.Time // guarded by mu: when that was; zero if never
}

const (
	// burst is how many objects one transaction changes while clients wait.
	burst = 125

	// slot is the length of a burst together with its rest.
	slot = 9 * time.Millisecond

	// leastRest is the shortest rest.
	leastRest = time.Millisecond

	// attention is how long after a request further ones are expected.
	attention = time.Second
)

// NewPace returns a Pace that follows the count of answered requests. If requests or the Pace is nil, work is never slowed.
func NewPace(requests func() uint64) *Pace { return &Pace{requests: requests} }

// busy reports whether clients wait for answers.
func (p *Pace) busy() bool {
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

// burst returns how many objects, up to most, the next transaction may change.
func (p *Pace) burst(most int) int {
	if p.busy() {
		return min(most, burst)
	}
	return most
}

// rest pauses after work that took a while, if clients wait for answers.
func (p *Pace) rest(ctx context.Context, took time.Duration) {
	if !p.busy() {
		return
	}
	pause := time.NewTimer(max(slot-took, leastRest))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

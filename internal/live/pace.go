package live

import (
	"runtime"
	"sync"
	"time"
)

// Streams share the processors with those who write. While journals grow, telling of it may take a share of them: streams rest in
// between, and are told of more at once. So many streams that even that is too little fall behind, and catch up afterwards: where each is
// is a position, which costs nothing to keep.
const (
	paceShare = 0.12                   // of all processors
	paceBurst = 300 * time.Millisecond // of a processor's time, which is there when little was told lately
	paceBusy  = 100 * time.Millisecond // since a journal has grown
	paceMost  = 700 * time.Millisecond // of one rest: a stream ends within a second of losing its rights

	// What a stream takes is not measured: with many of them at once, a clock would count how they wait for each other.
	paceStep = 20 * time.Microsecond // of a processor, for a step
	paceByte = time.Nanosecond       // for each byte that it sends
)

// pace keeps what streams take of the processors to their share.
type pace struct {
	now   func() time.Time
	share float64 // of one processor

	mu    sync.Mutex
	left  time.Duration // guarded by mu; of the share, below zero when more was taken
	at    time.Time     // guarded by mu; when left was counted
	grown time.Time     // guarded by mu; when a journal has grown last
}

func newPace() *pace {
	return &pace{now: time.Now, share: paceShare * float64(runtime.GOMAXPROCS(0)), left: paceBurst}
}

// grew notes that a journal has grown.
func (p *pace) grew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grown = p.now()
}

// sent notes that a stream has sent bytes in a step, and returns how long it rests.
func (p *pace) sent(bytes uint64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if !p.at.IsZero() {
		p.left = min(p.left+time.Duration(float64(now.Sub(p.at))*p.share), paceBurst)
	}
	p.at = now
	if now.Sub(p.grown) > paceBusy {
		return 0 // no journal grows: they may take all
	}
	if p.left -= paceStep + time.Duration(bytes)*paceByte; p.left >= 0 {
		return 0
	}
	return min(time.Duration(float64(-p.left)/p.share), paceMost)
}

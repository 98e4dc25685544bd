package budget

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Budget is a number of bytes shared by many. Callers that find it exhausted wait in line.
type Budget struct {
	size      int64
	exhausted error

	mu    sync.Mutex
	left  int64     // guarded by mu; below zero after Overdraw
	queue []*waiter // guarded by mu; the longest waiting first
}

// waiter is a caller of take that waits.
type waiter struct {
	bytes   int64
	granted chan struct{}
}

// New returns a budget of size bytes. exhausted is the error of a Grow that waited in vain.
func New(size int64, exhausted error) *Budget {
	return &Budget{size: size, left: size, exhausted: exhausted}
}

// Size returns the budget's size in bytes.
func (b *Budget) Size() int64 { return b.size }

// Used returns how many bytes are taken.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size - b.left
}

// take takes bytes, and waits for them up to patience. It reports whether it took them.
func (b *Budget) take(ctx context.Context, bytes int64, patience time.Duration) bool {
	b.mu.Lock()
	if len(b.queue) == 0 && b.left >= bytes {
		b.left -= bytes
		b.mu.Unlock()
		return true
	}
	if patience <= 0 {
		b.mu.Unlock()
		return false
	}
	w := &waiter{bytes: bytes, granted: make(chan struct{})}
	b.queue = append(b.queue, w)
	b.mu.Unlock()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-w.granted:
		return true
	case <-timeout.C:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.queue, w)
	if at < 0 {
		return true // granted at the last moment
	}
	b.queue = slices.Delete(b.queue, at, at+1)
	b.grant() // the next in line may want less
	return false
}

// overdraw takes bytes that are in use already, whether or not they are left.
func (b *Budget) overdraw(bytes int64) {
	b.mu.Lock()
	b.left -= bytes
	b.mu.Unlock()
}

// give returns bytes.
func (b *Budget) give(bytes int64) {
	if bytes == 0 {
		return
	}
	b.mu.Lock()
	b.left += bytes
	b.grant()
	b.mu.Unlock()
}

// grant serves the line in order; mu is held.
func (b *Budget) grant() {
	for len(b.queue) > 0 && b.queue[0].bytes <= b.left {
		w := b.queue[0]
		b.queue = b.queue[1:]
		b.left -= w.bytes
		close(w.granted)
	}
}

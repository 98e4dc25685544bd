package server

import "sync"

const (
	firstBuffer = 64 << 10
	largeBuffer = 2 << 20  // larger ones are for unusual pages and bodies
	pooled      = 16 << 20 // bytes of buffers that are kept for good
	keptBuffer  = 40 << 20 // the largest buffer worth keeping: a page of the largest size
)

// buffers keeps the memory of typical pages and bodies between requests. The collector empties a sync.Pool, and clearing
// fresh memory was 8% of the processor time of a page; the buffer that was used last is likely still in the processor's
// cache.
var buffers bufferStack

// largeBuffers keeps the others between collections.
var largeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, firstBuffer); return &b }}

// bufferStack is a stack of buffers, bounded in bytes.
type bufferStack struct {
	mu    sync.Mutex
	bytes int       // guarded by mu
	stack []*[]byte // guarded by mu
}

func (s *bufferStack) take() *[]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stack) == 0 {
		b := make([]byte, 0, firstBuffer)
		return &b
	}
	last := len(s.stack) - 1
	b := s.stack[last]
	s.stack[last] = nil
	s.stack = s.stack[:last]
	s.bytes -= cap(*b)
	return b
}

func (s *bufferStack) put(b *[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+cap(*b) <= pooled {
		s.stack = append(s.stack, b)
		s.bytes += cap(*b)
	}
}

// acquireBuffer returns an empty buffer for about so many bytes.
func acquireBuffer(expected int) *[]byte {
	if expected > largeBuffer {
		return largeBuffers.Get().(*[]byte)
	}
	return buffers.take()
}

// releaseBuffer takes back a buffer; now is the slice that it has grown into.
func releaseBuffer(p *[]byte, now []byte) {
	*p = now[:0]
	switch {
	case cap(now) <= largeBuffer:
		buffers.put(p)
	case cap(now) <= keptBuffer:
		largeBuffers.Put(p)
	}
}

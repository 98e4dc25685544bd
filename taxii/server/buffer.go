package server

import "sync"

const (
	firstBuffer = 64 << 10
	largeBuffer = 2 << 20  // beyond this a buffer is for unusual pages and bodies
	shelved     = 16 << 20 // bytes of buffers that are kept for good
	keptBuffer  = 40 << 20 // the largest buffer worth keeping: a page of the largest size
)

// buffers keeps the memory of typical pages and bodies between requests. The collector empties a sync.Pool, and clearing
// fresh memory was 8% of the processor time of a page; and the buffer that was used last is likely to be still in the
// processor's cache.
var buffers shelf

// largeBuffers keeps the others for a while.
var largeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, firstBuffer); return &b }}

// shelf is a stack of buffers, bounded in bytes.
type shelf struct {
	mu    sync.Mutex
	bytes int       // guarded by mu
	stack []*[]byte // guarded by mu
}

func (s *shelf) take() *[]byte {
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

func (s *shelf) put(b *[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+cap(*b) <= shelved {
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

// releaseBuffer takes back a buffer, under the slice it has become.
func releaseBuffer(p *[]byte, now []byte) {
	*p = now[:0]
	switch {
	case cap(now) <= largeBuffer:
		buffers.put(p)
	case cap(now) <= keptBuffer:
		largeBuffers.Put(p)
	}
}

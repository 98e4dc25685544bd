package server

import "sync"

// buffers keeps the memory of pages and bodies between requests.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// keptBuffer is the largest buffer worth keeping: a page of the largest size.
const keptBuffer = 40 << 20

func acquireBuffer() *[]byte { return buffers.Get().(*[]byte) }

// releaseBuffer takes back a buffer, under the slice it has become.
func releaseBuffer(p *[]byte, now []byte) {
	if cap(now) <= keptBuffer {
		*p = now[:0]
		buffers.Put(p)
	}
}

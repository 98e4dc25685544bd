package server

import (
	"net"
	"sync"
)

// net/http writes an answer that is larger than its buffer in two pieces: the head with the first bytes, then the rest. A
// headConn holds the first one back and writes both with one system call, without copying the rest: the client is woken
// once instead of twice. Real pages of 150 kB take 103 µs of processor time instead of 141, manifests of 19 kB 85 instead
// of 97. (Joining them in a buffer, which copies the rest, made pages slower.)
type headConn struct {
	net.Conn

	mu      sync.Mutex
	holding bool        // guarded by mu
	head    *[]byte     // guarded by mu; nil: nothing is held
	pieces  [2][]byte   // guarded by mu
	joined  net.Buffers // guarded by mu: pieces, while they are written
}

// httpBuffer is the size of the buffer in which net/http puts an answer's head.
const httpBuffer = 4 << 10

var heads = sync.Pool{New: func() any {
	b := make([]byte, 0, httpBuffer)
	return &b
}}

// hold implements joiner.
func (c *headConn) hold() {
	c.mu.Lock()
	c.holding = true
	c.mu.Unlock()
}

// let implements joiner.
func (c *headConn) let() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	if c.head == nil {
		return nil
	}
	_, err := c.Conn.Write(*c.head)
	c.drop()
	return err
}

// drop forgets what is held; mu is held.
func (c *headConn) drop() {
	*c.head = (*c.head)[:0]
	heads.Put(c.head)
	c.head = nil
}

// Write implements net.Conn.
func (c *headConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head != nil {
		return c.writeBoth(b)
	}
	if !c.holding || len(b) > httpBuffer {
		return c.Conn.Write(b)
	}
	c.head = heads.Get().(*[]byte)
	*c.head = append(*c.head, b...)
	return len(b), nil
}

// writeBoth writes what is held, and b; mu is held.
func (c *headConn) writeBoth(b []byte) (int, error) {
	before := len(*c.head)
	c.pieces = [2][]byte{*c.head, b}
	c.joined = c.pieces[:]
	n, err := c.joined.WriteTo(c.Conn)
	c.pieces = [2][]byte{}
	c.drop()
	return max(int(n)-before, 0), err
}

// CloseWrite lets net/http end its side first, so that what it wrote still arrives.
func (c *headConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

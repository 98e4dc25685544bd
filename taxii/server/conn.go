package server

import (
	"context"
	"net"
	"net/http"
	"sync"
)

type connKey struct{}

// ConnContext is for an http.Server that serves connections of SecureListener or of Listener.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if u, ok := c.(*unreadConn); ok {
		return context.WithValue(ctx, connKey{}, u.conn)
	}
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		if c, ok := t.NetConn().(*conn); ok {
			return context.WithValue(ctx, connKey{}, c)
		}
	}
	return ctx
}

// connOf is the connection of a request; nil when it does not join what is written, or when several requests share it.
func connOf(r *http.Request) *conn {
	if r.ProtoMajor != 1 {
		return nil
	}
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// conn is a connection whose writes can be held back for a while, to be made with one system call. What is held is copied; a
// piece that is too large for that is written together with it as it is.
//
//   - TLS writes an answer as records of at most 16 KiB. Joining them, a page of 103 kB takes 192 µs of processor time
//     instead of 242.
//   - Without TLS, net/http writes an answer that is larger than its buffer in two pieces: the head with the first bytes,
//     then the rest. Joining them, the client is woken once instead of twice: real pages of 150 kB take 103 µs instead of
//     141, manifests of 19 kB 85 instead of 97. Copying the rest too made pages slower.
type conn struct {
	net.Conn
	pool *heldPool

	mu      sync.Mutex
	holding bool        // guarded by mu
	held    *[]byte     // guarded by mu; nil: nothing is held
	pieces  [2][]byte   // guarded by mu
	joined  net.Buffers // guarded by mu: pieces, while they are written
}

// heldPool has the buffers in which writes are held, of one size.
type heldPool struct {
	size int
	sync.Pool
}

func newHeldPool(size int) *heldPool {
	return &heldPool{size, sync.Pool{New: func() any {
		b := make([]byte, 0, size)
		return &b
	}}}
}

var (
	headBuffers   = newHeldPool(4 << 10) // as large as net/http's
	recordBuffers = newHeldPool(128 << 10)
)

// hold holds writes back until let, as far as there is room.
func (c *conn) hold() {
	c.mu.Lock()
	c.holding = true
	c.mu.Unlock()
}

// let writes what is held, and from then on everything at once.
func (c *conn) let() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	if c.held == nil {
		return nil
	}
	_, err := c.flush(nil)
	c.pool.Put(c.held)
	c.held = nil
	return err
}

// flush writes what is held, and rest, and returns how much of rest it wrote; mu is held.
func (c *conn) flush(rest []byte) (int, error) {
	held := *c.held
	*c.held = held[:0]
	switch {
	case len(held) == 0 && len(rest) == 0:
		return 0, nil
	case len(held) == 0:
		return c.Conn.Write(rest)
	case len(rest) == 0:
		_, err := c.Conn.Write(held)
		return 0, err
	}
	c.pieces = [2][]byte{held, rest}
	c.joined = c.pieces[:]
	n, err := c.joined.WriteTo(c.Conn)
	c.pieces = [2][]byte{}
	return max(int(n)-len(held), 0), err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holding {
		return c.Conn.Write(b)
	}
	if c.held == nil {
		c.held = c.pool.Get().(*[]byte)
	}
	if len(b) > c.pool.size {
		return c.flush(b)
	}
	if len(*c.held)+len(b) > c.pool.size {
		if _, err := c.flush(nil); err != nil {
			return 0, err
		}
	}
	*c.held = append(*c.held, b...)
	return len(b), nil
}

// CloseWrite lets net/http end its side first, so that what it wrote still arrives.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

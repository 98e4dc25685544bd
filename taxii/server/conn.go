package server

import (
	"context"
	"net"
	"net/http"
	"sync"
)

type connKey struct{}

// joiner is a connection that writes the pieces of an answer together.
type joiner interface {
	hold()      // writes back until let, as far as there is room
	let() error // writes what is held, and from then on everything at once
}

// ConnContext is for an http.Server that serves connections of SecureListener or of Listener.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if u, ok := c.(*unreadConn); ok {
		return context.WithValue(ctx, connKey{}, joiner(u.headConn))
	}
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		if c, ok := t.NetConn().(*conn); ok {
			return context.WithValue(ctx, connKey{}, joiner(c))
		}
	}
	return ctx
}

// joinerOf is the connection of a request; nil when it does not join, or when several requests share it.
func joinerOf(r *http.Request) joiner {
	if r.ProtoMajor != 1 {
		return nil
	}
	c, _ := r.Context().Value(connKey{}).(joiner)
	return c
}

// TLS writes an answer as records of at most 16 KiB, each with a system call of its own. A conn lies below TLS and joins
// them: 242 µs of processor time for a page of 103 kB became 192.
type conn struct {
	net.Conn

	mu      sync.Mutex
	holding bool    // guarded by mu
	held    *[]byte // guarded by mu; nil: nothing is held
}

// mostHeld is what is held back at most.
const mostHeld = 128 << 10

var heldBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, mostHeld)
	return &b
}}

// hold implements joiner.
func (c *conn) hold() {
	c.mu.Lock()
	c.holding = true
	c.mu.Unlock()
}

// let implements joiner.
func (c *conn) let() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	if c.held == nil {
		return nil
	}
	err := c.flush()
	heldBuffers.Put(c.held)
	c.held = nil
	return err
}

// flush writes what is held; mu is held.
func (c *conn) flush() error {
	b := *c.held
	*c.held = b[:0]
	if len(b) == 0 {
		return nil
	}
	_, err := c.Conn.Write(b)
	return err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holding {
		return c.Conn.Write(b)
	}
	if c.held == nil {
		c.held = heldBuffers.Get().(*[]byte)
	}
	if len(*c.held)+len(b) > mostHeld {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(b) > mostHeld {
		return c.Conn.Write(b)
	}
	*c.held = append(*c.held, b...)
	return len(b), nil
}

package cluster

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// strangers is how many connections may be open of which the other end is not known yet, and how many more without a member's
// certificate: those of nodes that ask for a copy, or whether they are members.
const strangers = 64

// crowd are at most so many connections. A new one takes the place of the oldest, which is closed: a member is known within
// milliseconds, so that those who hold connections keep no member out.
type crowd struct {
	mu   sync.Mutex
	list []net.Conn // guarded by mu; the oldest first
}

func (c *crowd) enter(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list = append(c.list, conn); len(c.list) > strangers {
		c.list[0].Close()
		c.list = slices.Delete(c.list, 0, 1)
	}
}

// leave is called when a connection is closed, or its other end is known.
func (c *crowd) leave(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(one net.Conn) bool { return one == conn })
}

// strangerKey is the key of a request's connection, below TLS, if it is without a member's certificate.
type strangerKey struct{}

// invited notes that the caller has a token: its connection makes room for no stranger, and ends with this request.
func (m *memberServer) invited(w http.ResponseWriter, r *http.Request) {
	if conn, ok := r.Context().Value(strangerKey{}).(net.Conn); ok {
		w.Header().Set("Connection", "close")
		m.strangers.leave(conn)
	}
}

// await returns when a request with a token, by the digest of its secret, may go on to what costs other nodes something: at once if
// this node knows the token, and one after the other if it does not. It may be behind.
func (n *Node) await(ctx context.Context, secret []byte) (done func(), err error) {
	if n.members.Load().invited(secret) >= 0 {
		return func() {}, nil
	}
	select {
	case n.unknown <- struct{}{}:
		return func() { <-n.unknown }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

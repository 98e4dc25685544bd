package serve

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/auth"
)

// connections bounds how many connections a server has open, in all and from one address. A new one beyond a bound takes
// the place of the connection that has been idle longest among those that the bound counts; if none of them is idle, the
// new one is closed.
type connections struct {
	most    int
	mostOne int            // from one address; 0: as many as in all
	proxies []netip.Prefix // addresses without a bound of their own

	mu      sync.Mutex
	open    map[net.Conn]*connection  // guarded by mu
	from    map[netip.Prefix]*origins // guarded by mu; only addresses that have connections
	idle    list.List                 // guarded by mu: of net.Conn, the one idle longest first
	evicted uint64                    // guarded by mu
	refused uint64                    // guarded by mu
}

// connection is the state of an open connection.
type connection struct {
	address  netip.Prefix
	worked   bool          // it has had a request: its handshake is over
	all, own *list.Element // its places among the idle ones; nil: it is active
}

// origins counts the connections of one address.
type origins struct {
	open int
	idle list.List // of net.Conn, the one idle longest first
}

func newConnections(most, mostOne int) *connections {
	return &connections{most: most, mostOne: mostOne, open: map[net.Conn]*connection{}, from: map[netip.Prefix]*origins{}}
}

// addressConnections is the bound for one address: none behind a proxy, whose connections are those of all clients.
func (c Config) addressConnections() int {
	if c.Transport.BehindProxy {
		return 0
	}
	return c.Limits.AddressConnections
}

// changed is the http.Server's ConnState. A connection that a stream of events takes over counts until closed is called.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	var drop net.Conn
	c.mu.Lock()
	switch state {
	case http.StateNew:
		drop = c.add(conn)
	case http.StateIdle:
		if at := c.open[conn]; at != nil && at.all == nil {
			c.rest(conn, at)
		}
	case http.StateActive:
		if at := c.open[conn]; at != nil && at.all != nil {
			c.work(at)
		}
	case http.StateClosed:
		c.forget(conn)
	}
	c.mu.Unlock()
	if drop != nil {
		cut(drop)
	}
}

// closed is called when a connection is closed that was taken over.
func (c *connections) closed(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
}

// add counts a new connection and returns the one to close for it, if any: the new one itself if no other is idle. mu is
// held.
func (c *connections) add(conn net.Conn) (drop net.Conn) {
	address := addressOf(conn)
	idle := &c.idle
	full := len(c.open) >= c.most
	if o := c.from[address]; o != nil && c.mostOne > 0 && o.open >= c.mostOne && !c.isProxy(address) {
		idle, full = &o.idle, true
	}
	if full {
		longest := idle.Front()
		if longest == nil {
			c.refused++
			return conn
		}
		c.evicted++
		drop = longest.Value.(net.Conn)
		c.forget(drop)
	}
	o := c.from[address]
	if o == nil {
		o = &origins{}
		c.from[address] = o
	}
	o.open++
	at := &connection{address: address}
	c.open[conn] = at
	c.rest(conn, at)
	return drop
}

func (c *connections) isProxy(address netip.Prefix) bool {
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(address.Addr()) })
}

// closeWhere closes the TLS connections whose state is bad, and returns how many.
func (c *connections) closeWhere(bad func(tls.ConnectionState) bool) (n int) {
	c.mu.Lock()
	var list []*tls.Conn
	for conn, at := range c.open {
		if t, ok := conn.(*tls.Conn); ok && at.worked {
			list = append(list, t)
		}
	}
	c.mu.Unlock()
	for _, conn := range list {
		if bad(conn.ConnectionState()) {
			cut(conn)
			n++
		}
	}
	return n
}

// rest puts a connection among the idle ones; mu is held.
func (c *connections) rest(conn net.Conn, at *connection) {
	at.all, at.own = c.idle.PushBack(conn), c.from[at.address].idle.PushBack(conn)
}

// work takes a connection from the idle ones; mu is held.
func (c *connections) work(at *connection) {
	at.worked = true
	c.idle.Remove(at.all)
	c.from[at.address].idle.Remove(at.own)
	at.all, at.own = nil, nil
}

// forget no longer counts a connection; mu is held.
func (c *connections) forget(conn net.Conn) {
	at := c.open[conn]
	if at == nil {
		return
	}
	if at.all != nil {
		c.work(at)
	}
	delete(c.open, conn)
	o := c.from[at.address]
	if o.open--; o.open == 0 {
		delete(c.from, at.address)
	}
}

// addressOf returns the address that a connection comes from, as auth counts addresses.
func addressOf(conn net.Conn) netip.Prefix {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return auth.AddressPrefix(tcp.AddrPort().Addr())
}

// cut closes a connection without waiting for its other side.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.SetDeadline(time.Unix(1, 0))
	conn.Close()
}

// stats returns how many connections are open, and how many were closed for others or refused so far.
func (c *connections) stats() (open int, evicted, refused uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.evicted, c.refused
}

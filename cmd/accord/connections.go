package main

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections bounds how many connections a server has open. A new one beyond the bound takes the place of the one that
// has been idle for the longest time; when all are at work it is turned away.
type connections struct {
	most int

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // guarded by mu; nil: at work
	idle    list.List                  // guarded by mu: of net.Conn, the one that is idle longest first
	evicted uint64                     // guarded by mu
	refused uint64                     // guarded by mu
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[net.Conn]*list.Element{}}
}

// changed is the http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	var drop net.Conn
	c.mu.Lock()
	switch state {
	case http.StateNew:
		if len(c.open) >= c.most {
			drop = c.makeRoom()
			if drop == nil {
				c.refused++
				drop = conn
				break
			}
		}
		c.open[conn] = c.idle.PushBack(conn)
	case http.StateIdle:
		if e, known := c.open[conn]; known && e == nil {
			c.open[conn] = c.idle.PushBack(conn)
		}
	case http.StateActive:
		if e, known := c.open[conn]; known && e != nil {
			c.idle.Remove(e)
			c.open[conn] = nil
		}
	case http.StateClosed, http.StateHijacked:
		c.forget(conn)
	}
	c.mu.Unlock()
	if drop != nil {
		cut(drop)
	}
}

// makeRoom picks the connection that has been idle longest; mu is held.
func (c *connections) makeRoom() net.Conn {
	e := c.idle.Front()
	if e == nil {
		return nil
	}
	conn := e.Value.(net.Conn)
	c.evicted++
	c.forget(conn)
	return conn
}

func (c *connections) forget(conn net.Conn) {
	if e, known := c.open[conn]; known {
		if e != nil {
			c.idle.Remove(e)
		}
		delete(c.open, conn)
	}
}

// cut closes a connection without waiting for its other side.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.SetDeadline(time.Unix(1, 0))
	conn.Close()
}

// figures are how many are open, and how many were closed for others or turned away so far.
func (c *connections) figures() (open int, evicted, refused uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.evicted, c.refused
}

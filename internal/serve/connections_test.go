package serve

import (
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// addressed is a connection that knows where it comes from, and whether it was closed.
type addressed struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (a *addressed) RemoteAddr() net.Addr        { return a.from }
func (a *addressed) SetDeadline(time.Time) error { return nil }
func (a *addressed) Close() error                { a.closed = true; return nil }

func from(address string) *addressed {
	return &addressed{from: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 1234))}
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second string
		same          bool // they count as one address
	}{
		{"the same IPv4 address", "192.0.2.1", "192.0.2.1", true},
		{"another IPv4 address", "192.0.2.1", "192.0.2.2", false},
		{"an IPv4 address written as IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"the same /64", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"another /64", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"a link-local address with a zone", "fe80::1%eth0", "fe80::2", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newConnections(10, 2)
			first := []*addressed{from(row.first), from(row.first)}
			for _, conn := range first {
				c.changed(conn, http.StateNew)
				c.changed(conn, http.StateActive)
			}
			second := from(row.second)
			if c.changed(second, http.StateNew); second.closed != row.same {
				t.Errorf("while the others are at work: got closed %v, want %v", second.closed, row.same)
			}
			c.changed(second, http.StateClosed)
			c.changed(first[1], http.StateIdle)
			second = from(row.second)
			c.changed(second, http.StateNew)
			if second.closed || first[0].closed || first[1].closed != row.same {
				t.Errorf("once one is idle: got the new one closed %v, that at work %v, the idle one %v, want false, false, %v",
					second.closed, first[0].closed, first[1].closed, row.same)
			}
			for _, conn := range append(first, second) {
				c.changed(conn, http.StateClosed)
			}
			if len(c.open) != 0 || len(c.from) != 0 || c.idle.Len() != 0 {
				t.Errorf("after all were closed: got %d open, %d addresses, %d idle, want none", len(c.open), len(c.from), c.idle.Len())
			}
		})
	}
}

func TestConnectionsOfOneAddressHaveNoBoundOfTheirOwnUnlessToldSo(t *testing.T) {
	c := newConnections(5, 0)
	for i := range 6 {
		conn := from("192.0.2.1")
		c.changed(conn, http.StateNew)
		c.changed(conn, http.StateActive)
		if conn.closed != (i == 5) {
			t.Errorf("connection %d: got closed %v, want %v", i, conn.closed, i == 5)
		}
	}
	if open, evicted, refused := c.stats(); open != 5 || evicted != 0 || refused != 1 {
		t.Errorf("got %d open, %d evicted, %d refused, want 5, 0, 1", open, evicted, refused)
	}
}

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/taxii"
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
	if open, evicted, refused := c.figures(); open != 5 || evicted != 0 || refused != 1 {
		t.Errorf("got %d open, %d evicted, %d refused, want 5, 0, 1", open, evicted, refused)
	}
}

// One address whose connections are all at work keeps nobody else out.
func TestOneAddressKeepsNobodyElseOut(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		from string
		let  bool
	}{
		"another address":                {nil, "127.0.0.2", true},
		"the same address":               {nil, "127.0.0.1", false},
		"the same, when all are a proxy": {[]string{"--behind-proxy"}, "127.0.0.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			file, data := exchange(t)
			c := start(t, exchangeVars, serveArgs(data, append([]string{"--plain-http", "--apply", file, "--max-address-connections", "3"}, row.args...)...)...).serving()
			address := strings.TrimPrefix(c.url, "http://")
			for range 3 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				// A request that goes on: its body is asked for once it is at work.
				fmt.Fprintf(conn, "POST %sobjects/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dmVuZG9yLXB1c2g6dmVuZG9yLXB1c2gtcHc=\r\nContent-Type: %s\r\n"+
					"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n", gsp, taxii.MediaType)
				line := make([]byte, 12)
				if _, err := conn.Read(line); err != nil || string(line) != "HTTP/1.1 100" {
					t.Fatalf("got %q, %v, want 100 Continue", line, err)
				}
			}
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(row.from)}}
			client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
			resp, err := client.Get(c.url + "/taxii2/")
			if err == nil {
				resp.Body.Close()
			}
			if (err == nil) != row.let {
				t.Errorf("got %v, want an answer: %v", err, row.let)
			}
		})
	}
}

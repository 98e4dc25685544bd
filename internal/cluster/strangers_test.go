package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// crowdOf opens connections to an address, more than may be open, each by open. They are closed when the test ends.
func crowdOf(t *testing.T, address string, open func() (net.Conn, error)) (conns []net.Conn) {
	t.Helper()
	for range strangers + 40 {
		conn, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns = append(conns, conn)
	}
	return conns
}

// stillOpen counts the connections that the other end has not closed.
func stillOpen(conns []net.Conn) (open int) {
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	return open
}

// A stranger holds a bounded number of connections, and keeps out neither members nor nodes with a token.
func TestStrangersHoldFewConnections(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	n := c.nodes[0]
	strange := func() (net.Conn, error) {
		conn, err := tls.Dial("tcp", c.address[0], joinerTLS(n.identity.authorityDigest(), nil))
		if err == nil {
			_, err = fmt.Fprintf(conn, "POST /join HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		}
		return conn, err
	}
	silent := func() (net.Conn, error) { return net.Dial("tcp", c.address[0]) }
	member := func() {
		t.Helper()
		began := time.Now()
		conn, err := dial(c.address[0], newCredentials(n.identity, n.members.Load).client(n.identity.Node, protocolLog))
		c.must(err)
		conn.Close()
		if took := time.Since(began); took > handshakeTime/2 {
			t.Errorf("a member was connected after %s", took)
		}
	}
	for name, open := range map[string]func() (net.Conn, error){"in the handshake": silent, "in a request": strange} {
		conns := crowdOf(t, c.address[0], open)
		eventually(t, "the oldest are closed", func() bool { return stillOpen(conns) <= strangers })
		member()
		if stillOpen(conns) == 0 {
			t.Errorf("%s: none is open, so that nothing was tried", name)
		}
	}
	token, err := n.Invite(t.Context(), "n1", true)
	c.must(err)
	c.place("n1")
	c.sends = func() {
		crowdOf(t, c.address[0], strange)
		crowdOf(t, c.address[0], silent)
	}
	_, err = Join(t.Context(), Joining{Dir: c.dirs[1], Token: token, Version: "test", Format: 1, Now: time.Now})
	c.must(err)
}

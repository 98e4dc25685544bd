package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// network carries what nodes send each other: each node tells the others the address of a proxy that is here. Who has opened a
// connection is known by its port. What one node sends another can be cut: a connection carries what the node that opened it has
// to say, so each direction of a pair is cut for itself.
type network struct {
	owner func(from, to int) string // the node that has opened a connection from a port of this machine to another; "" is none

	mu      sync.Mutex
	cut     map[direction]cutting // guarded by mu
	changed chan struct{}         // guarded by mu; closed and replaced when cut changes
	closers map[io.Closer]bool    // guarded by mu: what close closes
	ended   bool                  // guarded by mu
	all     sync.WaitGroup
}

// direction is from one node to another.
type direction struct{ from, to string }

// cutting is how a direction is cut.
type cutting int

const (
	whole   cutting = iota
	stalled         // what was sent arrives once the direction is whole again, as far as anybody still listens
	broken          // connections end, and new ones at once
)

func newNetwork(owner func(from, to int) string) *network {
	return &network{owner: owner, cut: map[direction]cutting{}, changed: make(chan struct{}), closers: map[io.Closer]bool{}}
}

// front makes a proxy before the address of a node and returns its own.
func (n *network) front(name, address string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	n.closes(l)
	n.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.all.Go(func() { n.carry(c, name, address) })
		}
	})
	return l.Addr().String(), nil
}

// closes has something closed when the network ends. It reports false if it has ended, and was closed at once.
func (n *network) closes(c io.Closer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		c.Close()
		return false
	}
	n.closers[c] = true
	return true
}

// ends closes something before the network does.
func (n *network) ends(c io.Closer) {
	c.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.closers, c)
}

func (n *network) close() {
	n.mu.Lock()
	n.ended = true
	for c := range n.closers {
		c.Close()
	}
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
	n.all.Wait()
}

// carry carries a connection to a node.
func (n *network) carry(c net.Conn, to, address string) {
	defer n.ends(c)
	d := direction{n.opener(c), to}
	if !n.closes(c) || !n.open(d) {
		return
	}
	other, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer n.ends(other)
	if !n.closes(other) {
		return
	}
	var both sync.WaitGroup
	for _, one := range [][2]net.Conn{{c, other}, {other, c}} {
		both.Go(func() {
			n.copy(one[1], one[0], d)
			c.Close()
			other.Close()
		})
	}
	both.Wait()
}

// opener returns the node that has opened a connection; "": it is none. One that has just been started may not be known yet.
func (n *network) opener(c net.Conn) (name string) {
	for range 5 {
		if name = n.owner(c.RemoteAddr().(*net.TCPAddr).Port, c.LocalAddr().(*net.TCPAddr).Port); name != "" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return name
}

func (n *network) copy(to io.Writer, from io.Reader, d direction) {
	buf := make([]byte, 64<<10)
	for {
		k, err := from.Read(buf)
		if k > 0 {
			if !n.open(d) {
				return
			}
			if _, err := to.Write(buf[:k]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// open waits while a direction is stalled, and reports whether it is whole.
func (n *network) open(d direction) bool {
	for {
		n.mu.Lock()
		how, changed, ended := n.cut[d], n.changed, n.ended
		n.mu.Unlock()
		if ended || how == broken {
			return false
		}
		if how == whole {
			return true
		}
		<-changed
	}
}

// set cuts directions, and makes all others whole.
func (n *network) set(cut map[direction]cutting) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	close(n.changed)
	n.changed = make(chan struct{})
}

// A shape is which directions a partition cuts, between nodes by name.
type shape struct {
	name string
	cuts func(r *rand.Rand, names []string) func(from, to string) bool
}

var shapes = []shape{
	{"one node cut off", func(r *rand.Rand, names []string) func(from, to string) bool {
		off := names[r.IntN(len(names))]
		return func(from, to string) bool { return from == off || to == off }
	}},
	{"two parts", func(r *rand.Rand, names []string) func(from, to string) bool {
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		part := map[string]bool{}
		for _, name := range names[:1+r.IntN(len(names)-1)] {
			part[name] = true
		}
		return func(from, to string) bool { return part[from] != part[to] }
	}},
	{"a node that is not heard", func(r *rand.Rand, names []string) func(from, to string) bool {
		off := names[r.IntN(len(names))]
		return func(from, _ string) bool { return from == off }
	}},
	{"a node that hears nothing", func(r *rand.Rand, names []string) func(from, to string) bool {
		off := names[r.IntN(len(names))]
		return func(_, to string) bool { return to == off }
	}},
	{"a ring", func(r *rand.Rand, names []string) func(from, to string) bool { // each is heard by the next one only
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		next := map[string]string{}
		for i, name := range names {
			next[name] = names[(i+1)%len(names)]
		}
		return func(from, to string) bool { return next[from] != to }
	}},
	{"two that do not reach each other", func(r *rand.Rand, names []string) func(from, to string) bool {
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		a, b := names[0], names[1]
		return func(from, to string) bool { return from == a && to == b || from == b && to == a }
	}},
	{"everyone for themselves", func(*rand.Rand, []string) func(from, to string) bool {
		return func(string, string) bool { return true }
	}},
}

// partition returns what a shape cuts.
func (s *shape) partition(r *rand.Rand, names []string) map[direction]cutting {
	off, how := s.cuts(r, names), []cutting{stalled, broken}[r.IntN(2)]
	cut := map[direction]cutting{}
	for _, from := range names {
		for _, to := range names {
			if from != to && off(from, to) {
				cut[direction{from, to}] = how
			}
		}
	}
	return cut
}

// portOwner returns which of some processes has a connection from a port of 127.0.0.1 to another one.
func portOwner(from, to int, processes map[string]int) string {
	inode := inodeOf(from, to)
	if inode == "" {
		return ""
	}
	for name, pid := range processes {
		folder := fmt.Sprintf("/proc/%d/fd", pid)
		files, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, f := range files {
			if to, err := os.Readlink(folder + "/" + f.Name()); err == nil && to == "socket:["+inode+"]" {
				return name
			}
		}
	}
	return ""
}

// inodeOf returns the inode of the socket that is connected from a port of 127.0.0.1 to another one. Sockets that are connected to
// different ports may share their own.
func inodeOf(from, to int) string {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer f.Close()
	local, remote := fmt.Sprintf("0100007F:%04X", from), fmt.Sprintf("0100007F:%04X", to)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && fields[1] == local && fields[2] == remote && fields[9] != "0" {
			return fields[9]
		}
	}
	return ""
}

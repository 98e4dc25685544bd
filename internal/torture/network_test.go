package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// What one node says to another passes, waits, or ends, as the direction is, and the other direction does not.
func TestDirectionsAreCut(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the owner of a connection is known on Linux only")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // it says again what it hears
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	n := newNetwork(func(from, to int) string { return portOwner(from, to, map[string]int{"a": os.Getpid()}) })
	defer n.close()
	address, err := n.front("b", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	heard := make(chan string, 10)
	go func() {
		defer close(heard)
		buf := make([]byte, 1)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			heard <- string(buf)
		}
	}()
	say := func(text string) { c.Write([]byte(text)) }
	want := func(text string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != text {
				t.Fatalf("heard %q, want %q", got, text)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%q was never heard", text)
		}
	}
	say("1")
	want("1")
	n.set(map[direction]cutting{{"b", "a"}: broken})
	say("2")
	want("2")
	n.set(map[direction]cutting{{"a", "b"}: stalled})
	say("3")
	select {
	case got, ok := <-heard:
		t.Fatalf("heard %q (%t) over a direction that is cut", got, ok)
	case <-time.After(50 * time.Millisecond):
	}
	n.set(nil)
	want("3")
	n.set(map[direction]cutting{{"a", "b"}: broken})
	say("4")
	want("") // the connection has ended
}

// Each shape cuts something, and none cuts a node from itself.
func TestShapesCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, count := range []int{3, 5} {
		for _, s := range shapes {
			for range 20 {
				var names []string
				for i := range count {
					names = append(names, fmt.Sprint("n", i))
				}
				cut := s.partition(r, names)
				if len(cut) == 0 || len(cut) > count*(count-1) {
					t.Errorf("%s of %d: cuts %v", s.name, count, cut)
				}
				for d := range cut {
					if d.from == d.to {
						t.Errorf("%s: cuts %v", s.name, d)
					}
				}
			}
		}
	}
}

// Two sockets may have one port, if they are connected to different ones: each has its owner.
func TestTheOwnerOfASharedPortIsKnown(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the owner of a connection is known on Linux only")
	}
	port, seen := 0, map[string]bool{}
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Control: func(_, _ string, c syscall.RawConn) error {
			var set error
			err := c.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) })
			return errors.Join(err, set)
		}}
		c, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		port = c.LocalAddr().(*net.TCPAddr).Port
		inode := inodeOf(port, l.Addr().(*net.TCPAddr).Port)
		if inode == "" || seen[inode] || portOwner(port, l.Addr().(*net.TCPAddr).Port, map[string]int{"a": os.Getpid()}) != "a" {
			t.Errorf("the connection %s to %s has the inode %q", c.LocalAddr(), l.Addr(), inode)
		}
		seen[inode] = true
	}
}

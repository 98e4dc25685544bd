package server

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"testing"
)

// recorded is a connection that keeps what is written to it, one piece a write, until it has room for no more.
type recorded struct {
	net.Conn
	pieces [][]byte
	room   int
}

var errNoRoom = errors.New("no room")

func (r *recorded) Write(b []byte) (int, error) {
	n := min(len(b), r.room)
	r.room -= n
	r.pieces = append(r.pieces, bytes.Clone(b[:n]))
	if n < len(b) {
		return n, errNoRoom
	}
	return n, nil
}

func (r *recorded) text() []byte { return bytes.Join(r.pieces, nil) }

// The head of an answer waits for the rest, and for nothing else.
func TestAHeadIsHeldBack(t *testing.T) {
	r := &recorded{room: 1 << 20}
	c := &conn{Conn: r, pool: headBuffers}
	write := func(n int) {
		t.Helper()
		if got, err := c.Write(bytes.Repeat([]byte{'x'}, n)); got != n || err != nil {
			t.Fatalf("got %d, %v for %d bytes", got, err, n)
		}
	}
	expect := func(when string, want int) {
		t.Helper()
		if got := len(r.text()); got != want {
			t.Fatalf("%s: %d bytes are written, want %d", when, got, want)
		}
	}
	write(10)
	expect("not buffering", 10)
	c.buffer()
	write(headBuffers.size)
	expect("a head", 10)
	write(100_000)
	expect("the rest", 10+headBuffers.size+100_000)
	if err := c.release(); err != nil {
		t.Fatal(err)
	}
	c.buffer()
	write(100)
	if err := c.release(); err != nil {
		t.Fatal(err)
	}
	expect("a head alone", 10+headBuffers.size+100_000+100)
	write(7)
	expect("afterwards", 10+headBuffers.size+100_000+100+7)
	c.buffer()
	write(headBuffers.size + 1)
	expect("what is no head", 10+headBuffers.size+100_000+100+7+headBuffers.size+1)
}

// Whatever is buffered when, the bytes are those that were written, in their order; and the writer learns how many of
// those just given were written, and of errors.
func TestHeldWritesAreTheSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for n := range 2000 {
		r := &recorded{room: 1 << 30}
		if rng.IntN(3) == 0 {
			r.room = rng.IntN(30_000)
		}
		room := r.room
		c := &conn{Conn: r, pool: []*bufferPool{headBuffers, newBufferPool(16 << 10)}[n%2]}
		var given []byte
		failed := false
		for range 1 + rng.IntN(20) {
			switch rng.IntN(4) {
			case 0:
				c.buffer()
			case 1:
				failed = c.release() != nil || failed
			default:
				b := make([]byte, 1+rng.IntN(10_000))
				for i := range b {
					b[i] = byte(rng.Uint32())
				}
				n, err := c.Write(b)
				if n < 0 || n > len(b) || err == nil && n < len(b) {
					t.Fatalf("got %d, %v for %d bytes", n, err, len(b))
				}
				given = append(given, b...)
				failed = failed || err != nil
			}
			if failed {
				break
			}
		}
		failed = c.release() != nil || failed
		want := given[:min(len(given), room)]
		if !bytes.Equal(r.text(), want) || failed != (len(given) > room) {
			t.Fatalf("%d bytes are written, want %d; failed: %t, room for %d", len(r.text()), len(want), failed, room)
		}
	}
}

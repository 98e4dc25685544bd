package cluster

import (
	"context"
	"encoding/binary"
	"time"

	"go.etcd.io/raft/v3"
)

// read is a question how far the log is.
type read struct {
	key   uint64
	sent  time.Time
	until time.Time
	done  func(place uint64, err error)
}

// ask asks how far the log is, and calls done with a place: whatever was committed when ask was called is at or before it.
func (c *core) ask(until time.Time, done func(place uint64, err error)) error {
	c.lastRead++
	r := &read{key: c.lastRead, until: until, done: done}
	c.reads[r.key] = r
	c.sendRead(r)
	return c.process()
}

func (c *core) sendRead(r *read) {
	r.sent = c.out.now()
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, c.id), uint64(c.started.UnixNano()))
	c.raw.ReadIndex(binary.BigEndian.AppendUint64(key, r.key))
}

func (c *core) answerRead(s raft.ReadState) {
	if len(s.RequestCtx) != 24 || binary.BigEndian.Uint64(s.RequestCtx[8:]) != uint64(c.started.UnixNano()) {
		return // of an earlier life
	}
	key := binary.BigEndian.Uint64(s.RequestCtx[16:])
	if r := c.reads[key]; r != nil {
		delete(c.reads, key)
		r.done(s.Index, nil)
	}
}

// readAgain is how long an answer is waited for before the question is asked again.
const readAgain = 500 * time.Millisecond

func (c *core) renewReads() {
	now := c.out.now()
	for _, key := range sortedKeys(c.reads) {
		r := c.reads[key]
		switch {
		case !now.Before(r.until):
			delete(c.reads, key)
			r.done(0, ErrNoLeader)
		case now.Sub(r.sent) >= readAgain:
			c.sendRead(r)
		}
	}
}

// Committed asks how far the log is: whatever any node has acknowledged before the call is at that place or before it.
func (n *Node) Committed(ctx context.Context) (uint64, error) {
	if n.following != nil {
		return n.following.committed(ctx, 0)
	}
	type answer struct {
		place uint64
		err   error
	}
	until := n.config.Now().Add(10 * time.Second)
	got := make(chan answer, 1)
	if !n.call(func() error {
		return n.core.ask(until, func(place uint64, err error) { got <- answer{place, err} })
	}) {
		return 0, errStopped
	}
	select {
	case a := <-got:
		return a.place, a.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-n.stop:
		return 0, errStopped
	}
}

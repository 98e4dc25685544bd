package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A node that cannot change accord.db takes no part any more: another one leads.
func TestANodeThatFailedLeadsNoMore(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	l := c.leader()
	m := c.machines[l]
	m.mu.Lock()
	m.fails = errors.New("accord.db is damaged")
	m.mu.Unlock()
	c.propose(l, uuid.Nil, "a change of accord.db") // its outcome is not known
	eventually(t, "it has failed", func() bool { return c.nodes[l].Failed() != nil })
	eventually(t, "another one leads", func() bool {
		leads, _ := c.nodes[(l+1)%3].Leads()
		also, _ := c.nodes[(l+2)%3].Leads()
		return leads || also
	})
	if leads, _ := c.nodes[l].Leads(); leads {
		t.Errorf("n%d has failed, and leads", l)
	}
}

// A voter that has failed counts for no majority: no other one is removed, and it is said to be wrong.
func TestAVoterThatFailedCountsForNothing(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	c.nodes[2].call(func() error { return errors.New("the disk is full") })
	eventually(t, "n2 has failed", func() bool { return c.nodes[2].Failed() != nil })
	eventually(t, "it is said to be wrong", func() bool {
		for _, m := range c.nodes[0].Status().Members {
			if m.Name == "n2" && m.Wrong != "" {
				return true
			}
		}
		return false
	})
	c.writable(0)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.nodes[0].Remove(ctx, "n1"); err == nil {
		t.Error("n1 was removed: n0 and n2 are left, and n2 takes no part")
	}
	c.writable(0)
}

// The node that leads leaves, and the member that it asks for it is a reader.
func TestTheNodeThatLeadsLeavesByAReader(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	token, err := c.nodes[0].Invite(t.Context(), "a0", true)
	c.must(err)
	c.place("a0")
	_, err = Join(t.Context(), Joining{Dir: c.dirs[2], Token: token, Version: "test", Format: 1, Now: time.Now})
	c.must(err)
	c.start(2)
	c.writable(2)
	eventually(t, "the reader has an address", func() bool { m, _ := c.nodes[0].members.Load().Named("a0"); return m.Address != "" })
	eventually(t, "the node that leads has left", func() bool {
		for i := range 2 {
			if leads, _ := c.nodes[i].Leads(); leads {
				return c.nodes[i].Leave(t.Context()) == nil
			}
		}
		return false
	})
}

// A follower passes on a message that no node can read: it is refused, and stops none.
func TestAMessageThatCannotBeReadIsNotPassedOn(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	far := c.follow("far", "n0")
	c.writable(far)
	for _, about := range []uuid.UUID{c.about, uuid.Nil} {
		_, err := c.nodes[far].following.pass(t.Context(), encodeMessage(about, uuid.New(), []byte("no message, and long enough to look like one")), 0)
		if err == nil {
			t.Error("it was passed on")
		}
	}
	c.add(far, 0)
	c.level(2, 0, far)
	if err := errors.Join(c.nodes[0].Failed(), c.nodes[far].Failed()); err != nil {
		t.Error(err)
	}
}

// A change of the members that a follower passes on has a place that covers it.
func TestThePlaceOfWhatIsPassedOnCoversIt(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 1)
	c.start(0)
	c.writable(0)
	n := c.nodes[0]
	for k := range 100 {
		ch := change{ID: uuid.New(), At: time.Now(), Invite: &Invite{ID: newNodeID(), Name: fmt.Sprint("x", k), Secret: []byte(fmt.Sprint(k)), Until: time.Now().Add(time.Hour)}}
		data, err := encodeChange(&ch)
		if err != nil {
			t.Fatal(err)
		}
		place, err := n.proposePassed(t.Context(), data, 1)
		if at := n.members.Load().Place; err != nil || place < at {
			t.Fatalf("the change is at %d, and its place is said to be %d (%v)", at, place, err)
		}
	}
}

// A node that lacks what no log has, fails, and is said to lack it again, waits for its files as before.
func TestANodeThatLacksEntriesMayFail(t *testing.T) {
	t.Parallel()
	n := &Node{feed: newFeed(), leading: make(chan struct{}), outrun: make(chan struct{}), beatNow: make(chan struct{}, 1)}
	n.config.Now, n.config.Warn = time.Now, func(string) {}
	n.now.Store(&view{})
	f := &following{node: n}
	f.lose(errors.New("one"), 5)
	f.fail(errors.New("two"))
	f.lose(errors.New("three"), 0)
	select {
	case <-n.outrun:
	default:
		t.Error("nothing is fetched")
	}
}

// A follower whose files stand still is behind by as long as they do, however many answers come.
func TestBehindIsReckonedFromTheFirstEntryThatIsLacking(t *testing.T) {
	t.Parallel()
	now := time.Now()
	n := &Node{feed: newFeed(), leading: make(chan struct{}), beatNow: make(chan struct{}, 1)}
	n.config.Now = func() time.Time { return now }
	n.now.Store(&view{})
	n.applier = newApplier(newFakeMachine(), 0)
	trust, err := readTrust(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &following{node: n, trust: trust, claims: claims{of: map[uint64]uint64{}}}
	for i := range 30_000 { // a thousand answers a second
		now = now.Add(time.Millisecond)
		f.mu.Lock()
		f.claims.gives(1, uint64(i+1))
		f.knows(now)
		f.publish()
		f.mu.Unlock()
	}
	if behind := n.Behind(); behind < 29*time.Second {
		t.Errorf("it is behind by %s, want 30s", behind)
	}
}

package cluster

import (
	"slices"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// hear notes that a node is there: a leader counts those that confirm, others count their leader.
func (c *core) hear(m *pb.Message) {
	if m.GetTerm() < c.term {
		return
	}
	switch m.GetType() {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgAppResp, pb.MsgHeartbeatResp:
		c.heard[m.GetFrom()] = c.out.now()
	}
}

// shownLately is how much older than what is heard of a node its last proof may be.
const shownLately = 2 * beatTime

// contactWith returns when a node was last there for sure. A heartbeat may have waited in a buffer while this node was paused: it counts
// as long as the node has answered a beat that was sent a moment before, or the time of that beat does.
func (c *core) contactWith(id uint64) time.Time {
	if heard, shown := c.heard[id], c.shown[id]; heard.Sub(shown) > shownLately {
		return shown
	} else {
		return heard
	}
}

// contact returns when this node was last sure to belong to the majority, and to know how far the log was committed.
func (c *core) contact() time.Time {
	if !c.leads() {
		if at := c.contactWith(c.leader); c.leader != 0 && at.After(c.sure) {
			return at
		}
		return c.sure
	}
	// A leader knows what is committed once an entry of its own term is.
	if term, err := c.storage.Term(c.raw.BasicStatus().GetCommit()); err != nil || term != c.term {
		return c.sure
	}
	times := []time.Time{}
	for _, n := range c.members.Nodes {
		if !n.Voter {
			continue
		}
		if n.ID == c.id {
			times = append(times, c.out.now())
		} else {
			times = append(times, c.contactWith(n.ID))
		}
	}
	if len(times) == 0 {
		return time.Time{}
	}
	slices.SortFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	return times[len(times)/2] // with it a majority
}

// showed notes that a node has answered what was sent to it at a time, and how far it says that the log is committed.
func (c *core) showed(from uint64, sent time.Time, place uint64) {
	if sent.After(c.shown[from]) {
		c.shown[from] = sent
	}
	if from == c.leader {
		c.told = max(c.told, place)
	}
}

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/store"
)

// A reader never leads: what only a leader sends is not believed of it, nor a term that no election has had.
func TestAReaderDoesNotEndAVoter(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 1)
	c.start(0)
	c.writable(0)
	n := c.nodes[0]
	core := n.core
	n.call(func() error {
		m := core.members.clone()
		m.Place += 100
		m.Nodes = append(m.Nodes, Member{ID: 5, Name: "reader", Reader: true}, Member{ID: 7, Name: "follower", Follows: core.id})
		core.learn(m)
		return nil
	})
	const huge = 1 << 40
	for _, from := range []uint64{5, 7, 9} { // the last one is no member
		for _, m := range []*pb.Message{
			{Type: pb.MsgHeartbeat.Enum(), Commit: new(uint64(huge))},
			{Type: pb.MsgApp.Enum(), Index: new(uint64(1)), LogTerm: new(uint64(1)), Commit: new(uint64(huge))},
			{Type: pb.MsgSnap.Enum(), Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: new(uint64(huge)), Term: new(uint64(1000))}}},
			{Type: pb.MsgTimeoutNow.Enum()},
			{Type: pb.MsgProp.Enum(), Term: new(uint64(0))},
			{Type: pb.MsgReadIndex.Enum(), Term: new(uint64(0))},
			{Type: pb.MsgForgetLeader.Enum(), Term: new(uint64(0))},
			{Type: pb.MsgReadIndexResp.Enum(), Index: new(uint64(huge))},
			{Type: pb.MsgAppResp.Enum(), Term: new(uint64(math.MaxUint64))},
		} {
			if m.From, m.To = new(from), new(core.id); m.Term == nil {
				m.Term = new(uint64(1000))
			}
			n.call(func() error { return core.receive(from, &packet{raft: m}) })
		}
	}
	if err := c.propose(0, uuid.New(), "still there"); err != nil {
		t.Error(err)
	}
	if v := n.now.Load(); v.term >= 1000 || v.lost != nil {
		t.Errorf("the node has believed it: %+v", v)
	}
}

// keeper is a log that keeps what is proposed, and has it nowhere.
type keeper struct {
	about, group uuid.UUID
	message      []byte
}

// Propose implements store.Log.
func (k *keeper) Propose(_ context.Context, about, group uuid.UUID, message []byte) error {
	k.about, k.group, k.message = about, group, message
	return store.ErrNotProposed
}

// One made-up entry would stop every node, and again after each start: the node that leads keeps it out of the log.
func TestNoNodeCanReadAMadeUpEntryAndNoneStops(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	liar, leader := 0, 1
	eventually(t, "a node leads", func() bool {
		if leads, _ := c.nodes[0].Leads(); leads {
			liar, leader = 1, 0
		}
		return c.nodes[0].now.Load().leader == c.nodes[leader].identity.Node
	})
	c.stop(liar)
	kept := &keeper{}
	c.ahead.Store(int64(2 * time.Hour))
	s, err := store.Open(c.dirs[liar], store.Options{Log: kept, Cluster: c.nodes[leader].ClusterID(), Now: c.now})
	c.must(err)
	if err := appendObject(t.Context(), s, c.about, 99); !errors.Is(err, store.ErrNotProposed) {
		t.Fatal(err)
	}
	c.must(s.Close())
	c.ahead.Store(0)
	c.start(liar)
	c.writable(liar)
	c.must(c.nodes[liar].machine.Check(kept.about, kept.group, kept.message, time.Now().Add(2*time.Hour)))
	from, to := c.nodes[liar].identity.Node, c.nodes[leader].identity.Node
	text := func(kind byte, v any) []byte {
		id := uuid.New()
		text, err := json.Marshal(v)
		c.must(err)
		if kind != kindMembers {
			text = append(id[:], text...)
		}
		return append([]byte{kind}, text...)
	}
	for name, e := range map[string]*pb.Entry{
		"an unknown kind":                        entryOf([]byte{99, 1, 2}),
		"nothing":                                entryOf(nil),
		"no message":                             entryOf(encodeMessage(c.about, uuid.New(), []byte("no message at all, but long enough to look like one"))),
		"a message of a clock that is far ahead": entryOf(encodeMessage(kept.about, kept.group, kept.message)),
		"a message of another group":             entryOf(encodeMessage(kept.about, uuid.New(), kept.message)),
		"a message about something else":         entryOf(encodeMessage(uuid.Nil, kept.group, kept.message)),
		"a key that cannot be opened":            entryOf(text(kindKeys, rotation{Note: []byte("x"), Sealed: []byte("y")})),
		"a change that no program knows":         entryOf(text(kindMembers, change{ID: uuid.New()})),
		"a removal that Raft is not told of":     entryOf(text(kindMembers, change{ID: uuid.New(), Remove: from})),
		"a change of Raft's of an old kind":      {Type: pb.EntryConfChange.Enum(), Data: []byte{8, 1}},
	} {
		if cmd, err := decodeCommand(e); err == nil && c.nodes[liar].check(cmd) == nil && cmd.kind != kindMembers && cmd.id != uuid.Nil {
			t.Errorf("%s: a follower may have it in the log", name)
		}
		c.nodes[liar].links.send(to, &packet{raft: &pb.Message{Type: pb.MsgProp.Enum(), From: new(from), To: new(to), Entries: []*pb.Entry{e}}})
	}
	c.add(liar, 1)
	c.add(leader, 2)
	c.level(3, 0, 1)
	for i, n := range c.nodes {
		if err := n.Failed(); err != nil {
			t.Errorf("n%d has stopped: %v", i, err)
		}
	}
	if got := c.nodes[leader].members.Load().Voters(); got != 2 {
		t.Errorf("%d nodes vote, want 2", got)
	}
}

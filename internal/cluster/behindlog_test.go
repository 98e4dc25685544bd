package cluster

import (
	"testing"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A snapshot says that the log of the node that leads begins too late for this one, unless it comes from an earlier term, or what it lacks
// has come with the same write.
func TestASnapshotIsHeldAgainstWhatIsInTheLogByNow(t *testing.T) {
	t.Parallel()
	const term, index = 5, 3
	snapshot := func(term uint64) *packet {
		return &packet{raft: &pb.Message{Type: pb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(term),
			Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: new(uint64(index)), Term: new(term), ConfState: &pb.ConfState{Voters: []uint64{1, 2}}}}}}
	}
	var entries []*pb.Entry
	for i := uint64(2); i <= index; i++ {
		entries = append(entries, &pb.Entry{Index: new(i), Term: new(uint64(term)), Type: pb.EntryNormal.Enum(), Data: encodeMessage(uuid.New(), uuid.New(), nil)})
	}
	app := &packet{raft: &pb.Message{Type: pb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(term)),
		Index: new(uint64(1)), LogTerm: new(uint64(1)), Commit: new(uint64(1)), Entries: entries}}
	for _, row := range []struct {
		name    string
		packets []*packet
		lost    bool
	}{
		{"it lacks the entries", []*packet{snapshot(term)}, true},
		{"they came with the same write", []*packet{app, snapshot(term)}, false},
		{"the snapshot is of an earlier term", []*packet{{raft: &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(term))}}, snapshot(term - 1)}, false},
	} {
		c := newPair(t).cores[2]
		var calls []func() error
		for _, p := range row.packets {
			calls = append(calls, func() error { return c.receive(1, p) })
		}
		if err := c.together(calls); err != nil {
			t.Fatal(err)
		}
		if got := c.lost != nil; got != row.lost {
			t.Errorf("%s: the node fetches its files: %t, want %t (%v)", row.name, got, row.lost, c.lost)
		}
	}
}

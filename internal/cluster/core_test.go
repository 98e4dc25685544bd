package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// threeVoters are members with the ids 1 to 3.
func threeVoters() *Members {
	return &Members{Nodes: []Member{{ID: 1, Name: "n1", Voter: true, Key: []byte("n1")}, {ID: 2, Name: "n2", Voter: true, Key: []byte("n2")}, {ID: 3, Name: "n3", Voter: true, Key: []byte("n3")}}}
}

// entries makes entries of the log from one index to another.
func entries(from, to, term uint64) (list []*pb.Entry) {
	for i := from; i <= to; i++ {
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:], i)
		list = append(list, &pb.Entry{Index: new(i), Term: new(term), Type: pb.EntryNormal.Enum(), Data: encodeMessage(uuid.UUID{1}, id, bytes.Repeat([]byte{1}, 100))})
	}
	return list
}

func hardState(term, commit uint64) *pb.HardState {
	return &pb.HardState{Term: new(term), Vote: new(uint64(0)), Commit: new(commit)}
}

func createLog(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log", "log.db")
	if err := raftlog.Create(path, raftlog.Beginning{Identity: []byte("x"), Index: 1, Term: 1, Members: threeVoters().encode()}); err != nil {
		t.Fatal(err)
	}
	return path
}

func openLog(t *testing.T, path string) *raftlog.Log {
	t.Helper()
	l, err := raftlog.Open(path, []byte("x"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// coreOf is the core of the node 2, whose files apply nothing by themselves; sent gets what it sends.
func coreOf(t *testing.T, l *raftlog.Log, sent *[]*pb.Message) *core {
	t.Helper()
	c, err := newCore(2, l, outside{now: time.Now, newID: uuid.New, apply: func([]placed) {}, joined: func(newest, connect *Members) {}, warn: func(text string) { t.Log(text) },
		send: func(_ uint64, p *packet) {
			if p.raft != nil {
				*sent = append(*sent, p.raft)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Raft reads what it does not know to be applied, in an election: none of that is dropped.
func TestWhatRaftStillReadsIsNotDropped(t *testing.T) {
	t.Parallel()
	l := openLog(t, createLog(t))
	if err := l.Save(raftlog.Write{Entries: entries(2, 100, 1), Hard: hardState(1, 100)}); err != nil {
		t.Fatal(err)
	}
	var sent []*pb.Message
	c := coreOf(t, l, &sent)
	err := c.process()
	err = errors.Join(err, c.applied(50), c.flush()) // a part of what was handed out together
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Drop(raftlog.Keep{}); err != nil {
		t.Fatal(err)
	}
	for range 5 * electionTicks {
		if err := c.tick(); err != nil {
			t.Fatal(err)
		}
	}
}

// A node whose log is too short for one leader, and that confirms entries of another one meanwhile, has them when it begins anew with
// files that were fetched.
func TestConfirmedEntriesStayWhenFilesAreFetched(t *testing.T) {
	t.Parallel()
	path := createLog(t)
	l := openLog(t, path)
	if err := l.Save(raftlog.Write{Entries: entries(2, 10, 1), Hard: hardState(1, 10), Applied: 10}); err != nil {
		t.Fatal(err)
	}
	var sent []*pb.Message
	c := coreOf(t, l, &sent)
	begins := &pb.Message{Type: pb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(2)),
		Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: threeVoters().confState(), Index: new(uint64(15)), Term: new(uint64(1))}}}
	more := &pb.Message{Type: pb.MsgApp.Enum(), From: new(uint64(3)), To: new(uint64(2)), Term: new(uint64(3)),
		LogTerm: new(uint64(1)), Index: new(uint64(10)), Entries: entries(11, 20, 1), Commit: new(uint64(10))}
	if err := errors.Join(c.receive(1, &packet{raft: begins}), c.receive(3, &packet{raft: more}), l.Close()); err != nil {
		t.Fatal(err)
	}
	confirmed := uint64(0)
	for _, m := range sent {
		if m.GetType() == pb.MsgAppResp && !m.GetReject() {
			confirmed = max(confirmed, m.GetIndex())
		}
	}
	if c.lost == nil || confirmed != 20 {
		t.Fatalf("it lacks nothing (%v) or has confirmed %d: the test shows nothing", c.lost, confirmed)
	}
	if err := raftlog.Replace(path, raftlog.Beginning{Identity: []byte("x"), Index: 16, Term: 1, Members: threeVoters().encode()}, time.Now); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, path)
	if last, err := l.LastIndex(); last != confirmed || l.Applied() != 16 {
		t.Errorf("the log ends at %d (%v) and is applied up to %d, want %d and 16", last, err, l.Applied(), confirmed)
	}
	c = coreOf(t, l, &sent)
	beat := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(3)), To: new(uint64(2)), Term: new(uint64(3)), Commit: new(uint64(20))}
	if err := c.receive(3, &packet{raft: beat}); err != nil {
		t.Error(err)
	}
}

// Where the log begins may move while it is read.
func TestASnapshotIsTakenWhileEntriesAreDropped(t *testing.T) {
	t.Parallel()
	l := openLog(t, createLog(t))
	const last = 20_000
	if err := l.Save(raftlog.Write{Entries: entries(2, last, 1), Hard: hardState(1, last), Applied: last}); err != nil {
		t.Fatal(err)
	}
	s := &storage{l, threeVoters()}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			_, err := s.Snapshot()
			if errors.Is(err, raft.ErrCompacted) {
				ended <- err
				return
			}
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
		}
	}()
	for n := 1; n > 0; {
		var err error
		if n, err = l.Drop(raftlog.Keep{}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

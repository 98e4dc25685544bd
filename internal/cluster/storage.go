package cluster

import (
	"errors"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// Disk is where a node keeps its log: a raftlog.Log. What Save has returned for survives a crash.
type Disk interface {
	HardState() *pb.HardState
	FirstIndex() (uint64, error)
	LastIndex() (uint64, error)
	Term(index uint64) (uint64, error)
	Entries(lo, hi, maxSize uint64) ([]*pb.Entry, error)
	Applied() uint64
	Members() ([]byte, error)
	Save(raftlog.Write) error
}

// storage is a disk as Raft reads it.
type storage struct {
	Disk
	members *Members
}

// InitialState implements raft.Storage.
func (s *storage) InitialState() (*pb.HardState, *pb.ConfState, error) {
	return s.HardState(), s.members.confState(), nil
}

// Snapshot implements raft.Storage. The snapshot has no data. It tells a node that the log no longer has what it lacks.
func (s *storage) Snapshot() (*pb.Snapshot, error) {
	first, err := s.FirstIndex()
	if err != nil {
		return nil, err
	}
	term, err := s.Term(first - 1)
	if errors.Is(err, raft.ErrCompacted) { // dropped in between
		return s.Snapshot()
	}
	if err != nil {
		return nil, err
	}
	return &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: s.members.confState(), Index: new(first - 1), Term: new(term)}}, nil
}

var _ raft.Storage = (*storage)(nil)

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/store"
)

// LeaveLast makes the data folder of the last node of a cluster one of a single server. No server may run on it.
func LeaveLast(dir string, now func() time.Time) error {
	id, log, m, err := openStopped(dir, now)
	if err != nil {
		return err
	}
	defer log.Close()
	if _, member := m.Node(id.Node); !member || len(m.Nodes) > 1 {
		return refused("there are other nodes in the cluster: start the server, and leave through it")
	}
	if err := applyRest(dir, id, log); err != nil {
		return err
	}
	return alone(dir, log)
}

// RestartAlone makes what a node has a new cluster of this node alone, after the majority was lost for good. No server may run on
// it. Everything that its log has counts, also what it did not know to be committed: nothing of that was refused to anybody.
func RestartAlone(dir, version string, now func() time.Time) error {
	id, log, _, err := openStopped(dir, now)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := applyRest(dir, id, log); err != nil {
		return err
	}
	if err := alone(dir, log); err != nil {
		return err
	}
	return Init(dir, id.Name, version, now())
}

func openStopped(dir string, now func() time.Time) (*Identity, *raftlog.Log, *Members, error) {
	if _, err := Connect(dir); err == nil {
		return nil, nil, nil, refused("a server runs on %s: stop it first", dir)
	}
	id, err := ReadIdentity(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil, refused("the folder %s is in no cluster", dir)
	} else if err != nil {
		return nil, nil, nil, err
	}
	if err := useFetched(dir, id, now); err != nil {
		return nil, nil, nil, err
	}
	log, err := raftlog.Open(LogPath(dir), id.logIdentity(), now)
	if err != nil {
		return nil, nil, nil, err
	}
	text, err := log.Members()
	if err != nil {
		return nil, nil, nil, errors.Join(err, log.Close())
	}
	m, err := ParseMembers(text)
	if err != nil {
		return nil, nil, nil, errors.Join(err, log.Close())
	}
	return id, log, m, nil
}

// stopped is the log of a folder that is only read from its log.
type stopped struct{}

// Propose implements store.Log.
func (stopped) Propose(context.Context, uuid.UUID, uuid.UUID, []byte) error {
	return store.ErrNotProposed
}

// applyRest applies what the log has and the files have not.
func applyRest(dir string, id *Identity, log *raftlog.Log) error {
	s, err := store.Open(dir, store.Options{Log: stopped{}, Cluster: id.Cluster.String()})
	if err != nil {
		return err
	}
	defer s.Close()
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	f := Folder{s}
	for i := log.Applied() + 1; i <= last; {
		entries, err := log.Entries(i, last+1, maxMessage)
		if err != nil {
			return err
		}
		for _, e := range entries {
			cmd, err := decodeCommand(e)
			if err != nil {
				return err
			}
			if cmd.kind == kindKeys {
				if err := cmd.keys.make(id, f); err != nil {
					return fmt.Errorf("apply place %d of the log: %w", e.GetIndex(), err)
				}
			}
			if cmd.kind != kindMessage {
				continue
			}
			if err := f.Apply(cmd.about, []store.Logged{{Place: e.GetIndex(), Message: cmd.message}}); err != nil {
				return fmt.Errorf("apply place %d of the log: %w", e.GetIndex(), err)
			}
		}
		i += uint64(len(entries))
	}
	s.NotePlace(last)
	return s.Close()
}

// alone takes a folder out of the log and forgets the cluster.
func alone(dir string, log *raftlog.Log) error {
	if err := log.Close(); err != nil {
		return err
	}
	if err := store.LeaveLog(dir); err != nil {
		return err
	}
	return Forget(dir)
}

// ListStopped returns the members of the cluster of a folder on which no server runs, as its log says.
func ListStopped(dir string, now func() time.Time) (*Status, error) {
	id, log, m, err := openStopped(dir, now)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &Status{Cluster: id.Cluster.String(), Node: id.Name, Applied: log.Applied(), LogBytes: log.Bytes()}
	for _, one := range m.Nodes {
		w := MemberStatus{Name: one.Name, Address: one.Address, Role: one.Role(), Follows: m.nameOf(one.Follows), Version: one.Version, Wrong: "unknown: no server runs on this folder"}
		s.Members = append(s.Members, w)
	}
	return s, nil
}

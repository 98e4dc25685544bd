package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/store"
)

// LeaveLast makes the data folder of the last node of a cluster one of a single server. No server may run on it.
func LeaveLast(dir string, now func() time.Time) error {
	_, err := alone(dir, now, func(id *Identity, m *Members) error {
		if _, member := m.Node(id.Node); !member || len(m.Nodes) > 1 {
			return refused("there are other nodes in the cluster: start the server, and leave through it")
		}
		return nil
	})
	return err
}

// RestartAlone makes what a node has a new cluster of this node alone, after the majority was lost for good. No server may run on
// it. Everything that its log has counts, also what it did not know to be committed: nothing of that was refused to anybody.
func RestartAlone(dir, version string, now func() time.Time) error {
	id, err := alone(dir, now, func(*Identity, *Members) error { return nil })
	if err != nil {
		return err
	}
	return Init(dir, id.Name, version, now())
}

// leavingName is a file that says that the files have all that the log has, and are leaving it: without their places in the log,
// nothing of it may be applied to them again.
const leavingName = "leaving"

// leaving reports whether the files of a data folder have begun to leave the log.
func leaving(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, folderName, leavingName))
	return err == nil
}

// alone takes a folder out of the log, unless may refuses it, and forgets the cluster. It goes on where an attempt was killed: what is
// applied before the mark is not applied again, as the files have their places until then, and after it only the last two steps are left.
func alone(dir string, now func() time.Time, may func(*Identity, *Members) error) (*Identity, error) {
	id, err := stoppedIdentity(dir)
	if err == nil && !leaving(dir) {
		err = applyAll(dir, now, may)
	}
	if err == nil {
		err = store.LeaveLog(dir)
	}
	if err != nil {
		return nil, err
	}
	return id, Forget(dir)
}

// applyAll applies what the log has and the files have not, and says so.
func applyAll(dir string, now func() time.Time, may func(*Identity, *Members) error) error {
	id, log, m, err := openStopped(dir, now)
	if err != nil {
		return err
	}
	if err = may(id, m); err == nil {
		err = applyRest(dir, id, log)
	}
	if err = errors.Join(err, log.Close()); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, folderName, leavingName), nil)
}

// stoppedIdentity is who the node of a folder is on which no server runs.
func stoppedIdentity(dir string) (*Identity, error) {
	if _, err := Connect(dir); err == nil {
		return nil, refused("a server runs on %s: stop it first", dir)
	}
	id, err := ReadIdentity(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, refused("the folder %s is in no cluster", dir)
	}
	return id, err
}

func openStopped(dir string, now func() time.Time) (*Identity, *raftlog.Log, *Members, error) {
	id, err := stoppedIdentity(dir)
	if err != nil {
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

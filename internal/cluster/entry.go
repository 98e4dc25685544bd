package cluster

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// An entry of the log begins with its kind. A change that Raft must know of is an entry of Raft's own type instead, with
// the change as its context.
const (
	kindMessage = 1 // about 16, group 16, the message
	kindNote    = 2 // id 16, a note in JSON
	kindMembers = 3 // a change of the members in JSON
	kindKeys    = 4 // id 16, a rotation of the signing key: see rotation
)

const messageHead = 1 + 16 + 16

// A command is an entry, decoded. Entries that say nothing (Raft's own) have kind 0.
type command struct {
	kind    byte
	id      uuid.UUID // of the proposal: of a message, its group
	about   uuid.UUID // of a message
	message []byte    // of a message
	note    *Note
	keys    *rotation
	change  *change
	raft    *pb.ConfChangeV2 // of a change that Raft knows of
}

func encodeMessage(about, group uuid.UUID, message []byte) []byte {
	b := append(make([]byte, 0, messageHead+len(message)), kindMessage)
	b = append(append(b, about[:]...), group[:]...)
	return append(b, message...)
}

func encodeNote(id uuid.UUID, n *Note) ([]byte, error) {
	text, err := json.Marshal(n)
	return append(append([]byte{kindNote}, id[:]...), text...), err
}

func encodeChange(c *change) ([]byte, error) {
	text, err := json.Marshal(c)
	return append([]byte{kindMembers}, text...), err
}

// decodeCommand reads an entry. An error means that the entry is of a newer version of the program: this node must stop.
func decodeCommand(e *pb.Entry) (c command, err error) {
	defer func() {
		if err != nil {
			c, err = command{}, fmt.Errorf("entry %d of the log: %w: this node needs a newer version of Accord", e.GetIndex(), err)
		}
	}()
	data := e.GetData()
	switch e.GetType() {
	case pb.EntryNormal:
	case pb.EntryConfChangeV2:
		c.raft, c.change = &pb.ConfChangeV2{}, &change{}
		if err := proto.Unmarshal(data, c.raft); err != nil {
			return c, err
		}
		if err := json.Unmarshal(c.raft.GetContext(), c.change); err != nil {
			return c, err
		}
		c.kind, c.id = kindMembers, c.change.ID
		return c, nil
	default:
		return c, fmt.Errorf("its type %d is unknown", e.GetType())
	}
	if len(data) == 0 {
		return c, nil
	}
	switch c.kind = data[0]; c.kind {
	case kindMessage:
		if len(data) < messageHead {
			return c, fmt.Errorf("a message of %d bytes", len(data))
		}
		copy(c.about[:], data[1:])
		copy(c.id[:], data[17:])
		c.message = data[messageHead:]
	case kindNote:
		if len(data) < 17 {
			return c, fmt.Errorf("a note of %d bytes", len(data))
		}
		copy(c.id[:], data[1:])
		c.note = &Note{}
		return c, json.Unmarshal(data[17:], c.note)
	case kindMembers:
		c.change = &change{}
		if err := json.Unmarshal(data[1:], c.change); err != nil {
			return c, err
		}
		c.id = c.change.ID
	case kindKeys:
		if len(data) < 17 {
			return c, fmt.Errorf("a rotation of %d bytes", len(data))
		}
		copy(c.id[:], data[1:])
		c.keys = &rotation{}
		return c, json.Unmarshal(data[17:], c.keys)
	default:
		return c, fmt.Errorf("its kind %d is unknown", c.kind)
	}
	return c, nil
}

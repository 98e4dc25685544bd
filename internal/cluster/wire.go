package cluster

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A packet begins with its kind.
const (
	packetRaft    = 1 // a message of Raft
	packetRefused = 2 // the id of a proposal
	packetBeat    = 3 // a beat in JSON
)

func encodePacket(p *packet) ([]byte, error) {
	switch {
	case p.raft != nil:
		return proto.MarshalOptions{}.MarshalAppend([]byte{packetRaft}, p.raft)
	case p.beat != nil:
		text, err := json.Marshal(p.beat)
		return append([]byte{packetBeat}, text...), err
	}
	return append([]byte{packetRefused}, p.refused[:]...), nil
}

// decodePacket reads a packet. It shares memory with b.
func decodePacket(b []byte) (*packet, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("an empty packet")
	}
	switch kind, b := b[0], b[1:]; kind {
	case packetRaft:
		p := &packet{raft: &pb.Message{}}
		if err := proto.Unmarshal(b, p.raft); err != nil {
			return nil, err
		}
		if raft.IsLocalMsg(p.raft.GetType()) {
			return nil, fmt.Errorf("a message of Raft that is for one node alone: %s", p.raft.GetType())
		}
		return p, nil
	case packetBeat:
		p := &packet{beat: &Beat{}}
		return p, json.Unmarshal(b, p.beat)
	case packetRefused:
		id, err := uuid.FromBytes(b)
		return &packet{refused: id}, err
	default:
		return nil, fmt.Errorf("a packet of the unknown kind %d", kind)
	}
}

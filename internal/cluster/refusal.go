package cluster

import (
	"errors"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
)

// maxTerms is how much later than this node's own a term may be: more elections than there ever are.
const maxTerms = 1 << 32

// onlyLeaders reports whether only a node that leads sends a message.
func onlyLeaders(kind pb.MessageType) bool {
	switch kind {
	case pb.MsgApp, pb.MsgSnap, pb.MsgHeartbeat, pb.MsgTimeoutNow, pb.MsgReadIndexResp:
		return true
	}
	return false
}

// senseless reports whether no node sends a message: Raft takes it for a fault of its own, or loses its leader.
func senseless(m *pb.Message) bool {
	switch m.GetType() {
	case pb.MsgProp, pb.MsgReadIndex:
		return len(m.GetEntries()) == 0
	case pb.MsgForgetLeader:
		return true
	}
	return false
}

// mayLead reports whether a member votes, or is to: a node that is behind does not know yet which of them do.
func (c *core) mayLead(id uint64) bool {
	one, ok := c.known.Node(id)
	if !ok {
		one, ok = c.members.Node(id)
	}
	return ok && !one.Reader && one.Follows == 0
}

// refuses reports whether an entry that another node proposes must not be in the log. What this program cannot read, or a change that no
// program knows, would stop every node. See also Node.check, which knows more and takes longer.
func (c *core) refuses(e *pb.Entry) bool {
	cmd, err := decodeCommand(e)
	if err != nil || cmd.id == uuid.Nil {
		return true
	}
	if cmd.kind != kindMembers {
		return false
	}
	conf, err := c.members.clone().apply(c.members.Place, cmd.change)
	var not *RefusedError
	switch {
	case errors.As(err, &not): // it is judged where it is applied: this node may lack what it depends on
		return false
	case err != nil, (conf != nil) != (e.GetType() == pb.EntryConfChangeV2):
		return true
	}
	return c.leads() && (cmd.change.Remove == c.id || !c.mayRemove(cmd.change))
}

// proposalsIn returns the ids of the proposals in a message.
func proposalsIn(m *pb.Message) (list []uuid.UUID) {
	for _, e := range m.GetEntries() {
		if cmd, err := decodeCommand(e); err == nil && cmd.id != uuid.Nil {
			list = append(list, cmd.id)
		}
	}
	return list
}

// errFew is why a node is not removed now: see Members.canLose.
var errFew = refused("too few of the nodes that vote would be left in contact and up to date: nothing could be written any more")

// mayRemove reports whether a change removes nothing, or the cluster goes on without that node. The node that leads asks just before the
// change is in the log: of two removals, at two nodes, each of which alone could be borne, the second is judged after the first. While the
// first is in the log and not applied, Raft puts nothing in the place of the second.
func (c *core) mayRemove(ch *change) bool {
	return ch.Remove == 0 || c.out.canLose == nil || c.out.canLose(c.members, ch.Remove)
}

// check says why an entry that another node proposes must not be in the log: what nodes cannot apply stops all of them. Its clock reading is
// judged by the clocks of most: those of a leader that is hours behind would refuse everything.
func (n *Node) check(cmd command) error {
	switch cmd.kind {
	case kindMessage:
		return n.machine.Check(cmd.about, cmd.id, cmd.message, n.config.Now().Add(-n.ClockDifference()))
	case kindKeys:
		planned, err := cmd.keys.open(n.identity)
		if err != nil {
			return err
		}
		return n.machine.CheckSuccession(planned)
	}
	return nil
}

// refuses says why a message proposes something that must not be in the log, which its sender is told then. The goroutine of the core has
// no time for that.
func (n *Node) refuses(m *pb.Message) error {
	if m.GetType() != pb.MsgProp {
		return nil
	}
	for _, e := range m.GetEntries() {
		cmd, err := decodeCommand(e)
		if err == nil {
			err = n.check(cmd)
		}
		if err != nil {
			for _, id := range proposalsIn(m) {
				n.links.send(m.GetFrom(), &packet{refused: id})
			}
			return err
		}
	}
	return nil
}

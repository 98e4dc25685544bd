package cluster

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// What a proposal can come to, beside being in the log. After ErrNoLeader and ErrBusy nothing was changed.
var (
	ErrNoLeader = errors.New("this node is not in contact with a majority of the cluster: nothing was changed")
	ErrBusy     = errors.New("the log takes no more at the moment: nothing was changed")
	ErrUnknown  = errors.New("it is not known yet whether the cluster keeps it; sending it again is harmless")
)

const (
	proposalAgain    = 5 * time.Second  // a proposal without outcome is made again
	proposalLifetime = 15 * time.Second // after that its outcome is unknown
)

// proposal is an entry that this node wants in the log.
type proposal struct {
	id    uuid.UUID
	kind  pb.EntryType
	data  []byte
	order uint64 // as they were made
	tries int
	sent  time.Time
	until time.Time
	done  func(error) // called once
}

// propose proposes an entry. done is called when it is committed and handed out, or with an error.
func (c *core) propose(id uuid.UUID, kind pb.EntryType, data []byte, done func(error)) error {
	switch {
	case c.leader == 0 || c.lost != nil:
		done(ErrNoLeader)
		return nil
	case c.proposed > 0 && c.proposed+len(data) > maxUncommitted:
		done(ErrBusy)
		return nil
	case c.proposals[id] != nil:
		done(errors.New("that is being proposed already"))
		return nil
	}
	c.lastRead++
	p := &proposal{id: id, kind: kind, data: data, order: c.lastRead, until: c.out.now().Add(proposalLifetime), done: done}
	c.proposals[id] = p
	c.proposed += len(data)
	if err := c.sendProposal(p); errors.Is(err, raft.ErrProposalDropped) {
		if c.leads() {
			c.settle(id, ErrBusy)
		} else {
			c.settle(id, ErrNoLeader)
		}
		return nil
	}
	return c.process()
}

// proposeChange proposes a change of the members.
func (c *core) proposeChange(ch *change, done func(error)) error {
	if ch.Remove != 0 && ch.Remove == c.leader {
		c.moveLeader()
		done(errLeads)
		return c.process()
	}
	if c.leads() && !c.mayRemove(ch) {
		done(errFew)
		return nil
	}
	conf, err := c.members.clone().apply(c.members.Place, ch)
	if err != nil { // it is judged again where it is applied
		done(err)
		return nil
	}
	if conf == nil {
		data, err := encodeChange(ch)
		if err != nil {
			return err
		}
		return c.propose(ch.ID, pb.EntryNormal, data, done)
	}
	if conf.Context, err = json.Marshal(ch); err != nil {
		return err
	}
	data, err := encodeConfChange(conf)
	if err != nil {
		return err
	}
	return c.propose(ch.ID, pb.EntryConfChangeV2, data, done)
}

// errLeads is why a node is not removed now. A leader that is removed leads no more: the others might never learn that it was, and
// wait for its vote.
var errLeads = errors.New("the node leads the cluster: another one is about to")

// moveLeader has this node lead, or another one if it may not.
func (c *core) moveLeader() {
	to := uint64(0)
	for _, m := range c.members.Nodes {
		if m.Voter && m.ID != c.leader && (to == 0 || m.ID == c.id) {
			to = m.ID
		}
	}
	if to != 0 {
		c.raw.TransferLeader(to)
	}
}

func (c *core) sendProposal(p *proposal) error {
	p.tries++
	p.sent = c.out.now()
	if c.leads() && p.kind == pb.EntryConfChangeV2 && p.tries > 1 { // it was judged by an earlier leader
		cmd, err := decodeCommand(&pb.Entry{Type: p.kind.Enum(), Data: p.data})
		if err != nil || !c.mayRemove(cmd.change) {
			return err
		}
	}
	return c.raw.Step(proposalMessage(c.id, p.kind, p.data))
}

// sendProposals makes all proposals again: there is a new leader.
func (c *core) sendProposals() {
	for _, p := range c.proposalsInOrder() {
		c.sendProposal(p)
	}
}

func (c *core) proposalsInOrder() []*proposal {
	return slices.SortedFunc(maps.Values(c.proposals), func(a, b *proposal) int { return cmp.Compare(a.order, b.order) })
}

func (c *core) renewProposals() {
	if len(c.proposals) == 0 {
		return
	}
	now := c.out.now()
	for _, p := range c.proposalsInOrder() {
		switch {
		case !now.Before(p.until):
			c.settle(p.id, ErrUnknown)
		case c.leader != 0 && now.Sub(p.sent) >= proposalAgain:
			c.sendProposal(p)
		}
	}
}

// refusedProposal is called when the leader has taken a proposal not at all. One that was made before may be in the log.
func (c *core) refusedProposal(id uuid.UUID) {
	if p := c.proposals[id]; p != nil && p.tries == 1 {
		c.settle(id, ErrBusy)
	}
}

// settle ends a proposal.
func (c *core) settle(id uuid.UUID, err error) {
	p := c.proposals[id]
	if p == nil {
		return
	}
	delete(c.proposals, id)
	c.proposed -= len(p.data)
	p.done(err)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

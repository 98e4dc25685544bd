package cluster

import (
	"slices"
	"time"
)

// A follower is a member that is none of Raft's: it has the log from another member, over HTTPS, and no node but those two spends
// anything on it. See doc/decisions/0064.

// follows says which node a follower is to follow from now on.
type follows struct {
	Node   uint64 `json:"node"`
	Follow uint64 `json:"follow"`
}

// maxDepth is how many followers may follow one another: each adds to the age of what the last one says.
const maxDepth = 8

// entriesFormat is the newest format of the log's entries that this program reads. Since 2 there are followers.
const entriesFormat = 2

// inviteFollower invites a node that is to follow another.
func (m *Members) inviteFollower(at time.Time, inv Invite) error {
	if err := m.mayFollow(inv.ID, inv.Follows); err != nil {
		return err
	}
	return m.invite(at, inv)
}

// follow has a follower follow another node.
func (m *Members) follow(f follows) error {
	i := slices.IndexFunc(m.Nodes, func(n Member) bool { return n.ID == f.Node })
	if i < 0 || m.Nodes[i].Follows == 0 {
		return refused("that node follows no other one: it has the log from the node that leads")
	}
	if err := m.mayFollow(f.Node, f.Follow); err != nil {
		return err
	}
	m.Nodes[i].Follows = f.Follow
	return nil
}

// mayFollow says why a node cannot follow another one.
func (m *Members) mayFollow(node, parent uint64) error {
	at, ok := m.Node(parent)
	if !ok {
		return refused("there is no such node in the cluster to be followed")
	}
	name := at.Name
	for range maxDepth {
		if at.ID == node {
			return refused("a node cannot follow itself, nor one that follows it")
		}
		if at.Follows == 0 {
			return nil
		}
		if at, ok = m.Node(at.Follows); !ok {
			return nil // it was removed: those that followed it follow members of Raft
		}
	}
	return refused("%s follows others that follow others, %d in a row: follow one of these", name, maxDepth)
}

// followers reports whether there are followers, or are to be.
func (m *Members) followers() bool {
	return slices.ContainsFunc(m.Nodes, func(n Member) bool { return n.Follows != 0 }) ||
		slices.ContainsFunc(m.Invites, func(i Invite) bool { return i.Follows != 0 })
}

// nameOf returns the name of a member; "" of none.
func (m *Members) nameOf(id uint64) string {
	one, _ := m.Node(id)
	return one.Name
}

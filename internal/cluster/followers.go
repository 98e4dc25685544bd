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

// depth returns how many followers there are from a node up to the one that follows none.
func (m *Members) depth(id uint64) (depth int) {
	for ; depth <= maxDepth; depth++ {
		at, ok := m.Node(id)
		if !ok || at.Follows == 0 {
			break
		}
		id = at.Follows
	}
	return depth
}

// below returns how many follow one another below a node.
func (m *Members) below(id uint64) (most int) {
	for _, at := range m.Nodes {
		ok := true
		for steps := 0; ok && steps <= maxDepth; steps++ {
			if at.ID == id {
				most = max(most, steps)
				break
			}
			at, ok = m.Node(at.Follows)
		}
	}
	return most
}

// tooDeep says why a node cannot follow another one because of those that follow it. The member of Raft that proposes it looks; what the
// log has is not judged by that, for programs that do not look have to come to the same members.
func (m *Members) tooDeep(f follows) error {
	if depth := m.depth(f.Follow) + 1 + m.below(f.Node); depth > maxDepth {
		return refused("with those that follow %s, %d followers would follow one another: at most %d may", m.nameOf(f.Node), depth, maxDepth)
	}
	return nil
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

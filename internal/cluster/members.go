package cluster

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Members are the nodes of a cluster, as the log says: every node that has applied the same place has the same.
type Members struct {
	Place   uint64   `json:"place"` // of the last change
	Nodes   []Member `json:"nodes"` // by name
	Removed []string `json:"removed,omitempty"`
	Invites []Invite `json:"invites,omitempty"`
}

// Member is a node of a cluster.
type Member struct {
	ID      uint64 `json:"id"` // Raft's; drawn when it is invited and never used again
	Name    string `json:"name"`
	Address string `json:"address"`           // HOST:PORT where other nodes find it
	Voter   bool   `json:"voter,omitempty"`   // its disk counts for the majority
	Reader  bool   `json:"reader,omitempty"`  // it is never to vote
	Follows uint64 `json:"follows,omitempty"` // the node from which it has the log, over HTTPS; 0: it is one of Raft's
	Version string `json:"version,omitempty"` // of the program
	Key     []byte `json:"key"`               // SHA-256 of its public key: no other certificate is its own
}

// Role says in a word what a member is.
func (m Member) Role() string {
	switch {
	case m.Voter:
		return "voter"
	case m.Follows != 0:
		return "follower"
	case m.Reader:
		return "reader"
	}
	return "joining"
}

// Invite allows one node to join.
type Invite struct {
	ID      uint64    `json:"id"`
	Name    string    `json:"name"`
	Reader  bool      `json:"reader,omitempty"`
	Follows uint64    `json:"follows,omitempty"` // as a member's
	Secret  []byte    `json:"secret"`            // its SHA-256
	Until   time.Time `json:"until"`
}

// change is the invitation as a change of the members.
func (inv Invite) change() change {
	if inv.Follows != 0 {
		return change{Follower: &inv}
	}
	return change{Invite: &inv}
}

// inviteLifetime is how long a token is valid.
const inviteLifetime = time.Hour

// change is a change of the members. One of its parts is set. It carries all that its outcome depends on.
type change struct {
	ID      uuid.UUID  `json:"id"` // of the proposal
	At      time.Time  `json:"at"` // the proposer's clock
	Invite  *Invite    `json:"invite,omitempty"`
	Admit   *admission `json:"admit,omitempty"`
	Promote uint64     `json:"promote,omitempty"`
	Remove  uint64     `json:"remove,omitempty"`
	Tell    *Member    `json:"tell,omitempty"` // a member's address and version

	// Older programs know neither of these, and stop: they would take a follower for a node of Raft's.
	Follower *Invite  `json:"follower,omitempty"` // as Invite, of a node that is to follow another
	Follow   *follows `json:"follow,omitempty"`
}

// admission is a node that joins by its invite.
type admission struct {
	Secret  []byte `json:"secret"` // the SHA-256 of the token's secret
	Address string `json:"address"`
	Version string `json:"version"`
	Key     []byte `json:"key"`
}

// A RefusedError is a change of the members that does not fit them. Nothing was changed.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return e.Text }

func refused(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// ParseMembers reads members as they are stored.
func ParseMembers(text []byte) (*Members, error) {
	m := &Members{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("read the members: %w", err)
	}
	return m, nil
}

func (m *Members) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings, numbers and times
	}
	return text
}

func (m *Members) clone() *Members {
	c := *m
	c.Nodes, c.Removed, c.Invites = slices.Clone(m.Nodes), slices.Clone(m.Removed), slices.Clone(m.Invites)
	return &c
}

// Node finds a member by its id.
func (m *Members) Node(id uint64) (Member, bool) {
	i := slices.IndexFunc(m.Nodes, func(n Member) bool { return n.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return m.Nodes[i], true
}

// Named finds a member by its name.
func (m *Members) Named(name string) (Member, bool) {
	i := slices.IndexFunc(m.Nodes, func(n Member) bool { return n.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return m.Nodes[i], true
}

// invited returns which of the invitations is by a token, by the digest of its secret; -1: none.
func (m *Members) invited(secret []byte) int {
	return slices.IndexFunc(m.Invites, func(i Invite) bool { return slices.Equal(i.Secret, secret) })
}

// Voters counts the members that vote.
func (m *Members) Voters() (n int) {
	for _, one := range m.Nodes {
		if one.Voter {
			n++
		}
	}
	return n
}

// canLose reports whether the cluster goes on without a node: whether most of the voters that are left are there, and know all members.
// One that knows fewer would not let in those that it has to vote for.
func (m *Members) canLose(id uint64, there func(Member) bool) bool {
	if gone, ok := m.Node(id); !ok || !gone.Voter {
		return true
	}
	left, up := 0, 0
	for _, one := range m.Nodes {
		if one.Voter && one.ID != id {
			left++
			if there(one) {
				up++
			}
		}
	}
	return left == 0 || up > left/2
}

func (m *Members) confState() *pb.ConfState {
	c := &pb.ConfState{}
	for _, n := range m.Nodes {
		if n.Voter {
			c.Voters = append(c.Voters, n.ID)
		} else if n.Follows == 0 {
			c.Learners = append(c.Learners, n.ID)
		}
	}
	return c
}

// CheckName refuses what cannot be a node's name.
func CheckName(name string) error {
	if name == "" || len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(name, "-") {
		return refused("%q cannot be a node's name: lower-case letters, digits and hyphens, at most 63", name)
	}
	return nil
}

// apply makes a change at a place of the log. It depends on the members and the change alone. raft is what Raft is to be
// told; nil: nothing. On an error the members are as they were.
func (m *Members) apply(place uint64, c *change) (raft *pb.ConfChangeV2, err error) {
	switch {
	case c.Invite != nil:
		err = m.invite(c.At, *c.Invite)
	case c.Admit != nil:
		raft, err = m.admit(c)
	case c.Promote != 0:
		raft, err = m.promote(c.Promote)
	case c.Remove != 0:
		raft, err = m.remove(c.Remove)
	case c.Tell != nil:
		err = m.tell(c.Tell)
	case c.Follower != nil:
		err = m.inviteFollower(c.At, *c.Follower)
	case c.Follow != nil:
		err = m.follow(*c.Follow)
	default:
		err = errors.New("a change of members that this program does not know: it needs a newer version")
	}
	if err != nil {
		return nil, err
	}
	m.Place = place
	slices.SortFunc(m.Nodes, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return raft, nil
}

func (m *Members) invite(at time.Time, inv Invite) error {
	if err := CheckName(inv.Name); err != nil {
		return err
	}
	if _, ok := m.Named(inv.Name); ok {
		return refused("a node %s is in the cluster already", inv.Name)
	}
	if slices.Contains(m.Removed, inv.Name) {
		return refused("a node %s was in the cluster and was removed: its name is never used again, choose another", inv.Name)
	}
	m.Invites = slices.DeleteFunc(m.Invites, func(i Invite) bool { return i.Name == inv.Name || !i.Until.After(at) })
	m.Invites = append(m.Invites, inv)
	return nil
}

func (m *Members) admit(c *change) (*pb.ConfChangeV2, error) {
	for _, n := range m.Nodes {
		if slices.Equal(n.Key, c.Admit.Key) {
			return nil, refused("the node %s is in the cluster already", n.Name)
		}
	}
	i := m.invited(c.Admit.Secret)
	if i < 0 {
		return nil, refused("the token is unknown: it was used already, or a newer one was made for that node")
	}
	inv := m.Invites[i]
	if !inv.Until.After(c.At) {
		return nil, refused("the token ended at %s: make a new one with accord cluster invite", inv.Until.UTC().Format(time.RFC3339))
	}
	m.Invites = slices.Delete(m.Invites, i, i+1)
	m.Nodes = append(m.Nodes, Member{ID: inv.ID, Name: inv.Name, Reader: inv.Reader, Follows: inv.Follows, Address: c.Admit.Address, Version: c.Admit.Version, Key: c.Admit.Key})
	if inv.Follows != 0 {
		return nil, nil // Raft does not know of it
	}
	return single(pb.ConfChangeAddLearnerNode, inv.ID), nil
}

func (m *Members) promote(id uint64) (*pb.ConfChangeV2, error) {
	for i := range m.Nodes {
		if n := &m.Nodes[i]; n.ID == id && !n.Voter && !n.Reader && n.Follows == 0 {
			n.Voter = true
			return single(pb.ConfChangeAddNode, id), nil
		}
	}
	return nil, refused("there is no node to promote")
}

func (m *Members) remove(id uint64) (*pb.ConfChangeV2, error) {
	n, ok := m.Node(id)
	switch {
	case !ok:
		return nil, refused("there is no such node in the cluster")
	case n.Voter && m.Voters() == 1:
		return nil, refused("%s is the only node that votes: it cannot be removed", n.Name)
	}
	m.Nodes = slices.DeleteFunc(m.Nodes, func(n Member) bool { return n.ID == id })
	m.Removed = append(m.Removed, n.Name)
	if n.Follows != 0 {
		return nil, nil
	}
	return single(pb.ConfChangeRemoveNode, id), nil
}

func (m *Members) tell(t *Member) error {
	for i := range m.Nodes {
		if n := &m.Nodes[i]; n.ID == t.ID {
			n.Address, n.Version = t.Address, t.Version
			return nil
		}
	}
	return refused("there is no such node in the cluster")
}

func single(kind pb.ConfChangeType, id uint64) *pb.ConfChangeV2 {
	return &pb.ConfChangeV2{Changes: []*pb.ConfChangeSingle{{Type: kind.Enum(), NodeId: new(id)}}}
}

func hashSecret(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

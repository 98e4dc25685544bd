package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/store"
)

// follow has a node join that follows another, and starts it.
func (c *folders) follow(name, parent string) (i int) {
	c.t.Helper()
	c.writable(0)
	eventually(c.t, "the nodes can give their files", func() bool {
		return !slices.ContainsFunc(c.nodes, func(n *Node) bool { return n != nil && n.usable() != nil })
	})
	token, err := c.nodes[0].InviteFollower(c.t.Context(), name, parent)
	c.must(err)
	c.place(name)
	i = len(c.dirs) - 1
	_, err = Join(c.t.Context(), Joining{Dir: c.dirs[i], Token: token, Version: "test", Format: 1, Now: time.Now})
	c.must(err)
	c.start(i)
	eventually(c.t, "it has said where it is", func() bool { m, _ := c.nodes[0].members.Load().Named(name); return m.Address == c.address[i] })
	return i
}

// row returns a member as a node lists it.
func (c *folders) row(i int, name string) (found MemberStatus) {
	c.t.Helper()
	for _, m := range c.nodes[i].AskStatus(c.t.Context()).Members {
		if m.Name == name {
			found = m
		}
	}
	return found
}

// Followers have the log from other nodes, in a tree: what is added anywhere is everywhere, at one place. When the node that one follows
// is gone, it has the log from another by itself, and goes back to the first.
func TestFollowersHaveTheLogOfOtherNodes(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	far := c.follow("far", "n1")
	leaf := c.follow("leaf", "far")
	all := []int{0, 1, 2, far, leaf}
	for k, i := range []int{0, far, leaf, 1, leaf, far} {
		c.add(i, k)
	}
	c.level(7, all...)
	for _, i := range all {
		place, err := c.nodes[i].Committed(t.Context())
		c.must(err)
		c.must(c.nodes[i].WaitApplied(t.Context(), place))
		if leads, _ := c.nodes[i].Leads(); leads && i >= far {
			t.Errorf("the follower n%d leads", i)
		}
	}
	if err := c.stores[leaf].Change(t.Context(), store.Actor{}, []store.RegistryChange{{Party: &agreement.Party{Name: "later", Title: "later"}}}); err != nil {
		t.Errorf("administration at a follower: %v", err)
	}
	for _, i := range []int{0, 2, far, leaf} {
		eventually(t, fmt.Sprintf("n%d lists the followers as they are", i), func() bool {
			f, l := c.row(i, "far"), c.row(i, "leaf")
			return f.Wrong == "" && l.Wrong == "" && f.RoleText() == "follower of n1" && l.RoleText() == "follower of far" && f.From == "n1" && l.From == "far" && l.Heard && l.Place > 0
		})
	}
	for _, n := range c.nodes[:3] {
		if len(n.links.all()) != 2 {
			t.Errorf("%s has connections to %d members of Raft's, want 2", n.Name(), len(n.links.all()))
		}
	}

	c.stop(1)
	c.add(0, 6)
	c.add(leaf, 7)
	c.level(9, 0, 2, far, leaf)
	if from, why := c.nodes[far].following.source.current(); why == nil || from.Name == "n1" {
		t.Errorf("the log comes from %s (%v), which is stopped", from.Name, why)
	}
	c.start(1)
	c.writable(1)
	s := c.nodes[far].following.source
	s.mu.Lock()
	clear(s.shunned) // so that the test need not wait
	s.mu.Unlock()
	eventually(t, "it follows the first one again", func() bool { return c.row(far, "far").From == "n1" && c.row(far, "far").Wrong == "" })

	// A crash repeats nothing, and one that is stopped has the rest later.
	c.stop(leaf)
	c.add(far, 8)
	c.start(leaf)
	c.add(2, 9)
	c.level(11, all...)
	for _, i := range all {
		if party := c.stores[i].Registry().Parties; len(party) != 2 {
			t.Errorf("n%d has %d parties, want 2", i, len(party))
		}
	}
	if err := c.nodes[leaf].Follow(t.Context(), "n2"); err != nil {
		t.Error(err)
	}
	eventually(t, "it follows another one", func() bool { m := c.row(0, "leaf"); return m.RoleText() == "follower of n2" && m.From == "n2" })
	for what, err := range map[string]error{
		"itself": c.nodes[leaf].Follow(t.Context(), "leaf"), "no node": c.nodes[leaf].Follow(t.Context(), "nobody"), "as one of Raft's": c.nodes[0].Follow(t.Context(), "n2"),
	} {
		var not *RefusedError
		if !errors.As(err, &not) {
			t.Errorf("it follows %s: got %v", what, err)
		}
	}

	// A follower whose node was removed has the log from another one, and says what is to be done.
	c.must(c.nodes[leaf].Follow(t.Context(), "far"))
	c.stop(far)
	c.must(c.nodes[0].Remove(t.Context(), "far"))
	c.add(0, 10)
	c.level(12, 0, 1, 2, leaf)
	eventually(t, "it says that its node was removed", func() bool {
		m := c.row(0, "leaf")
		return strings.Contains(m.Wrong, "was removed from the cluster") && strings.Contains(m.Wrong, "accord cluster follow") && m.From != "" && m.From != "far"
	})
	c.must(c.nodes[leaf].Follow(t.Context(), "n1"))
	eventually(t, "nothing is wrong", func() bool { m := c.row(0, "leaf"); return m.Wrong == "" && m.From == "n1" })
}

// A follower that was removed is told, its certificate is refused, and its name and its token are never used again.
func TestARemovedFollowerIsRefused(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	token, err := c.nodes[0].InviteFollower(t.Context(), "far", "n0")
	c.must(err)
	join := Joining{Dir: filepath.Join(t.TempDir(), "far"), Token: token, Version: "test", Format: 1, Now: time.Now}
	_, err = Join(t.Context(), join)
	c.must(err)
	c.place("far")
	c.dirs[1] = join.Dir
	c.start(1)
	join.Dir = filepath.Join(t.TempDir(), "again")
	if _, err := Join(t.Context(), join); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a token that was used: got %v", err)
	}
	c.add(1, 0)
	gone := c.follow("gone", "far")
	c.add(gone, 1)
	c.level(3, 0, 1, gone)
	c.must(c.nodes[gone].Leave(t.Context()))
	c.stop(gone)
	if _, err := Open(Config{Dir: c.dirs[gone], Now: time.Now, Warn: func(string) {}}); err == nil || !strings.Contains(err.Error(), "has left its cluster") {
		t.Errorf("one that has left: got %v", err)
	}
	c.must(c.nodes[0].Remove(t.Context(), "far"))
	eventually(t, "it knows", func() bool {
		err := c.nodes[1].Readable()
		return err != nil && strings.Contains(err.Error(), "was removed from the cluster")
	})
	if err := appendObject(t.Context(), c.stores[1], c.about, 2); !errors.Is(err, store.ErrNotProposed) {
		t.Errorf("a write: got %v, want that nothing was proposed", err)
	}
	n0, _ := c.nodes[0].members.Load().Named("n0")
	_, err = c.nodes[1].following.source.poll(t.Context(), n0, 1, 1)
	if err == nil {
		t.Error("a node that was removed was given the log")
	}
	c.stop(1)
	c.start(1) // it has what the log said of it, or is told
	eventually(t, "it knows again", func() bool { return c.nodes[1].Readable() != nil })
	if _, err := c.nodes[0].InviteFollower(t.Context(), "far", "n0"); err == nil || !strings.Contains(err.Error(), "never used again") {
		t.Errorf("its name is used again: %v", err)
	}
	c.add(0, 3)
	c.level(4, 0)
}

// A follower for which every log begins too late fetches files anew from the node that it follows.
func TestAFollowerThatWasAwayForTooLongFetchesItsFiles(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	far := c.follow("far", "n0")
	c.add(far, 0)
	c.level(2, 0, far)
	last, err := c.nodes[far].log.LastIndex()
	c.must(err)
	c.stop(far)
	for k := 1; k < 6; k++ {
		c.add(0, k)
	}
	eventually(t, "the log is dropped", func() bool {
		c.must(c.nodes[0].dropNow(t.Context(), raftlog.Keep{}))
		first, err := c.nodes[0].log.FirstIndex()
		c.must(err)
		return first > last+1
	})
	c.start(far)
	select {
	case <-c.nodes[far].Fetched():
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing was fetched: %v", c.said)
	}
	if err := c.nodes[far].Readable(); err == nil {
		t.Error("a follower that lacks what it fetches answers")
	}
	c.stop(far)
	c.start(far)
	c.add(far, 6)
	c.level(8, 0, far)
}

// A follower's age adds up: without contact to a majority on the way it answers nothing, and takes nothing.
func TestAFollowerWithoutContactAnswersNothing(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	c.stale = 3 * time.Second
	far := c.follow("far", "n1")
	leaf := c.follow("leaf", "far")
	c.add(leaf, 0)
	c.level(2, 0, 1, far, leaf)
	for _, i := range []int{far, leaf} {
		eventually(t, "answers", func() bool { return c.nodes[i].Readable() == nil })
	}
	c.stop(0) // the other one has no majority
	for _, i := range []int{far, leaf} {
		eventually(t, "no answers", func() bool { return c.nodes[i].Readable() != nil })
	}
	eventually(t, "no writes", func() bool { return c.nodes[leaf].Writable() != nil })
	if err := appendObject(t.Context(), c.stores[leaf], c.about, 1); !errors.Is(err, store.ErrNotProposed) {
		t.Errorf("a write: got %v, want that nothing was proposed", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if place, err := c.nodes[leaf].Committed(ctx); err == nil {
		t.Errorf("without a majority the log is said to be at %d", place)
	}
	c.start(0)
	c.add(leaf, 1)
	c.level(3, 0, 1, far, leaf)
	for _, i := range []int{far, leaf} {
		eventually(t, "answers again", func() bool { return c.nodes[i].Readable() == nil })
	}
}

// What concerns followers is judged from what the log says alone.
func TestFollowersAreMembersAsTheLogSays(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &Members{Nodes: []Member{{ID: 1, Name: "a", Voter: true, Key: []byte("a")}}}
	place := uint64(10)
	try := func(c change, refusal string) {
		t.Helper()
		place++
		before := string(m.encode())
		conf, err := m.apply(place, &c)
		switch {
		case refusal == "" && (err != nil || conf != nil || m.Place != place):
			t.Fatalf("got %v, %v at %d, want a change that Raft does not hear of", conf, err, m.Place)
		case refusal != "" && (err == nil || !strings.Contains(err.Error(), refusal) || string(m.encode()) != before):
			t.Errorf("got %v, want %q and nothing changed", err, refusal)
		}
	}
	join := func(id uint64, name string, follow uint64) {
		t.Helper()
		try(change{At: at, Follower: &Invite{ID: id, Name: name, Reader: true, Follows: follow, Secret: hashSecret([]byte(name)), Until: at.Add(inviteLifetime)}}, "")
		try(change{At: at, Admit: &admission{Secret: hashSecret([]byte(name)), Key: []byte(name)}}, "")
	}
	try(change{At: at, Follower: &Invite{ID: 2, Name: "b", Follows: 9, Until: at.Add(inviteLifetime)}}, "no such node")
	join(2, "b", 1)
	if b, _ := m.Named("b"); b.Role() != "follower" || len(m.confState().Learners) != 0 || m.Voters() != 1 {
		t.Errorf("got %+v, and Raft has %v", b, m.confState())
	}
	for id := uint64(3); id <= 2+maxDepth-1; id++ {
		join(id, fmt.Sprint("n", id), id-1)
	}
	try(change{At: at, Follower: &Invite{ID: 90, Name: "z", Follows: 2 + maxDepth - 1, Until: at.Add(inviteLifetime)}}, "in a row")
	try(change{Follow: &follows{2, 4}}, "cannot follow itself, nor one that follows it")
	try(change{Follow: &follows{2, 2}}, "cannot follow itself")
	try(change{Follow: &follows{1, 2}}, "follows no other one")
	try(change{Follow: &follows{4, 1}}, "")
	try(change{Promote: 2}, "no node to promote")
	try(change{Remove: 3}, "")
	if again, err := ParseMembers(m.encode()); err != nil || string(again.encode()) != string(m.encode()) || again.nameOf(4) != "n4" {
		t.Errorf("members are read as others: %v", err)
	}
}

// A program that does not know of followers would take one for a node of Raft's: none is invited while there is such a program, and none
// joins a cluster that has followers.
func TestOldProgramsAndFollowersDoNotMeet(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 2)
	c.start(0, 1)
	c.writable(0, 1)
	other := c.nodes[1].identity.Node
	c.nodes[0].mu.Lock()
	old := *c.nodes[0].peers[other]
	old.beat.Entries, old.at = 0, time.Now().Add(time.Hour)
	c.nodes[0].peers[other] = &old
	c.nodes[0].mu.Unlock()
	invitation := &change{Follower: &Invite{}}
	if err := c.nodes[0].mayInvite(invitation); err == nil || !strings.Contains(err.Error(), "upgrade it first") {
		t.Errorf("got %v", err)
	}
	c.stop(1)
	eventually(t, "the other one is not heard", func() bool {
		c.nodes[0].mu.Lock()
		c.nodes[0].peers[other].at = time.Time{}
		c.nodes[0].mu.Unlock()
		err := c.nodes[0].mayInvite(invitation)
		return err != nil && strings.Contains(err.Error(), "is not heard")
	})
	c.start(1)
	c.writable(0, 1)
	eventually(t, "it is invited", func() bool {
		_, err := c.nodes[0].InviteFollower(t.Context(), "far", "n1")
		return err == nil
	})
	_, _, err := c.nodes[0].joinAnswer(t.Context(), &joinRequest{Version: "old", Format: 1})
	if err == nil || !strings.Contains(err.Error(), "does not know nodes that follow others") {
		t.Errorf("got %v", err)
	}
	if err := c.propose(0, uuid.New(), "still there"); err != nil {
		t.Error(err)
	}
}

// Those that follow a node count when it is to follow another one. A node deep in the tree may have an older contact before another is
// asked.
func TestFollowersBelowANodeCount(t *testing.T) {
	t.Parallel()
	m := &Members{Nodes: []Member{{ID: 1, Name: "a", Voter: true}, {ID: 50, Name: "x", Follows: 1}, {ID: 51, Name: "y", Follows: 50}}}
	for id := uint64(2); id <= 7; id++ {
		m.Nodes = append(m.Nodes, Member{ID: id, Name: fmt.Sprint("n", id), Follows: id - 1})
	}
	if m.depth(1) != 0 || m.depth(7) != 6 || m.below(7) != 0 || m.below(50) != 1 || m.below(1) != 6 {
		t.Errorf("got depths %d, %d and %d, %d, %d below", m.depth(1), m.depth(7), m.below(7), m.below(50), m.below(1))
	}
	if err := m.tooDeep(follows{50, 7}); err != nil {
		t.Error(err)
	}
	m.Nodes = append(m.Nodes, Member{ID: 52, Name: "z", Follows: 51})
	if err := m.tooDeep(follows{50, 7}); err == nil || !strings.Contains(err.Error(), "9 followers") {
		t.Errorf("got %v", err)
	}
	n := &Node{identity: &Identity{Node: 7}}
	n.config.Warn = func(string) {}
	n.members.Store(m)
	s := newSource(n, &trust{})
	for _, one := range m.Nodes {
		s.answered(one, 8*time.Second)
		if _, shunned := s.shunned[one.ID]; shunned != (m.depth(one.ID) < 3) {
			t.Errorf("%s, %d deep, with a contact of 8 s ago is asked after others: %v", one.Name, m.depth(one.ID), shunned)
		}
	}
}

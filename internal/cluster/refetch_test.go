package cluster

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// freeze has files of nodes rest where they are.
func (c *folders) freeze(list ...int) (resume func()) {
	c.t.Helper()
	var all []func()
	for _, i := range list {
		resume, err := c.nodes[i].Settle(c.t.Context())
		c.must(err)
		all = append(all, resume)
	}
	return func() {
		for _, resume := range all {
			resume()
		}
	}
}

// A file that was fetched is not in use before it has what its node had acknowledged: a read that brings a place sees that.
func TestAFetchedFileHasEverythingBeforeItIsInUse(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	c.add(0, 0)
	c.level(2, 0, 1, 2)
	resume := c.freeze(0, 2) // the others have no more
	defer resume()
	const more = 150
	for k := range more {
		c.must(appendObject(t.Context(), c.stores[1], c.about, k+1))
	}
	n := c.nodes[1]
	place := n.Applied()
	n.applier.close(c.about, errors.New("test: it is damaged"))
	eventually(t, "it is in use again", func() bool {
		col, ok := c.stores[1].CollectionOf(c.about)
		if !ok {
			return false
		}
		c.must(n.WaitApplied(t.Context(), place)) // as a server does with X-Accord-Place
		entries, _, err := col.Head()
		c.must(err)
		if entries != 2+more {
			t.Fatalf("at place %d the file has %d entries, want %d", place, entries, 2+more)
		}
		return true
	})
}

// What a fetched file lacks is not in the log of its node any more: it is not taken into use, and another one is fetched when there is
// a newer one.
func TestAFetchedFileThatCannotCatchUpIsNotUsed(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	c.add(0, 0)
	c.level(2, 0, 1, 2)
	resume := c.freeze(0, 2)
	for k := range 20 {
		c.must(appendObject(t.Context(), c.stores[1], c.about, k+1))
	}
	n := c.nodes[1]
	eventually(t, "the log begins later", func() bool {
		c.must(n.dropNow(t.Context(), raftlog.Keep{}))
		first, err := n.log.FirstIndex()
		c.must(err)
		return first >= n.Applied()
	})
	n.applier.close(c.about, errors.New("test: it is damaged"))
	eventually(t, "it was tried", func() bool { return c.warned("was not fetched anew") })
	if col, ok := c.stores[1].CollectionOf(c.about); ok {
		entries, _, _ := col.Head()
		t.Errorf("a file with %d entries is in use, want none", entries)
	}
	resume()
	c.must(c.nodes[0].WaitApplied(t.Context(), n.Applied()))
	c.must(c.nodes[2].WaitApplied(t.Context(), n.Applied()))
	c.add(0, 21)
	c.level(23, 0, 1, 2)
}

// proposeFive has five messages about an agreement on all nodes.
func (c *testCluster) proposeFive(about uuid.UUID) {
	c.t.Helper()
	for k := range 5 {
		if err := c.propose(0, about, fmt.Sprint("a", k)); err != nil {
			c.t.Fatal(err)
		}
	}
	c.level(about, 5, 0, 1, 2)
}

// A node is stopped while an agreement is closed there, and has it from one that is behind when it is started: nothing is passed over.
func TestAFileIsFetchedFromANodeThatIsBehind(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	about := uuid.New()
	c.proposeFive(about)
	full := func([]byte) error { return syscall.ENOSPC }
	c.machines[0].set(full)
	c.machines[1].set(full)
	for k := 5; k < 8; k++ {
		if err := c.propose(2, about, fmt.Sprint("a", k)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "n2 has 8", func() bool { return len(c.machines[2].texts(about)) == 8 })
	c.stop(2)
	c.machines[2].Close(about, errors.New("test"))
	c.start(2)
	eventually(t, "it is in use again", func() bool { return len(c.nodes[2].applier.allShut()) == 0 })
	if got := c.machines[2].texts(about); len(got) != 8 {
		t.Errorf("the node has %v, want 8", got)
	}
}

// A file that lacks entries is found by a note of another node, and fetched anew.
func TestAFileThatIsTooShortIsFetchedAnew(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	about := uuid.New()
	c.proposeFive(about)
	m := c.machines[1]
	m.mu.Lock()
	m.files[about] = m.files[about][:3]
	m.mu.Unlock()
	c.nodes[0].noteHeads(t.Context(), map[uuid.UUID]uint64{})
	eventually(t, "it has everything", func() bool { return len(m.texts(about)) == 5 })
}

// slowlyClosed takes its time to close a file.
type slowlyClosed struct {
	*fakeMachine
	began, end chan struct{}
}

func (m *slowlyClosed) Close(about uuid.UUID, reason error) error {
	close(m.began)
	<-m.end
	return m.fakeMachine.Close(about, reason)
}

// While a file is being closed, nothing counts as applied that it does not have: a node that is killed would open it again without that.
func TestNothingIsPassedOverBeforeTheFileIsClosed(t *testing.T) {
	t.Parallel()
	m := &slowlyClosed{newFakeMachine(), make(chan struct{}), make(chan struct{})}
	a := newApplier(m, 10)
	stop, marked := make(chan struct{}), make(chan uint64, 10)
	a.stop, a.failed, a.closed, a.marked = stop, func(error) {}, func(uuid.UUID, error) {}, func(place uint64) { marked <- place }
	a.ended.Add(1)
	go a.run()
	defer close(stop)
	about := uuid.New()
	go a.close(about, errors.New("damaged"))
	<-m.began
	a.hand([]placed{{11, command{kind: kindMessage, about: about, id: uuid.New(), message: []byte("m")}}})
	select {
	case place := <-marked:
		t.Errorf("the file is still in its place, lacks 11, and all files are said to have everything up to %d", place)
	case <-time.After(300 * time.Millisecond):
	}
	close(m.end)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case <-marked:
	case <-ctx.Done():
		t.Error("what is passed over never counts as done")
	}
}

package cluster

import (
	"errors"
	"testing"

	"github.com/google/uuid"
)

// Of four voters one is down. Each of two others could be removed, but not both: the node that leads judges the second removal after the
// first, even if the node that proposes it judged it before.
func TestOfTwoRemovalsTheSecondIsJudgedAfterTheFirst(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 4)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	leads := c.leader()
	stays, goes := (leads+1)%3, (leads+2)%3
	before := c.nodes[0].members.Load().Nodes
	eventually(t, "one of them can be removed", func() bool {
		return c.nodes[leads].canLose(c.nodes[leads].members.Load(), before[goes].ID)
	})
	if err := c.nodes[stays].change(t.Context(), change{Remove: before[goes].ID}); err != nil {
		t.Fatal(err)
	}
	for _, by := range []int{leads, stays} { // neither judges it by itself
		if err := c.nodes[by].change(t.Context(), change{Remove: before[stays].ID}); !errors.Is(err, errFew) && !errors.Is(err, ErrBusy) {
			t.Errorf("n%d proposes the second removal: got %v, want %v", by, err, errFew)
		}
	}
	if err := c.propose(leads, uuid.New(), "still there"); err != nil {
		t.Error(err)
	}
	if err := c.nodes[stays].Remove(t.Context(), "n3"); err != nil {
		t.Errorf("the node that is down: %v", err)
	}
}

package follow_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// oneNode is the log of a cluster of one node: what is proposed is applied at once.
type oneNode struct {
	mu    sync.Mutex
	store *store.Store
	place uint64
}

// Propose implements store.Log.
func (l *oneNode) Propose(_ context.Context, about, _ uuid.UUID, message []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place++
	if about == (uuid.UUID{}) {
		return l.store.ApplyLog(store.Logged{Place: l.place, Message: message})
	}
	col, _ := l.store.CollectionOf(about)
	return col.ApplyLog([]store.Logged{{Place: l.place, Message: message}})
}

// In a cluster the files of a node are applied side by side: a target that is ahead of its source is no sign of a source that was
// restored from an older backup, and nothing is begun anew.
func TestATargetAheadOfItsSourceOnANode(t *testing.T) {
	l := new(oneNode)
	s, err := store.Open(t.TempDir(), store.Options{Log: l, Cluster: "c1"})
	if err != nil {
		t.Fatal(err)
	}
	l.store = s
	x := &exchange{t: t, store: s}
	t.Cleanup(x.close)
	x.must(s.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Root: &store.Root{Name: "nicp", Title: "N", MaxContentLength: 1 << 20}}, {Party: &vendor}, {Party: &agency}}))
	x.agreement("source", releaseTo("target", stix.Amber))
	x.agreement("target", nil)
	x.add("source", object("campaign", "a", 1, "clear"))
	x.settle()
	held := x.holds("target")
	if len(held) != 1 {
		t.Fatalf("the target holds %v, want the campaign", held)
	}

	follower := store.ReleaseFollower(uuid.UUID(x.col("source").ID()))
	ahead := &store.FollowerUpdate{Name: follower, Position: 1000} // as of a message that another node proposed
	x.must(x.col("target").Snapshot(func(s *store.Snapshot) error { ahead.Turn = s.Turn(follower); return nil }))
	if _, err := x.col("target").Append(t.Context(), store.Batch{Follower: ahead}); err != nil {
		t.Fatal(err)
	}
	x.settle()
	if got, err := x.col("target").CursorOf(follower); got != 1000 || err != nil {
		t.Errorf("the release is at %d, %v, want it to wait at 1000", got, err)
	}
	x.want("target", held...)

	// So that the check at the end finds both files of one time.
	back := &store.FollowerUpdate{Name: follower, Position: 1}
	x.must(x.col("target").Snapshot(func(s *store.Snapshot) error { back.Turn = s.Turn(follower); return nil }))
	_, err = x.col("target").Append(t.Context(), store.Batch{Follower: back})
	x.must(err)
	x.settle()
}

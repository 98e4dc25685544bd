package cluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/store"
)

// passesTo has a follower whose node takes what is passed to it as take does.
func (c *folders) passesTo(take http.HandlerFunc) (leaf int, asked *atomic.Int32) {
	c.t.Helper()
	far, leaf := c.twoLevels()
	asked = new(atomic.Int32)
	c.forge(far, func(mux *http.ServeMux) {
		mux.HandleFunc("POST "+logPath+"{$}", func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			io.Copy(io.Discard, r.Body)
			take(w, r)
		})
	}, func(_ uint64, _ *logHead, entries []*pb.Entry) []*pb.Entry { return entries })
	c.start(leaf)
	c.writable(leaf)
	return leaf, asked
}

// A node that takes what is passed to it and says nothing is not waited for as long as the outcome is.
func TestWhatANodeDoesNotAnswerIsPassedToAnother(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	leaf, asked := c.passesTo(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	began := time.Now()
	c.must(appendObject(t.Context(), c.stores[leaf], c.about, 1))
	if took := time.Since(began); asked.Load() != 1 || took > proposalLifetime-passTime {
		t.Errorf("it was asked %d times, and %s have passed", asked.Load(), took)
	}
	c.level(3, 0, 1, leaf)
}

// What one node may have done is not said to be refused, or not to be done.
func TestWhatMayBeDoneIsNotSaidToBeRefused(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	leaf, asked := c.passesTo(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	err := c.nodes[leaf].change(t.Context(), change{Remove: 4711})
	if !errors.Is(err, ErrUnknown) || asked.Load() != 1 || !strings.Contains(err.Error(), "no such node") {
		t.Errorf("got %v, and it was asked %d times", err, asked.Load())
	}
}

// A follower that is stopped before it has a change that was made does not say that nothing was changed.
func TestAChangeThatIsMadeWhileANodeStopsIsUnknown(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	leaf, asked := c.passesTo(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"outcome":"kept","place":1000000}`) })
	outcome := make(chan error, 1)
	go func(n *Node) { outcome <- n.change(context.Background(), change{Remove: 4711}) }(c.nodes[leaf])
	eventually(t, "it was asked", func() bool { return asked.Load() > 0 })
	c.stop(leaf)
	if err := <-outcome; !errors.Is(err, ErrUnknown) || errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
}

// A rotation that is in the log is not said to be undone because no node says how far the log is.
func TestARotationThatIsInTheLogIsUnknown(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	leaf, asked := c.passesTo(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"outcome":"kept","place":1}`) })
	c.stop(1)
	c.stop(0)
	err := c.nodes[leaf].RotateKey(t.Context(), store.KeySuccession{Note: []byte("x"), Key: "x"})
	if !errors.Is(err, ErrUnknown) || errors.Is(err, ErrNoLeader) || errors.Is(err, store.ErrNotProposed) || asked.Load() != 1 {
		t.Errorf("got %v, and it was asked %d times", err, asked.Load())
	}
}

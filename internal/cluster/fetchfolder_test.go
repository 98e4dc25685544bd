package cluster

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A node that is asked for its files, or for one, begins and then sends nothing: the next one is asked.
func TestANodeThatSendsNothingMoreIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	c.silence = time.Second
	far, leaf := c.twoLevels()
	asked := new(atomic.Int32)
	stall := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set(placeHeader, "1")
		w.Write([]byte{0, 0})
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	c.forge(far, func(mux *http.ServeMux) {
		mux.HandleFunc("GET /folder", stall)
		mux.HandleFunc("GET /file", stall)
	}, func(_ uint64, _ *logHead, entries []*pb.Entry) []*pb.Entry { return entries })
	c.start(leaf)
	eventually(t, "it follows", func() bool { m, _ := c.nodes[leaf].following.source.current(); return m.Name == "far" })
	m, _ := c.nodes[leaf].members.Load().Named("far")
	if err := c.nodes[leaf].fetch(t.Context(), m, c.about); !errors.Is(err, errSilent) {
		t.Errorf("a file: got %v, want %v", err, errSilent)
	}
	c.nodes[leaf].following.lose(errors.New("test: it was away for too long"), 1)
	c.lied(leaf)
	if asked.Load() != 2 {
		t.Errorf("it was asked %d times, want 2", asked.Load())
	}
	c.add(0, 1)
	c.level(3, 0, 1, leaf)
}

// timedWriter notes until when each part may be written.
type timedWriter struct {
	*httptest.ResponseRecorder
	until   time.Time
	without int // bytes that were written without a limit
	parts   int
}

func (w *timedWriter) SetWriteDeadline(t time.Time) error {
	w.until = t
	return nil
}

func (w *timedWriter) Write(b []byte) (int, error) {
	if w.parts++; w.until.IsZero() || time.Until(w.until) > fileWrite {
		w.without += len(b)
	}
	return w.ResponseRecorder.Write(b)
}

// A node that asks for files and does not read them holds no snapshot of them for long.
func TestFilesAreSentInTime(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	eventually(t, "it is ready", func() bool { return c.nodes[0].usable() == nil })
	for _, row := range []struct {
		path  string
		serve http.HandlerFunc
	}{
		{"/file?" + url.Values{"about": {c.about.String()}}.Encode(), c.nodes[0].serveFile}, {"/folder", c.nodes[0].serveFolder},
	} {
		w := &timedWriter{ResponseRecorder: httptest.NewRecorder()}
		row.serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, nil))
		if w.Code != http.StatusOK || w.parts == 0 || w.without > 0 || !w.until.IsZero() {
			t.Errorf("%s: got %d, %d parts and %d bytes without a limit, and %s at the end", row.path, w.Code, w.parts, w.without, w.until)
		}
	}
}

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// nodeState is the cluster as a test wants it. Waiting never succeeds: the node stays where it is.
type nodeState struct {
	mu                 sync.Mutex
	readable, writable error // guarded by mu
	applied            uint64
	asked              int    // guarded by mu: how often Committed was called
	meanwhile          func() // if set, called by Committed
}

type notNow struct{}

func (notNow) Error() string             { return "this node is not in contact with a majority" }
func (notNow) RetryAfter() time.Duration { return 2 * time.Second }
func (notNow) Is(target error) bool      { return target == store.ErrNotProposed }

func (n *nodeState) Readable() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.readable
}

func (n *nodeState) Writable() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.writable
}

func (n *nodeState) Applied() uint64 { return n.applied }

func (n *nodeState) WaitApplied(_ context.Context, place uint64) error {
	if place <= n.applied {
		return nil
	}
	return context.DeadlineExceeded
}

func (n *nodeState) Committed(context.Context) (uint64, error) {
	if n.meanwhile != nil {
		n.meanwhile()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.asked > 1 {
		return 0, errors.New("no leader")
	}
	return n.applied, nil
}

func (n *nodeState) set(readable, writable error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.readable, n.writable = readable, writable
}

// C-5, C-9: what a node of a cluster answers while it is not ready, and what it says of the place that it has.
func TestANodeOfACluster(t *testing.T) {
	n := &nodeState{applied: 41}
	s := accordtest.New(t, accordtest.WithConfig(func(c *server.Config) { c.Cluster = n }))
	s.FillIntake()
	collection := accordtest.Path(accordtest.Intake)
	path := collection + "objects/"
	wantCluster := func(a accordtest.Answer, retry string) {
		t.Helper()
		var e taxii.Error
		if err := json.Unmarshal(a.Body, &e); err != nil {
			t.Fatalf("%v in %s", err, a.Body)
		}
		if a.Status != http.StatusServiceUnavailable || e.ErrorCode != "cluster" || a.Header.Get("Retry-After") != retry {
			t.Errorf("got %d %s, Retry-After %q, want 503 cluster after %s", a.Status, a.Body, a.Header.Get("Retry-After"), retry)
		}
	}
	a := s.Get(accordtest.Agency, path+"?limit=2")
	if a.Status != 200 || a.Header.Get(taxii.HeaderPlace) != "41" {
		t.Errorf("got %d, place %q, want 41", a.Status, a.Header.Get(taxii.HeaderPlace))
	}
	place := func(place string) accordtest.Answer {
		return s.Do(accordtest.Request{As: accordtest.Agency, Path: path, Header: http.Header{taxii.HeaderPlace: {place}}})
	}
	if a := place("41"); a.Status != 200 {
		t.Errorf("the place that it has: got %d %s", a.Status, a.Body)
	}
	wantCluster(place("42"), "1")
	if a := place("x"); a.Status != 400 {
		t.Errorf("a place that is none: got %d %s", a.Status, a.Body)
	}

	// A status that is unknown is asked for: another node may have answered with it.
	status := "/nicp/status/" + uuid.NewString() + "/"
	if a := s.Get(accordtest.Vendor, status); a.Status != 404 {
		t.Errorf("an unknown status: got %d", a.Status)
	}
	wantCluster(s.Get(accordtest.Vendor, status), "1") // no leader answers now

	n.set(nil, notNow{})
	wantCluster(s.Post(accordtest.Vendor, collection, []byte(`{}`)), "2")
	if a := s.Get(accordtest.Agency, path); a.Status != 200 {
		t.Errorf("a node that takes no writes answers questions with %d", a.Status)
	}
	n.set(notNow{}, notNow{})
	wantCluster(s.Get(accordtest.Agency, path), "2")
	wantCluster(s.Get(accordtest.Agency, "/taxii2/"), "2")
	n.set(nil, nil)
	if a := s.Get(accordtest.Agency, path); a.Status != 200 {
		t.Errorf("again ready: got %d", a.Status)
	}
}

// C-4: a poller that got a whole millisecond from one node gets all that follows it from another one, which has given the account
// a header within that millisecond. A server alone knows both, and takes such a time for a header that a client has cut.
func TestANodeTakesATimeAsItIs(t *testing.T) {
	for _, row := range []struct {
		name    string
		cluster server.Cluster
		want    int
	}{{"alone", nil, 1}, {"a node", &nodeState{applied: 41}, 3}} {
		s := accordtest.New(t, accordtest.WithConfig(func(c *server.Config) { c.Cluster = row.cluster }))
		collection := accordtest.Path(accordtest.Intake)
		if a := s.Post(accordtest.Agency, collection, accordtest.Indicators(0, 3)...); a.Status != http.StatusAccepted {
			t.Fatalf("%s: got %d %s", row.name, a.Status, a.Body)
		}
		first := s.Get(accordtest.Agency, collection+"objects/?limit=2")
		last, err := time.Parse(time.RFC3339Nano, first.Header.Get(taxii.HeaderLast))
		if err != nil || last.Equal(last.Truncate(time.Millisecond)) {
			t.Fatalf("%s: the page ends at %v, %v, want within a millisecond: %s", row.name, last, err, first.Body)
		}
		a := s.Get(accordtest.Agency, collection+"objects/?added_after="+last.Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"))
		var page struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(a.Body, &page); err != nil || len(page.Objects) != row.want {
			t.Errorf("%s: got %d objects, %v, want %d", row.name, len(page.Objects), err, row.want)
		}
	}
}

// C-5: a status that comes to a node after it was looked for, and before the node asks how far the log is, is found.
func TestAStatusThatComesBetweenTwoLooksIsFound(t *testing.T) {
	n := &nodeState{applied: 41}
	s := accordtest.New(t, accordtest.WithConfig(func(c *server.Config) { c.Cluster = n }))
	id := uuid.New()
	n.meanwhile = func() {
		draft, err := json.Marshal(&ingest.Result{ID: id, At: s.Clock.Now()})
		if err == nil {
			_, err = s.Collection("gsp").Append(t.Context(), store.Batch{Actor: store.Actor{Account: "vendor", Party: "vendor"}, Status: &store.StatusDraft{ID: id, Text: draft}})
		}
		if err != nil {
			t.Error(err)
		}
	}
	if a := s.Get("vendor", "/nicp/status/"+id.String()+"/"); a.Status != http.StatusOK {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
}

// unhurried never has a place that is asked for.
type unhurried struct{ *nodeState }

func (n unhurried) WaitApplied(ctx context.Context, _ uint64) error {
	<-ctx.Done()
	return ctx.Err()
}

// Requests that wait for a place, of whoever, take the room of no others.
func TestRequestsThatWaitForAPlaceTakeNoRoom(t *testing.T) {
	t.Parallel()
	n := unhurried{&nodeState{applied: 41}}
	s := accordtest.New(t, accordtest.WithConfig(func(c *server.Config) { c.Cluster, c.Limits.Requests = n, 4 }))
	path := accordtest.Path(accordtest.Intake) + "objects/"
	var all sync.WaitGroup
	ended := make(chan struct{})
	for range 40 {
		all.Go(func() {
			if a := s.Do(accordtest.Request{Path: path, Header: http.Header{taxii.HeaderPlace: {"999999999"}}}); a.Status != http.StatusServiceUnavailable {
				t.Errorf("a place that does not come: got %d %s", a.Status, a.Body)
			}
		})
	}
	go func() { all.Wait(); close(ended) }()
	for served := false; !served; {
		select {
		case <-ended:
			t.Fatal("nobody was served while others waited")
		case <-time.After(50 * time.Millisecond):
		}
		served = s.Get(accordtest.Agency, path).Status == http.StatusOK
	}
	<-ended
}

package peer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/peer"
	"github.com/accord-taxii/accord/store/journal"
)

// remote is a server whose heads are observed.
type remote struct {
	t *testing.T
	*accordtest.Server
	audit *audit.Client
}

func newRemote(t *testing.T) remote {
	s := accordtest.New(t)
	return remote{t, s, &audit.Client{Fetch: func(_ context.Context, path string) ([]byte, error) {
		a := s.Do(accordtest.Request{As: accordtest.Operator, Path: "/accord/v1/" + path, Accept: "application/json"})
		if a.Status != http.StatusOK {
			return nil, fmt.Errorf("GET %s: %d %s", path, a.Status, a.Body)
		}
		return a.Body, nil
	}}}
}

// grow adds an entry to the journal.
func (r remote) grow(text string) {
	r.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Description = text })
}

// shows returns what the server shows of its journal now.
func (r remote) shows() peer.Sight {
	r.t.Helper()
	keys, err := r.audit.Keys(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	signed, err := r.audit.Checkpoint(r.t.Context(), accordtest.Programme)
	if err != nil {
		r.t.Fatal(err)
	}
	return peer.Sight{URL: r.URL + "/c/", Agreement: accordtest.Programme, Keys: keys, Signed: signed, Prove: func(from, to uint64) (audit.Proof, error) {
		return r.audit.ConsistencyProof(r.t.Context(), accordtest.Programme, from, to)
	}}
}

func sizeOf(t *testing.T, seen peer.Sight) uint64 {
	t.Helper()
	c, err := journal.ReadCheckpoint(seen.Signed)
	if err != nil {
		t.Fatal(err)
	}
	return c.Size
}

var began = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// Heads that continue each other are kept, one an hour, each with its proof; the first counts on the server's word.
func TestHeadsThatContinueEachOtherAreKept(t *testing.T) {
	far, col := newRemote(t), accordtest.New(t).Collection(accordtest.Programme)
	id := peer.Given("them", "x")
	for n := range 4 {
		seen := far.shows()
		size, err := peer.Observe(t.Context(), col, id, seen, began.Add(time.Duration(n)*2*time.Hour))
		if err != nil || size != sizeOf(t, seen) {
			t.Fatalf("head %d: %d, %v, want %d", n, size, err, sizeOf(t, seen))
		}
		far.grow(fmt.Sprint("text ", n))
	}
	list, err := peer.List(col, true)
	if err != nil || len(list) != 1 || len(list[0].Heads) != 4 || list[0].Heads[0].Key == "" || len(list[0].Breaks) > 0 {
		t.Fatalf("kept is %+v, %v", list, err)
	}
	if verdict, err := audit.VerifyPeer(list[0], []string{list[0].Key}); err != nil || verdict.Heads != 4 || verdict.From >= verdict.To {
		t.Errorf("verified: %+v, %v", verdict, err)
	}
	// Within the hour the newest is replaced.
	if _, err := peer.Observe(t.Context(), col, id, far.shows(), began.Add(6*time.Hour+time.Minute)); err != nil {
		t.Fatal(err)
	}
	far.grow("once more")
	if _, err := peer.Observe(t.Context(), col, id, far.shows(), began.Add(6*time.Hour+2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if list, err := peer.List(col, true); err != nil || len(list[0].Heads) > 5 {
		t.Errorf("%d heads are kept, %v", len(list[0].Heads), err)
	}
	if p, ok, err := peer.Get(col, peer.Given("them", "y")); ok || err != nil {
		t.Errorf("an unknown peer: %+v, %t, %v", p, ok, err)
	}
}

// A server that shows an older head, or that of another server, contradicts what it signed. That is kept, and stands until an operator
// accepts what it shows.
func TestAContradictionIsKept(t *testing.T) {
	for name, show := range map[string]func(t *testing.T, far remote, old peer.Sight) peer.Sight{
		"an older head":    func(_ *testing.T, _ remote, old peer.Sight) peer.Sight { return old },
		"another server's": func(t *testing.T, _ remote, _ peer.Sight) peer.Sight { return newRemote(t).shows() },
	} {
		t.Run(name, func(t *testing.T) {
			far, col := newRemote(t), accordtest.New(t).Collection(accordtest.Programme)
			id := peer.Given("them", "x")
			old := far.shows()
			for n := range 2 {
				far.grow(fmt.Sprint("text ", n))
				if _, err := peer.Observe(t.Context(), col, id, far.shows(), began.Add(time.Duration(n)*2*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := peer.Observe(t.Context(), col, id, show(t, far, old), began.Add(9*time.Hour))
			var contradiction *audit.HistoryError
			if !errors.As(err, &contradiction) {
				t.Fatalf("got %v, want a contradiction", err)
			}
			if p, ok, err := peer.Get(col, id); err != nil || !ok || len(p.Breaks) != 1 || !p.Breaks[0].Accepted.IsZero() {
				t.Errorf("kept is %+v, %v", p.Breaks, err)
			}
			if p, err := peer.Accept(t.Context(), col, id, "root", began.Add(10*time.Hour)); err != nil || p.Breaks[0].By != "root" {
				t.Errorf("accepted: %+v, %v", p.Breaks, err)
			}
		})
	}
}

// An account gives heads of a bounded number of journals.
func TestAnAccountGivesHeadsOfSoManyJournals(t *testing.T) {
	far, col := newRemote(t), accordtest.New(t).Collection(accordtest.Programme)
	seen := far.shows()
	seen.Account = "them"
	for n := range 16 {
		if _, err := peer.Observe(t.Context(), col, peer.Given("them", fmt.Sprint(n)), seen, began); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := peer.Observe(t.Context(), col, peer.Given("them", "more"), seen, began); !errors.Is(err, peer.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	seen.Account = "others"
	if _, err := peer.Observe(t.Context(), col, peer.Given("others", "more"), seen, began); err != nil {
		t.Errorf("another account: %v", err)
	}
}

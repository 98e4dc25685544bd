package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store/journal"
)

// C-2: three folders whose clocks are 0.7 s apart follow one log, and all three write: objects, removals, followers, decisions, terms,
// accounts, new agreements. Messages come late, twice, and again after a restart; answers are lost; transactions end anywhere.
// In the end every key of every file is the same. make check runs more seeds: ACCORD_LOG_SEEDS.
func TestC2EveryFileIsTheSame(t *testing.T) {
	seeds, err := strconv.Atoi(os.Getenv("ACCORD_LOG_SEEDS"))
	if err != nil {
		seeds = 1
	}
	outcomes := map[string]*atomic.Int64{}
	for _, name := range []string{"kept", "stale", "refused", "undecided", "registry"} {
		outcomes[name] = new(atomic.Int64)
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { replicate(t, uint64(seed)+1, outcomes) })
	}
	for name, n := range outcomes {
		if n.Load() == 0 && name != "undecided" { // which depends on the machine
			t.Errorf("nothing was %s: the test is too tame", name)
		}
	}
}

func replicate(t *testing.T, seed uint64, outcomes map[string]*atomic.Int64) {
	l := newMemoryLog(seed)
	nodes := make([]*node, 3)
	for i := range nodes {
		skew := time.Duration(i-1) * 700 * time.Millisecond
		opts := Options{Now: func() time.Time { return time.Now().Add(skew) }, ApplyTimeout: 100 * time.Millisecond}
		nodes[i] = openNode(t, filepath.Join(t.TempDir(), fmt.Sprint("node", i)), l, opts, rand.New(rand.NewPCG(seed, uint64(i)+1)))
	}
	w := &replicating{nodes: nodes, outcomes: outcomes}
	w.prepare(t)
	writing, stop := context.WithCancel(t.Context())
	restarted := make(chan int)
	go func() { restarted <- w.restart(t, writing, nodes[2], rand.New(rand.NewPCG(seed, 9))) }()
	var writers sync.WaitGroup
	for i := range nodes {
		for j := range 2 {
			writers.Go(func() { w.write(t, i, seed*100+uint64(10*i+j)) })
		}
	}
	writers.Wait()
	stop()
	if n := <-restarted; n == 0 {
		t.Error("the node was not restarted: the test is too tame")
	}
	l.end()
	for _, n := range nodes {
		n.settle(t)
	}
	// A folder that follows from the beginning comes to the same, in transactions of one message.
	fresh := openNode(t, filepath.Join(t.TempDir(), "fresh"), l, Options{}, nil)
	fresh.settle(t)
	sameFolders(t, append(nodes, fresh)...)
	for _, n := range nodes {
		for _, col := range n.Collections() {
			mustBeSound(t, col)
		}
	}
	w.lost(t)
}

// replicating writes to three nodes.
type replicating struct {
	nodes    []*node
	outcomes map[string]*atomic.Int64

	mu    sync.Mutex
	acked []acked // guarded by mu
}

// restart closes a node in the middle of its work, and opens it again: its writers get errors, and messages that it has are handed
// to it once more.
func (w *replicating) restart(t *testing.T, ctx context.Context, n *node, chance *rand.Rand) (times int) {
	for {
		if err := n.WaitPlace(ctx, n.Place()+uint64(10+chance.IntN(20))); err != nil {
			return times
		}
		opts := n.opts
		n.mu.Lock()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		<-n.done // whatever it was about
		n.Store = openFolder(t, n.dir, opts)
		own := rand.New(rand.NewPCG(chance.Uint64(), 0))
		go func(s *Store) { n.done <- follow(s, n.log, own) }(n.Store)
		n.mu.Unlock()
		times++
	}
}

// acked is an addition that was answered with success.
type acked struct {
	collection uuid.UUID
	position   journal.Position
	id         string
}

var replicated = []uuid.UUID{
	uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116"), uuid.MustParse("0b0f3a52-6d0e-4f0c-9d0b-6a3f3a1d2c11"),
}

// again calls do until it is decided.
func (w *replicating) again(t *testing.T, do func() error) {
	for try := 0; ; try++ {
		err := do()
		switch {
		case err == nil, errors.Is(err, ErrExists):
			return
		case try < 100 && (errors.Is(err, ErrNotProposed) || errors.Is(err, ErrUndecided) || errors.Is(err, ErrStale)):
		default:
			t.Errorf("after %d attempts: %v", try, err)
			return
		}
	}
}

func (w *replicating) prepare(t *testing.T) {
	s := w.nodes[0].Store
	w.again(t, func() error {
		return s.Change(t.Context(), operatorActor, []RegistryChange{{Party: &agreement.Party{Name: "vendor", Title: "V"}}, {Party: &agreement.Party{Name: "agency", Title: "A"}}})
	})
	for i, id := range replicated {
		a := testAgreement(id)
		a.Name = agreement.Name(fmt.Sprint("gsp", i))
		w.again(t, func() error { _, err := s.CreateAgreement(t.Context(), operatorActor, a); return err })
	}
	for _, n := range w.nodes {
		for _, id := range replicated {
			for _, ok := n.CollectionOf(id); !ok; _, ok = n.CollectionOf(id) {
				version := n.Version()
				if _, ok := n.CollectionOf(id); ok {
					break
				}
				if err := n.Wait(t.Context(), version); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// write makes changes at one node.
func (w *replicating) write(t *testing.T, at int, seed uint64) {
	r := newWorld(seed)
	for i := range 40 {
		s := w.nodes[at].store()
		if r.IntN(8) == 0 {
			w.administer(t, s, r, i)
			continue
		}
		id := replicated[r.IntN(len(replicated))]
		col, ok := s.CollectionOf(id)
		if !ok {
			t.Errorf("node %d lacks %s", at, id)
			return
		}
		b := r.batch(t, col)
		result, err := col.Append(t.Context(), b)
		w.count(t, err)
		w.mu.Lock()
		for j, o := range result.Outcomes {
			if o.Kind == Added {
				w.acked = append(w.acked, acked{id, o.Position, string(b.Changes[j].Add.Object.ID)})
			}
		}
		w.mu.Unlock()
	}
}

func (w *replicating) count(t *testing.T, err error) {
	switch {
	case err == nil:
		w.outcomes["kept"].Add(1)
	case errors.Is(err, ErrStale):
		w.outcomes["stale"].Add(1)
	case errors.Is(err, ErrUndecided):
		w.outcomes["undecided"].Add(1)
	case errors.Is(err, ErrClosed), errors.Is(err, errStoreClosed), errors.Is(err, ErrNotProposed), errors.Is(err, agreement.ErrNotAllowed), errors.Is(err, agreement.ErrNoRole):
		w.outcomes["refused"].Add(1)
	default:
		t.Errorf("append: %v", err)
	}
}

func (w *replicating) administer(t *testing.T, s *Store, r *world, i int) {
	var err error
	switch r.IntN(4) {
	case 0:
		_, err = s.RecordHeads(t.Context())
	case 1:
		party := agreement.Party{Name: "agency", Title: "A"}
		if r.IntN(2) == 0 {
			party.Identity = testID("identity", 2)
		}
		err = s.Change(t.Context(), operatorActor, []RegistryChange{{Party: &party}})
	case 2:
		err = s.Record(t.Context(), operatorActor, "rotate", "key", fmt.Sprint(i))
	case 3:
		a := auth.Account{Name: fmt.Sprint("account-", r.IntN(3)), Party: "vendor", Disabled: r.IntN(2) == 0}
		err = s.Change(t.Context(), operatorActor, []RegistryChange{{Account: &a}})
	}
	if err == nil {
		w.outcomes["registry"].Add(1)
	}
	w.count(t, err)
}

// batch is a random batch for a collection, planned on what it is now.
func (w *world) batch(t *testing.T, col *Collection) (b Batch) {
	a, terms := col.Terms()
	by := w.IntN(10)
	b.Actor = Actor{Account: "a", Party: []agreement.PartyName{"vendor", "agency"}[w.IntN(2)]}
	var source journal.Source
	switch {
	case by < 3: // a release
		b.Actor = Actor{}
		source = journal.Source{Collection: []uuid.UUID{fromA, fromB}[w.IntN(2)], Position: 7}
		u := &FollowerUpdate{Name: ReleaseFollower(source.Collection), Set: []KeyValue{{[]byte{byte(w.IntN(4))}, []byte{byte(w.IntN(4))}}}}
		if err := col.Snapshot(func(s *Snapshot) error { u.Turn, u.Position = s.Turn(u.Name), s.Cursor(u.Name)+1; return nil }); err != nil {
			t.Error(err)
		}
		b.Follower = u
	case by == 3: // terms
		c := a.Clone()
		switch w.IntN(3) {
		case 0:
			c.Accept.Corrections = cond(c.Accept.Corrections == "", agreement.CorrectionsAccept, "")
		case 1:
			c.Suspended = cond(c.Suspended == nil, &agreement.Mark{At: testEpoch, By: "root", Reason: "r"}, nil)
		case 2:
			c.Title = fmt.Sprint("T", w.IntN(5))
		}
		return Batch{Actor: operatorActor, Terms: terms, Changes: []Change{{Terms: &TermsChange{Agreement: c, Act: "change"}}}}
	case by == 4:
		stats, err := col.Stats()
		if err != nil {
			t.Error(err)
		}
		of := journal.Position(1 + w.IntN(int(stats.Entries)))
		return Batch{Actor: operatorActor, Changes: []Change{{Decide: &Decision{Of: of, Target: fromB, Refuse: w.IntN(2) == 0, Reason: "r"}}}}
	case by == 5:
		return Batch{Changes: []Change{{Forget: &Forgetting{time.Now().Add(-time.Millisecond)}}}}
	case by == 6:
		b.Terms = terms
		b.Status = &StatusDraft{ID: uuid.New(), Text: []byte("draft"), Counted: w.IntN(2) == 0}
		b.Refused = &RefusalDraft{Objects: []RefusedObject{{Text: []byte(w.object()), ID: "x"}}}
	}
	for range 1 + w.IntN(4) {
		id := w.ids[w.IntN(len(w.ids))]
		switch {
		case w.IntN(5) > 0:
			b.Changes = append(b.Changes, Change{Add: &Addition{Object: parsed(t, w.object()), Source: source, Correction: w.IntN(2) == 0}})
		case !source.IsZero():
			b.Changes = append(b.Changes, Change{Remove: &Removal{ID: id, Kind: journal.Withdrawn, OnlyFrom: source.Collection, MayReturn: w.IntN(2) == 0}})
		case by == 9:
			b.Changes = append(b.Changes, Change{Remove: &Removal{ID: id, Operator: true, Bar: w.IntN(3) == 0, Reason: "r"}})
		default:
			b.Changes = append(b.Changes, Change{Remove: &Removal{ID: id, OnlyBy: b.Actor.Party, Specs: w.specs()}})
		}
	}
	return b
}

// lost fails if an addition that was answered with success is not in the journal, at its place.
func (w *replicating) lost(t *testing.T) {
	for _, a := range w.acked {
		col, _ := w.nodes[0].CollectionOf(a.collection)
		if e, _, err := col.Entry(a.position); err != nil || e.Kind != journal.Added || e.Object != a.id {
			t.Errorf("position %d of %s: got %v %s, %v, want %s, which was answered with success", a.position, a.collection, e.Kind, e.Object, err, a.id)
		}
	}
}

// C-6: terms that change between judging and applying let nothing through that they forbid, whichever of the nodes judged.
func TestC6TermsThatChangeBetweenJudgingAndApplying(t *testing.T) {
	l := newMemoryLog(0)
	nodes := []*node{
		openNode(t, filepath.Join(t.TempDir(), "a"), l, Options{}, nil),
		openNode(t, filepath.Join(t.TempDir(), "b"), l, Options{}, nil),
	}
	w := &replicating{nodes: nodes}
	w.prepare(t)
	col, _ := nodes[0].CollectionOf(replicated[0])
	other, _ := nodes[1].CollectionOf(replicated[0])
	judged, terms := col.Terms()

	// Node b suspends the agreement. Node a has judged before it knows, and its message comes behind.
	suspended := judged.Clone()
	suspended.Suspended = &agreement.Mark{At: testEpoch, By: "root", Reason: "r"}
	if _, err := other.Append(t.Context(), Batch{Actor: operatorActor, Terms: terms, Changes: []Change{{Terms: &TermsChange{Agreement: suspended, Act: "suspend"}}}}); err != nil {
		t.Fatal(err)
	}
	object := additions(t, address(testID("url", 1), "a"))
	for _, row := range []struct {
		name string
		b    Batch
		want error
	}{
		{"an envelope that was judged by the terms before", Batch{Actor: vendor, Terms: terms, Changes: object}, ErrStale},
		{"one that names no terms", Batch{Actor: vendor, Changes: object}, agreement.ErrNotAllowed},
		{"a deletion", Batch{Actor: vendor, Changes: []Change{{Remove: &Removal{ID: testID("url", 1), OnlyBy: "vendor"}}}}, agreement.ErrNotAllowed},
		{"other terms, which know nothing of the suspension", Batch{Actor: operatorActor, Terms: terms, Changes: []Change{{Terms: &TermsChange{Agreement: judged, Act: "change"}}}}, ErrStale},
	} {
		if _, err := col.Append(t.Context(), row.b); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
	// An account that was disabled on the other node: what was planned on the revision before is stale.
	revision := nodes[0].Registry().Revision
	change(t, nodes[1].Store, RegistryChange{Account: &auth.Account{Name: "push", Party: "vendor"}})
	if err := nodes[0].WaitPlace(t.Context(), nodes[1].RegistryPlace()); err != nil {
		t.Fatal(err)
	}
	err := nodes[0].ChangeOn(t.Context(), operatorActor, revision, []RegistryChange{{Account: &auth.Account{Name: "push", Party: "agency"}}})
	if !errors.Is(err, ErrStale) {
		t.Errorf("a change planned before another: got %v, want ErrStale", err)
	}
	l.end()
	for _, n := range nodes {
		n.settle(t)
	}
	sameFolders(t, nodes...)
	if got := texts(t, col, Query{}); len(got) != 0 {
		t.Errorf("the suspended agreement has %v", got)
	}
}

// Two nodes make plans on the same revision at once: one of the two comes first, and the other does nothing.
func TestOfTwoPlansOnOneRevisionOneIsCarriedOut(t *testing.T) {
	l := newMemoryLog(0)
	held := &holding{Log: l, began: make(chan struct{}, 1), release: make(chan struct{})}
	a := openNode(t, filepath.Join(t.TempDir(), "a"), l, Options{}, nil)
	b := openNode(t, filepath.Join(t.TempDir(), "b"), l, Options{}, nil)
	b.opts.Log = held
	result := make(chan error, 1)
	go func() {
		result <- b.Change(context.Background(), operatorActor, []RegistryChange{{Party: &agreement.Party{Name: "vendor", Title: "of b"}}})
	}()
	<-held.began // it has planned
	change(t, a.Store, RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "of a"}})
	close(held.release)
	if err := <-result; !errors.Is(err, ErrStale) {
		t.Errorf("the later of two plans: got %v, want ErrStale", err)
	}
	l.end()
	a.settle(t)
	b.settle(t)
	sameFolders(t, a, b)
	if p, _ := b.Registry().Party("vendor"); p.Title != "of a" {
		t.Errorf("the party is %+v", p)
	}
}

// holding is a log that holds proposals back.
type holding struct {
	Log
	began, release chan struct{}
}

// Propose implements Log.
func (h *holding) Propose(ctx context.Context, about, group uuid.UUID, message []byte) error {
	h.began <- struct{}{}
	<-h.release
	return h.Log.Propose(ctx, about, group, message)
}

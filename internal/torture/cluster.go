package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxStaleness is that of the nodes: short, so that partitions exceed it.
const maxStaleness = 5 * time.Second

// herd is a cluster that is tortured.
type herd struct {
	*world
	network      *network
	history      *history
	instrumented string        // why the program has no clock and no disk to play with; "": it has
	place        atomic.Uint64 // the latest that any answer has named
	contended    atomic.Int64  // operations on objects that several clients share
	named        int           // nodes that ever were
	followers    int           // of the nodes, those that follow another one

	asking   sync.Mutex
	members  []*member // guarded by asking
	answered time.Time // guarded by asking: when something was acknowledged last
	*tally
}

// tally is what was counted of all clusters of a run. Clients count under herd.asking.
type tally struct {
	began                int            // faults
	done, noticed        map[string]int // faults by name, and what came of them
	longest              time.Duration  // without an acknowledgement
	back                 time.Duration  // the longest that a node which was cut off has taken to take writes again
	unanswered           int            // writes
	versions, operations int            // acknowledged, and explained by one order
}

// clusterTorture is what is done to a cluster.
type clusterTorture struct {
	nodes, rounds int
	life          int    // rounds with one cluster
	followers     int    // besides
	only          string // parts of names of faults, separated by commas
	each          bool   // each fault once instead of rounds at random
	plain         bool   // the program as it is
}

// tortureCluster does harm to clusters, one after the other.
func (t *torture) tortureCluster(c clusterTorture) (err error) {
	began, total, instrumented := time.Now(), &tally{done: map[string]int{}, noticed: map[string]int{}}, "-plain is given"
	if !c.plain {
		log.Print("building the program with a clock and a disk of its own (minutes, the first time)")
		dir, err := os.MkdirTemp("", "accord-torture-program-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		program, err := instrument(dir)
		if instrumented = ""; err != nil {
			instrumented = fmt.Sprintf("the program cannot be built with a clock and a disk of its own: %v", err)
		} else {
			t.program = program
		}
	}
	for left := c.rounds; left > 0; left -= c.life {
		life := c
		life.rounds = min(c.life, left)
		if err := t.tortureOne(life, total, instrumented); err != nil {
			return err
		}
		if c.each {
			break
		}
		log.Printf("%d kills, %d versions acknowledged, nothing lost", t.kills, total.versions)
	}
	for _, f := range faults {
		if n := total.done[f.name]; n > 0 {
			fmt.Printf("| %s | %d |\n", f.name, n)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(total.noticed)) {
		fmt.Printf("%s: %d\n", what, total.noticed[what])
	}
	fmt.Printf("%d kills among them; %d envelopes, %d deletions and %d versions acknowledged; %d writes not answered or refused; %d operations on shared objects explained by one order; "+
		"longest time without an acknowledgement %v; a node that was cut off takes writes again after at most %v; nothing lost, nothing doubled, all nodes equal; took %v\n",
		t.kills, t.envelopes, t.deletions, total.versions, total.unanswered, total.operations, total.longest.Round(time.Millisecond), total.back.Round(time.Millisecond), time.Since(began).Round(time.Second))
	return nil
}

// tortureOne does harm to a cluster while clients write to any of its nodes and pollers read from any of them. In the end nothing
// that was acknowledged may be missing on any node, all are equal, and one order of events explains what clients saw.
func (t *torture) tortureOne(c clusterTorture, total *tally, instrumented string) (err error) {
	if t.dir, err = os.MkdirTemp("", "accord-torture-"); err != nil {
		return err
	}
	h := &herd{followers: c.followers, history: newHistory(), tally: total, instrumented: instrumented}
	if h.world, err = newWorld(t, t.dir+"/n1"); err != nil {
		return err
	}
	h.network = newNetwork(h.owner)
	defer func() {
		for _, m := range h.nodes() {
			h.end(m)
		}
		h.network.close()
	}()
	table, err := h.available(c.only)
	if err != nil {
		return err
	}
	if err := h.gather(c.nodes, c.followers); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	all := h.clients(ctx, cancel)
	for i := 0; ctx.Err() == nil && (c.each && i < len(table) || !c.each && i < c.rounds); i++ {
		f := table[0]
		if c.each {
			f = table[i]
		} else {
			f = drawn(table, t.random)
		}
		h.began++
		log.Printf("%d: %s", h.began, f.name)
		if err := f.do(h, ctx); err != nil {
			cancel(fmt.Errorf("%s: %w", f.name, err))
		}
		h.done[f.name]++
	}
	failed := context.Cause(ctx)
	cancel(nil)
	all.Wait()
	if failed != nil {
		for _, m := range h.nodes() {
			if p := m.process(); p != nil {
				log.Printf("the log of %s:\n%s", m.name, p.log())
			}
		}
		return failed
	}
	operations, err := h.compare()
	if err != nil {
		return err
	}
	h.operations += operations
	h.versions += len(h.acknowledged)
	for _, m := range h.nodes() {
		h.unmount(m)
	}
	return os.RemoveAll(t.dir)
}

// clients starts all clients. Each of their requests goes to a random node.
func (h *herd) clients(ctx context.Context, cancel context.CancelCauseFunc) *sync.WaitGroup {
	all := new(sync.WaitGroup)
	work := func(do func(context.Context, *process, *rand.Rand) error) {
		random := rand.New(rand.NewPCG(h.t.random.Uint64(), 3))
		all.Go(func() {
			for ctx.Err() == nil {
				list := h.nodes()
				p := list[random.IntN(len(list))].process()
				if p == nil {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				err := do(ctx, p, random)
				if unready(err) {
					time.Sleep(20 * time.Millisecond)
				} else if err != nil {
					cancel(err)
				}
			}
		})
	}
	h.answered = time.Now()
	for range 4 {
		work(func(ctx context.Context, p *process, random *rand.Rand) error {
			err := h.write(ctx, p, random)
			h.note(err)
			return err
		})
	}
	work(h.remove)
	for _, o := range h.pollers {
		work(func(ctx context.Context, p *process, _ *rand.Rand) error { return o.poll(ctx, p) })
	}
	for i := range 6 {
		work(func(ctx context.Context, p *process, random *rand.Rand) error { return h.contend(ctx, i, p, random) })
	}
	return all
}

// unready reports whether a node gave no answer, or said that it cannot: the cluster allows both.
func unready(err error) bool {
	return errors.Is(err, errGone) || err != nil && (strings.Contains(err.Error(), "got 503") || strings.Contains(err.Error(), "got 507"))
}

// note counts how long nothing is acknowledged.
func (h *herd) note(err error) {
	h.asking.Lock()
	defer h.asking.Unlock()
	if err != nil {
		h.unanswered++
		return
	}
	h.longest = max(h.longest, time.Since(h.answered))
	h.answered = time.Now()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// compare looks for everything that was acknowledged on every node, has the pollers read to the end, compares the nodes, and checks
// what clients saw.
func (h *herd) compare() (operations int, err error) {
	h.network.set(nil)
	if err := h.well(); err != nil {
		return 0, err
	}
	if err := h.released(h.nodes()[0].process()); err != nil {
		return 0, err
	}
	if err := h.well(); err != nil {
		return 0, err
	}
	for _, m := range h.nodes() {
		p := m.process()
		if err := errors.Join(h.look(p), texts(p)); err != nil {
			return 0, fmt.Errorf("on %s: %w", m.name, err)
		}
		for _, o := range h.pollers {
			if err := o.complete(p); err != nil {
				return 0, fmt.Errorf("on %s: %w", m.name, err)
			}
			there, err := manifest(p, o.collection)
			if err == nil {
				err = checkPages(o.collection, o.pages, there, h.deletable)
			}
			if err != nil {
				return 0, fmt.Errorf("on %s: %w", m.name, err)
			}
		}
	}
	heads := map[string]string{}
	for _, m := range h.nodes() {
		for _, name := range []string{"source", "target", "alone"} {
			out, err := output(h.t.program, "audit", "checkpoint", "--agreement", name, "--data", m.data)
			if err != nil {
				return 0, fmt.Errorf("the head of %s on %s: %w", name, m.name, err)
			}
			lines := strings.SplitN(out, "\n", 4)
			if len(lines) < 4 {
				return 0, fmt.Errorf("the head of %s on %s: %s", name, m.name, out)
			}
			head := lines[1] + " " + lines[2] // size and root
			if want, ok := heads[name]; ok && want != head {
				return 0, fmt.Errorf("the head of %s is %s on %s, and %s elsewhere", name, head, m.name, want)
			}
			heads[name] = head
		}
	}
	for _, m := range h.nodes() {
		if err := m.process().Terminate(); err != nil {
			return 0, fmt.Errorf("stop %s: %w", m.name, err)
		}
		m.mu.Lock()
		m.now = nil
		m.mu.Unlock()
		if err := command(h.t.program, "check", "--data", m.data); err != nil {
			return 0, err
		}
	}
	return h.history.check()
}

// deletable reports whether a version may have been deleted, and added again.
func (h *herd) deletable(v version) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return v.collection != alone || h.deleted[version{collection: v.collection, id: v.id}] || strings.HasPrefix(v.id, contendedPrefix)
}

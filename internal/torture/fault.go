package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// A fault is something that is done to a cluster. When it is over, every node runs, and may still have to catch up.
type fault struct {
	name  string
	often int                  // among all, when faults are drawn at random
	lacks func(h *herd) string // why it cannot be tried here; "": it can. nil: it can
	do    func(*herd, context.Context) error
}

var faults []fault

func init() {
	faults = []fault{
		{"one node killed", 12, nil, func(h *herd, ctx context.Context) error { return h.killSome(ctx, 1) }},
		{"two nodes killed", 6, nil, func(h *herd, ctx context.Context) error { return h.killSome(ctx, 2) }},
		{"all nodes killed", 3, nil, func(h *herd, ctx context.Context) error { return h.killSome(ctx, len(h.nodes())) }},
		{"one node paused", 6, nil, func(h *herd, ctx context.Context) error { return h.pauseSome(ctx, 1) }},
		{"two nodes paused", 3, nil, func(h *herd, ctx context.Context) error { return h.pauseSome(ctx, 2) }},
	}
	for _, s := range shapes {
		faults = append(faults, fault{"links cut: " + s.name, 2, nil, func(h *herd, ctx context.Context) error { return h.partition(ctx, &s) }})
	}
	faults = append(faults, []fault{
		{"a node killed while links are cut", 2, nil, (*herd).killWhileCut},
		{"a node that is cut off is asked", 1, nil, (*herd).askCutOff},
		{"a node joins, another is removed", 1, nil, (*herd).exchange},
		{"a follower follows another node", 3, (*herd).lacksFollowers, (*herd).followAnother},
		{"a bit of the log flipped", 1, nil, (*herd).flipLog},
		{"a bit of an agreement's file flipped", 2, nil, (*herd).flipAgreement},
		{"a bit of accord.db flipped", 1, nil, (*herd).flipRegistry},
		{"a disk full", 2, (*herd).lacksDisk, (*herd).fillDisk},
		{"a sync that fails", 2, (*herd).lacksStrace, (*herd).failSyncs},
		{"power cut at one node", 4, (*herd).lacksInstrument, func(h *herd, ctx context.Context) error { return h.cutPower(ctx, 1) }},
		{"power cut at all nodes", 3, (*herd).lacksInstrument, func(h *herd, ctx context.Context) error { return h.cutPower(ctx, len(h.nodes())) }},
		{"a clock ahead", 2, (*herd).lacksInstrument, func(h *herd, ctx context.Context) error { return h.setClocks(ctx, 1, false, 1) }},
		{"a clock behind", 2, (*herd).lacksInstrument, func(h *herd, ctx context.Context) error { return h.setClocks(ctx, 1, false, -1) }},
		{"a clock that jumps", 2, (*herd).lacksInstrument, func(h *herd, ctx context.Context) error { return h.setClocks(ctx, 1, true, 0) }},
		{"all clocks apart", 1, (*herd).lacksInstrument, func(h *herd, ctx context.Context) error { return h.setClocks(ctx, len(h.nodes()), true, 0) }},
	}...)
}

// available lists the faults that can be tried here, and says which cannot.
func (h *herd) available(only string) (table []fault, err error) {
	for _, f := range faults {
		wanted := only == ""
		for text := range strings.SplitSeq(only, ",") {
			wanted = wanted || strings.Contains(f.name, text)
		}
		if !wanted {
			continue
		}
		if f.lacks != nil {
			if why := f.lacks(h); why != "" {
				log.Printf("SKIPPED: %s: %s", f.name, why)
				continue
			}
		}
		table = append(table, f)
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("no fault whose name has %q can be tried here", only)
	}
	return table, nil
}

// drawn returns a random fault.
func drawn(table []fault, r *rand.Rand) fault {
	sum := 0
	for _, f := range table {
		sum += f.often
	}
	n := r.IntN(sum)
	for _, f := range table {
		if n -= f.often; n < 0 {
			return f
		}
	}
	return table[len(table)-1] // not reached: n is below the sum
}

// some returns random nodes.
func (h *herd) some(count int) (list []*member) {
	all := h.nodes()
	for _, i := range h.t.random.Perm(len(all))[:min(count, len(all))] {
		list = append(list, all[i])
	}
	return list
}

// upTo returns a random time.
func (h *herd) upTo(most time.Duration) time.Duration {
	return time.Duration(h.t.random.Int64N(int64(most)))
}

func (h *herd) killSome(ctx context.Context, count int) error {
	for _, m := range h.some(count) {
		h.kill(m)
	}
	wait(ctx, h.upTo(2*time.Second))
	err := h.reviveAll()
	wait(ctx, h.upTo(1500*time.Millisecond))
	return err
}

func (h *herd) pauseSome(ctx context.Context, count int) error {
	victims := h.some(count)
	for _, m := range victims {
		if p := m.process(); p != nil {
			p.Cmd.Process.Signal(syscall.SIGSTOP)
		}
	}
	wait(ctx, h.upTo(4*time.Second))
	for _, m := range victims {
		if p := m.process(); p != nil {
			p.Cmd.Process.Signal(syscall.SIGCONT)
		}
	}
	wait(ctx, h.upTo(1500*time.Millisecond))
	return nil
}

func (h *herd) partition(ctx context.Context, s *shape) error {
	h.network.set(s.partition(h.t.random, h.names()))
	wait(ctx, 200*time.Millisecond+h.upTo(7*time.Second))
	h.network.set(nil)
	wait(ctx, h.upTo(2*time.Second))
	return nil
}

func (h *herd) killWhileCut(ctx context.Context) error {
	h.network.set(shapes[h.t.random.IntN(len(shapes))].partition(h.t.random, h.names()))
	wait(ctx, h.upTo(3*time.Second))
	err := h.killSome(ctx, 1)
	h.network.set(nil)
	wait(ctx, h.upTo(2*time.Second))
	return err
}

// askCutOff cuts a node off, which then takes no write within two seconds, and answers nothing after the bound on staleness. It takes
// writes again soon after it has contact.
func (h *herd) askCutOff(ctx context.Context) error {
	m := h.some(1)[0]
	p := m.process()
	cut := map[direction]cutting{}
	for _, other := range h.others(m) {
		cut[direction{m.name, other.name}], cut[direction{other.name, m.name}] = stalled, stalled
	}
	h.network.set(cut)
	defer h.network.set(nil)
	took := func() (bool, error) {
		err := h.write(ctx, p, h.t.random)
		if unready(err) || ctx.Err() != nil {
			return false, nil
		}
		return err == nil, err
	}
	wait(ctx, 2500*time.Millisecond)
	if did, err := took(); err != nil || did {
		return fmt.Errorf("%s takes a write 2.5 s after it was cut off: %t, %w", m.name, did, err)
	}
	wait(ctx, maxStaleness)
	asking, cancel := context.WithTimeout(ctx, accordtest.Patience)
	defer cancel()
	if status, _, body, err := p.ask(asking, http.MethodGet, alone+"manifest/?limit=1", nil); err == nil && status == http.StatusOK {
		return fmt.Errorf("%s answers %v after it was cut off, --max-staleness is %v: %s", m.name, maxStaleness+2500*time.Millisecond, maxStaleness, body)
	}
	h.network.set(nil)
	since := time.Now()
	for ctx.Err() == nil {
		did, err := took()
		if err != nil {
			return err
		}
		if did {
			break
		}
		if time.Since(since) > accordtest.Patience {
			return fmt.Errorf("%s takes no writes %v after it has contact again", m.name, accordtest.Patience)
		}
		wait(ctx, 20*time.Millisecond)
	}
	h.back = max(h.back, time.Since(since))
	return nil
}

// exchange has a node join, with the clients at work, and removes another one for good, which does not serve any more.
func (h *herd) exchange(ctx context.Context) error {
	if err := h.well(); err != nil {
		return err
	}
	old := h.some(1)[0]
	if _, err := h.swap(old); err != nil {
		return err
	}
	defer h.unmount(old)
	if err := h.revive(old); err != nil {
		if !strings.Contains(err.Error(), "left its cluster") && !strings.Contains(err.Error(), "removed") {
			return fmt.Errorf("%s was removed, and its start says: %w", old.name, err)
		}
		return nil
	}
	defer h.kill(old)
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until) && ctx.Err() == nil; wait(ctx, 100*time.Millisecond) {
		status, _, body, err := old.process().ask(ctx, http.MethodGet, alone+"manifest/?limit=1", nil)
		if err == nil && status == http.StatusOK {
			return fmt.Errorf("%s was removed, and serves: %s", old.name, body)
		}
	}
	return nil
}

func (h *herd) lacksFollowers() string {
	if h.followers == 0 {
		return "there are no followers (-followers)"
	}
	return ""
}

// followAnother has a follower follow another node, and kills a node.
func (h *herd) followAnother(ctx context.Context) error {
	all := h.some(len(h.nodes()))
	m := all[slices.IndexFunc(all, func(m *member) bool { return m.follows != "" })]
	if err := h.follow(m, h.others(m)[h.t.random.IntN(len(all)-1)]); err != nil {
		return err
	}
	wait(ctx, h.upTo(time.Second))
	return h.killSome(ctx, 1)
}

// setClocks puts clocks of nodes ahead or behind for a while, or has them jump, and sets them right again.
func (h *herd) setClocks(ctx context.Context, count int, jump bool, sign int) error {
	far := []time.Duration{300 * time.Millisecond, 2 * time.Second, 30 * time.Second, 20 * time.Minute, 3 * time.Hour}
	victims := h.some(count)
	set := func() (err error) {
		for _, m := range victims {
			by := h.upTo(far[h.t.random.IntN(len(far))])
			if sign < 0 || sign == 0 && h.t.random.IntN(2) == 0 {
				by = -by
			}
			err = errors.Join(err, m.skew(by))
		}
		return err
	}
	err := set()
	for range h.t.random.IntN(8) {
		wait(ctx, h.upTo(time.Second))
		if jump {
			err = errors.Join(err, set())
		}
	}
	if h.t.random.IntN(3) == 0 {
		for _, m := range victims {
			h.kill(m)
		}
		err = errors.Join(err, h.reviveAll())
		wait(ctx, h.upTo(2*time.Second))
	}
	for _, m := range victims {
		err = errors.Join(err, m.skew(0))
	}
	wait(ctx, h.upTo(2*time.Second))
	return err
}

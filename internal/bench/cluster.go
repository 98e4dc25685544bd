package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// clusterNodes is how many nodes the measured cluster has.
const clusterNodes = 3

// herd is a cluster on loopback, all of it on this machine.
type herd struct {
	bin       string
	nodes     []*accord
	addresses []string // of each, for the others
}

// clusters measures a cluster beside a single server: both have the same processors.
func clusters(ctx context.Context, j job) error {
	alone, err := startAccord(ctx, j.bin, filepath.Join(j.scratch, "alone"))
	if err != nil {
		return err
	}
	defer alone.stop()
	h, err := j.startHerd(ctx)
	if err != nil {
		return err
	}
	defer h.stop()
	s := j.report.begin("cluster")
	s.say("Three nodes and a single server, on the same processors: what a cluster costs in work, not what three machines do.")
	if err := j.clusterEnvelopes(ctx, s, alone, h); err != nil {
		return fmt.Errorf("envelopes: %w", err)
	}
	if err := j.clusterSingles(ctx, s, alone, h); err != nil {
		return fmt.Errorf("single objects: %w", err)
	}
	if err := j.catchUp(ctx, s, h); err != nil {
		return fmt.Errorf("catching up: %w", err)
	}
	if err := j.failover(ctx, s, h); err != nil {
		return fmt.Errorf("failover: %w", err)
	}
	if j.base != "" {
		if err := j.sinceBase(ctx, s); err != nil {
			return fmt.Errorf("beside %s: %w", j.base, err)
		}
	}
	s.end()
	return nil
}

// startHerd makes a cluster and starts it.
func (j *job) startHerd(ctx context.Context) (h *herd, err error) {
	h = &herd{bin: j.bin}
	defer func() {
		if err != nil {
			h.stop()
		}
	}()
	for i := range clusterNodes {
		data, name := filepath.Join(j.scratch, fmt.Sprint("node", i)), fmt.Sprint("n", i)
		if i == 0 {
			file := filepath.Join(j.scratch, "exchange.yaml")
			if err := os.WriteFile(file, []byte(applyFile), 0o600); err != nil {
				return h, err
			}
			if _, err = h.command(ctx, "apply", "-f", file, "--data", data); err == nil {
				_, err = h.command(ctx, "cluster", "init", "--node", name, "--data", data)
			}
		} else {
			var token string
			if token, err = h.command(ctx, "cluster", "invite", "--node", name, "--data", h.nodes[0].data); err == nil {
				_, err = h.command(ctx, "cluster", "join", strings.TrimSpace(token), "--data", data)
			}
		}
		if err != nil {
			return h, err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return h, err
		}
		h.addresses = append(h.addresses, l.Addr().String())
		l.Close()
		h.nodes = append(h.nodes, &accord{data: data})
		if err := h.start(ctx, i); err != nil {
			return h, err
		}
	}
	return h, h.rested(ctx)
}

func (h *herd) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.bin, args...)
	cmd.Env = append(os.Environ(), "BENCH_PASSWORD="+password)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return string(out), err
}

func (h *herd) start(ctx context.Context, i int) error {
	a, err := startAccord(ctx, h.bin, h.nodes[i].data, "--cluster-listen", h.addresses[i])
	if err == nil {
		h.nodes[i] = a
	}
	return err
}

func (h *herd) stop() {
	for _, a := range h.nodes {
		if a.process != nil {
			a.stop()
		}
	}
}

// state is what accord cluster list says of a node.
type state struct {
	Leader  string
	Writes  string
	Members []struct{ Name, Role, Wrong string }
}

func (h *herd) state(ctx context.Context, i int) (s state, err error) {
	out, err := h.command(ctx, "cluster", "list", "--format", "json", "--data", h.nodes[i].data)
	if out == "" {
		return s, err
	}
	return s, json.Unmarshal([]byte(out), &s) // it ends with 1 if anything is wrong
}

// rested returns when all nodes vote, take writes, and nothing is wrong.
func (h *herd) rested(ctx context.Context) error {
	for until := time.Now().Add(accordtest.Patience); ; {
		well := true
		for i := range h.nodes {
			s, err := h.state(ctx, i)
			well = well && err == nil && s.Writes == "" && len(s.Members) == len(h.nodes)
			for _, m := range s.Members {
				well = well && m.Role == "voter" && m.Wrong == ""
			}
		}
		if well || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Now().After(until) {
			return fmt.Errorf("the cluster does not come to rest within %s", accordtest.Patience)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// leader returns which node leads.
func (h *herd) leader(ctx context.Context) (int, error) {
	s, err := h.state(ctx, 0)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(strings.TrimPrefix(s.Leader, "n"))
	if err != nil || number >= len(h.nodes) {
		return 0, fmt.Errorf("the leader is called %q", s.Leader)
	}
	return number, nil
}

// spread sends a batch from four clients, which share the nodes, and adds what they waited.
func (h *herd) spread(ctx context.Context, b batch, all *load) error {
	var next atomic.Int64
	done := make(chan error, len(h.nodes))
	loads := make([]*load, len(h.nodes))
	for i, a := range h.nodes {
		clients := 1
		if i == 0 {
			clients = 2
		}
		go func() {
			l, err := drive(ctx, a.peer(), clients, time.Hour, func(int, int, answer) []byte {
				i := int(next.Add(1)) - 1
				if i >= len(b.bodies) {
					return nil
				}
				return postRequest(collection, b.bodies[i])
			})
			if err == nil && l.others > 0 {
				err = fmt.Errorf("%d envelopes were refused", l.others)
			}
			loads[i] = l
			done <- err
		}()
	}
	var failed error
	for range h.nodes {
		failed = errors.Join(failed, <-done)
	}
	if failed == nil {
		for _, l := range loads {
			all.waits = append(all.waits, l.waits...)
		}
	}
	return failed
}

func (j *job) clusterEnvelopes(ctx context.Context, s *section, alone *accord, h *herd) error {
	leader, err := h.leader(ctx)
	if err != nil {
		return err
	}
	var loads [3]load
	writers := []writer{
		{"alone", func(ctx context.Context, b batch) error { return post(ctx, alone, 4, b, &loads[0]) }},
		{"three nodes, clients at all of them", func(ctx context.Context, b batch) error { return h.spread(ctx, b, &loads[1]) }},
		{"three nodes, clients at the one that leads", func(ctx context.Context, b batch) error { return post(ctx, h.nodes[leader], 4, b, &loads[2]) }},
	}
	// Each writer has objects of its own: two of them write to the same nodes.
	supplies := []*supply{newSupply(1), newSupply(1), newSupply(2)}
	size := max(1, int(4000*j.turn.Seconds())/perEnvelope) * perEnvelope
	servers := [][]*accord{{alone}, h.nodes, h.nodes}
	spent, sent := make([]time.Duration, len(writers)), make([]int, len(writers))
	for i := range writers {
		write, fed := writers[i].write, supplies[i]
		writers[i].write = func(ctx context.Context, _ batch) error {
			b, before := newBatch(fed.take(size)), timeOf(servers[i])
			err := write(ctx, b)
			spent[i] += timeOf(servers[i]) - before
			sent[i] += size
			return err
		}
	}
	rates, err := j.rates(ctx, writers, func() batch { return batch{objects: make([][]byte, size)} })
	if err != nil {
		return err
	}
	t := table{title: fmt.Sprintf("Envelopes of %d objects from four clients, turns of %s objects", perEnvelope, count(float64(size))),
		head: []string{"what", "objects/s", "least–most", "of alone", "an envelope, p50", "p99", "processor time an object"}}
	for i, w := range writers {
		slices.Sort(loads[i].waits)
		t.add(w.name, count(median(rates[i])), counts(rates[i]), ratio(ratios(rates[i], rates[0])), milliseconds(loads[i].quantile(0.5)), milliseconds(loads[i].quantile(0.99)),
			fmt.Sprintf("%.0f µs", float64(spent[i].Microseconds())/float64(sent[i])))
	}
	s.table(t)
	s.say("Processor time is that of all servers that the objects were sent to, warm-up included. It depends less on what else the machine does.")
	s.atLeast("envelopes of 100, four clients at all nodes, of alone", 0.35, median(ratios(rates[1], rates[0])))
	return nil
}

func (j *job) clusterSingles(ctx context.Context, s *section, alone *accord, h *herd) error {
	leader, err := h.leader(ctx)
	if err != nil {
		return err
	}
	type row struct {
		name  string
		at    *accord
		waits load
	}
	rows := []*row{{name: "alone", at: alone}, {name: "the node that leads", at: h.nodes[leader]}}
	for i, a := range h.nodes {
		if i != leader {
			rows = append(rows, &row{name: "a node that follows", at: a})
		}
	}
	number := 3_000_000
	for range j.turns {
		for _, r := range rows {
			base := number
			number += 100_000
			l, err := drive(ctx, r.at.peer(), 1, j.turn, func(_, n int, _ answer) []byte {
				return postRequest(collection, envelope([][]byte{kilobyte(base + n)}))
			})
			if err != nil {
				return err
			}
			if l.others > 0 {
				return fmt.Errorf("%s: %d were refused", r.name, l.others)
			}
			r.waits.waits = append(r.waits.waits, l.waits...)
		}
	}
	t := table{title: "Single objects of 1 kB, one client", head: []string{"what", "p50", "p99", "p50 beyond alone"}}
	worst := 0.0
	for _, r := range rows {
		slices.Sort(r.waits.waits)
		beyond := inMilliseconds(r.waits.quantile(0.5)) - inMilliseconds(rows[0].waits.quantile(0.5))
		worst = max(worst, beyond)
		t.add(r.name, milliseconds(r.waits.quantile(0.5)), milliseconds(r.waits.quantile(0.99)), fmt.Sprintf("%.2f ms", beyond))
	}
	s.table(t)
	s.atMost("a single object, p50 beyond alone in ms, at the slowest node", 2.5, worst)
	return nil
}

// timeOf returns the processor time of servers since they were started.
func timeOf(list []*accord) (sum time.Duration) {
	for _, a := range list {
		sum += processorTime(a.cmd.Process.Pid)
	}
	return sum
}

// catchUp stops a node, adds objects at the others, and measures from the start of the node until it has them. The others
// have indexed theirs by then.
func (j *job) catchUp(ctx context.Context, s *section, h *herd) error {
	leader, err := h.leader(ctx)
	if err != nil {
		return err
	}
	away := (leader + 1) % len(h.nodes)
	objects := min(j.scale/5, 200_000)
	var rates []float64
	fed := newSupply(3)
	for range max(1, j.turns/2) {
		if err := h.nodes[away].stop(); err != nil {
			return err
		}
		var all load
		if err := post(ctx, h.nodes[leader], 4, newBatch(fed.take(objects)), &all); err != nil {
			return err
		}
		place, err := placeOf(ctx, h.nodes[leader])
		if err != nil {
			return err
		}
		for i, a := range h.nodes { // all share the processors here
			if i != away {
				if err := indexed(ctx, a); err != nil {
					return err
				}
			}
		}
		began := time.Now()
		if err := h.start(ctx, away); err != nil {
			return err
		}
		listens := time.Since(began)
		if err := waitFor(ctx, h.nodes[away], place); err != nil {
			return err
		}
		took := time.Since(began)
		rates = append(rates, float64(objects)/took.Seconds())
		each := float64(timeOf(h.nodes[away:away+1]).Microseconds()) / float64(objects)
		s.say("A node that was away for %s objects had them %s after its process was started, in %.0f µs of processor time each; it listened after %s.",
			count(float64(objects)), took.Round(time.Millisecond), each, listens.Round(time.Millisecond))
		if err := h.rested(ctx); err != nil {
			return err
		}
	}
	s.atLeast("objects a second that a node catches up, its start included", 40_000, median(rates))
	return nil
}

// placeOf returns how far a node is in the log.
func placeOf(ctx context.Context, a *accord) (string, error) {
	_, header, err := get(ctx, a.url+collection+"manifest/?limit=1")
	if err != nil {
		return "", err
	}
	place := header.Get(taxii.HeaderPlace)
	if place == "" {
		return "", errors.New("an answer of a node names no place")
	}
	return place, nil
}

// waitFor returns when a node answers with what the log has up to a place.
func waitFor(ctx context.Context, a *accord, place string) error {
	for until := time.Now().Add(accordtest.Patience); time.Now().Before(until); {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+collection+"manifest/?limit=1", nil)
		if err != nil {
			return err
		}
		for name, value := range headers() {
			r.Header.Set(name, value)
		}
		r.Header.Set(taxii.HeaderPlace, place)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		if answer.Body.Close(); answer.StatusCode == http.StatusOK {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("the node does not come to place %s", place)
}

// failoverPause is how long a client waits that was refused, before it asks another node.
const failoverPause = 10 * time.Millisecond

// failover kills the node that leads, again and again, and measures how long none of the others takes a write.
func (j *job) failover(ctx context.Context, s *section, h *herd) error {
	var times []time.Duration
	number := 9_000_000
	for range j.kills {
		leader, err := h.leader(ctx)
		if err != nil {
			return err
		}
		h.nodes[leader].process.Kill()
		killed := time.Now()
		for took := false; !took; {
			for i, a := range h.nodes {
				if i == leader || took {
					continue
				}
				number++
				l, err := drive(ctx, a.peer(), 1, 0, always(postRequest(collection, envelope([][]byte{kilobyte(number)}))))
				if ctx.Err() != nil {
					return err
				}
				took = err == nil && l.answers > 0
			}
			if time.Since(killed) > accordtest.Patience {
				return fmt.Errorf("no write within %s", accordtest.Patience)
			}
			if !took {
				time.Sleep(failoverPause)
			}
		}
		times = append(times, time.Since(killed))
		if err := h.start(ctx, leader); err != nil {
			return err
		}
		if err := h.rested(ctx); err != nil {
			return err
		}
	}
	slices.Sort(times)
	l := load{waits: times}
	s.say("The node that leads was killed %d times. Writes again at the others: p50 %s, at most %s.", len(times), l.quantile(0.5).Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
	s.atMost("writes again after a kill of the node that leads, p99 in s", 3, l.quantile(0.99).Seconds())
	return nil
}

// sinceBase compares a single server with that of another program: before there were clusters. That one has no index for searching,
// whose own cost is measured elsewhere.
func (j *job) sinceBase(ctx context.Context, s *section) error {
	rows := []struct {
		name, bin string
		flags     []string
	}{{"the earlier program", j.base, nil}, {"this one, without an index", j.bin, []string{"--no-index"}}, {"this one", j.bin, nil}}
	var writers []writer
	for i, row := range rows {
		a, err := startAccord(ctx, row.bin, filepath.Join(j.scratch, fmt.Sprint("single", i)), row.flags...)
		if err != nil {
			return err
		}
		defer a.stop()
		writers = append(writers, writer{row.name, func(ctx context.Context, b batch) error { return post(ctx, a, 4, b, new(load)) }})
	}
	fed, size := newSupply(4), max(1, int(8000*j.turn.Seconds())/perEnvelope)*perEnvelope
	rates, err := j.rates(ctx, writers, func() batch { return newBatch(fed.take(size)) })
	if err != nil {
		return err
	}
	t := table{title: "A single server, and one of an earlier program that has no index: envelopes of 100 from four clients", head: []string{"what", "objects/s", "least–most", "of the earlier"}}
	for i, row := range rows {
		t.add(row.name, count(median(rates[i])), counts(rates[i]), ratio(ratios(rates[i], rates[0])))
	}
	s.table(t)
	s.atLeast("alone without an index, of the earlier program", 0.98, median(ratios(rates[1], rates[0])))
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// member is a node of a cluster: a data folder, and the server on it while it lives.
type member struct {
	name, data, address string

	mu  sync.Mutex
	now *process // guarded by mu; nil: it is dead
}

func (m *member) process() *process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// herd is a cluster that is tortured.
type herd struct {
	*world
	members []*member

	asking     sync.Mutex
	answered   time.Time     // guarded by asking: when something was acknowledged last
	longest    time.Duration // guarded by asking: without an acknowledgement
	events     int
	unanswered int // guarded by asking
}

// tortureCluster kills and pauses nodes of a cluster, one, most or all of them at a time, while clients write to any of them and
// pollers read from any of them. In the end nothing that was acknowledged may be missing on any node, and all are equal.
func (t *torture) tortureCluster(nodes, events int) (err error) {
	if t.dir, err = os.MkdirTemp("", "accord-torture-"); err != nil {
		return err
	}
	h := &herd{}
	if h.world, err = newWorld(t, filepath.Join(t.dir, "n1")); err != nil {
		return err
	}
	defer func() {
		for _, m := range h.members {
			if p := m.process(); p != nil {
				p.Cmd.Process.Signal(syscall.SIGCONT)
				p.kill()
			}
		}
	}()
	if err := h.gather(nodes); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var all sync.WaitGroup
	work := func(do func(context.Context, *process, *rand.Rand) error) {
		random := rand.New(rand.NewPCG(t.random.Uint64(), 3))
		all.Go(func() {
			for ctx.Err() == nil {
				p := h.members[random.IntN(nodes)].process()
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
	for h.events < events && ctx.Err() == nil {
		if err := h.harm(ctx); err != nil {
			cancel(err)
		}
	}
	failed := context.Cause(ctx)
	cancel(nil)
	all.Wait()
	if failed != nil {
		return failed
	}
	if err := h.compare(); err != nil {
		return err
	}
	log.Printf("%d kills and pauses; %d envelopes, %d deletions and %d versions acknowledged; %d writes were not answered or refused; longest time without an acknowledgement %v; nothing lost, nothing doubled, all nodes equal",
		h.events, t.envelopes, t.deletions, len(h.acknowledged), h.unanswered, h.longest.Round(time.Millisecond))
	return os.RemoveAll(t.dir)
}

// unready reports whether a node gave no answer, or said that it cannot: the cluster allows both.
func unready(err error) bool {
	return errors.Is(err, errGone) || err != nil && strings.Contains(err.Error(), "got 503")
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

// gather makes a cluster.
func (h *herd) gather(nodes int) error {
	program := h.t.program
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		name := fmt.Sprintf("n%d", i+1)
		m := &member{name: name, data: filepath.Join(h.t.dir, name), address: l.Addr().String()}
		l.Close()
		h.members = append(h.members, m)
		if i == 0 {
			os.Setenv("PW", password)
			err = errors.Join(command(program, "apply", "-f", h.apply, "--data", m.data), command(program, "cluster", "init", "--node", name, "--data", m.data))
		} else {
			var token []byte
			if token, err = exec.Command(program, "cluster", "invite", "--node", name, "--data", h.members[0].data).Output(); err == nil {
				err = command(program, "cluster", "join", strings.TrimSpace(string(token)), "--data", m.data)
			}
		}
		if err == nil {
			err = h.revive(m)
		}
		if err != nil {
			return fmt.Errorf("the node %s: %w", name, err)
		}
	}
	return h.well()
}

// revive starts a node that is dead.
func (h *herd) revive(m *member) error {
	cmd := exec.Command(h.t.program, accordtest.ServeArgs(m.data, "--no-index", "--cluster-listen", m.address)...)
	cmd.Env = append(os.Environ(), "PW="+password)
	started, err := accordtest.StartProcess(cmd, nil)
	if err != nil {
		return err
	}
	p := &process{started, newClient()}
	if err := p.Listening(); err != nil {
		p.kill()
		return err
	}
	m.mu.Lock()
	m.now = p
	m.mu.Unlock()
	return nil
}

// well waits until every node says that nothing is wrong.
func (h *herd) well() error {
	until := time.Now().Add(2 * time.Minute)
	for _, m := range h.members {
		for {
			out, err := exec.Command(h.t.program, "cluster", "list", "--data", m.data).CombinedOutput()
			if err == nil && !strings.Contains(string(out), "joining") {
				break
			}
			if time.Now().After(until) {
				return fmt.Errorf("the cluster does not come to rest: %s", out)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

// harm does one thing to the cluster, and waits a while.
func (h *herd) harm(ctx context.Context) error {
	r := h.t.random
	victims := []*member{h.members[r.IntN(len(h.members))]}
	switch n := r.IntN(20); {
	case n < 4: // it is only paused
		h.events++
		if p := victims[0].process(); p != nil {
			p.Cmd.Process.Signal(syscall.SIGSTOP)
			wait(ctx, time.Duration(r.IntN(3000))*time.Millisecond)
			p.Cmd.Process.Signal(syscall.SIGCONT)
		}
		wait(ctx, time.Duration(r.IntN(1500))*time.Millisecond)
		return nil
	case n < 6:
		victims = append(victims, h.members[r.IntN(len(h.members))])
	case n < 7:
		victims = h.members
	}
	for _, m := range victims {
		m.mu.Lock()
		p := m.now
		m.now = nil
		m.mu.Unlock()
		if p != nil {
			p.kill()
			h.events++
			h.t.kills++
		}
	}
	wait(ctx, time.Duration(r.IntN(2000))*time.Millisecond)
	for _, m := range victims {
		if m.process() == nil {
			if err := h.revive(m); err != nil {
				return fmt.Errorf("the node %s does not start: %w", m.name, err)
			}
		}
	}
	wait(ctx, time.Duration(r.IntN(1500))*time.Millisecond)
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// compare looks for everything that was acknowledged on every node, has the pollers read to the end, and compares the nodes.
func (h *herd) compare() error {
	if err := h.well(); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // releases and retention come to their end
	if err := h.well(); err != nil {
		return err
	}
	for _, m := range h.members {
		p := m.process()
		if err := h.look(p); err != nil {
			return fmt.Errorf("on %s: %w", m.name, err)
		}
		for _, o := range h.pollers {
			if err := o.complete(p); err != nil {
				return fmt.Errorf("on %s: %w", m.name, err)
			}
		}
	}
	heads := map[string]string{}
	for _, m := range h.members {
		for _, name := range []string{"source", "target", "alone"} {
			out, err := exec.Command(h.t.program, "audit", "checkpoint", "--agreement", name, "--data", m.data).Output()
			if err != nil {
				return fmt.Errorf("the head of %s on %s: %w", name, m.name, err)
			}
			lines := strings.SplitN(string(out), "\n", 4)
			if len(lines) < 4 {
				return fmt.Errorf("the head of %s on %s: %s", name, m.name, out)
			}
			head := lines[1] + " " + lines[2] // size and root
			if want, ok := heads[name]; ok && want != head {
				return fmt.Errorf("the head of %s is %s on %s, and %s elsewhere", name, head, m.name, want)
			}
			heads[name] = head
		}
	}
	for _, m := range h.members {
		if err := m.process().Terminate(); err != nil {
			return fmt.Errorf("stop %s: %w", m.name, err)
		}
		m.mu.Lock()
		m.now = nil
		m.mu.Unlock()
		if err := command(h.t.program, "check", "--data", m.data); err != nil {
			return err
		}
	}
	return nil
}

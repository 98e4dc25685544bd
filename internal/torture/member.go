package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// member is a node of a cluster: a data folder, and the server on it while it lives.
type member struct {
	name, data string
	listen     string // where the server listens for the other nodes
	address    string // what the other nodes are told: a proxy before it
	disk       string // a file system of its own that data is on; "": none
	follows    string // the node that it has the log from, over HTTPS; "": it is one of Raft's

	pid atomic.Int64 // of the server, which opens connections before it listens; 0: there was none
	mu  sync.Mutex
	now *process // guarded by mu; nil: it is dead
}

func (m *member) process() *process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// clock is the file that says how far the clock of a node is ahead, in nanoseconds. undo is the folder of what was written since the
// last sync. See instrument.go.
func (m *member) clock() string { return m.data + ".clock" }
func (m *member) undo() string  { return m.data + ".undo" }

// skew sets the clock of a node.
func (m *member) skew(by time.Duration) error {
	fresh := m.clock() + ".new"
	return errors.Join(os.WriteFile(fresh, []byte(strconv.FormatInt(int64(by), 10)), 0o600), os.Rename(fresh, m.clock()))
}

// nodes returns the members as they are now.
func (h *herd) nodes() []*member {
	h.asking.Lock()
	defer h.asking.Unlock()
	return h.members
}

func (h *herd) setNodes(list []*member) {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.members = list
}

// names returns the names of all nodes.
func (h *herd) names() (names []string) {
	for _, m := range h.nodes() {
		names = append(names, m.name)
	}
	return names
}

// others returns all nodes but one.
func (h *herd) others(m *member) (list []*member) {
	for _, one := range h.nodes() {
		if one != m {
			list = append(list, one)
		}
	}
	return list
}

// owner returns which node has opened a connection.
func (h *herd) owner(from, to int) string {
	processes := map[string]int{}
	for _, m := range h.nodes() {
		if pid := m.pid.Load(); pid != 0 {
			processes[m.name] = int(pid)
		}
	}
	return portOwner(from, to, processes)
}

// newMember makes a place for a further node.
func (h *herd) newMember() (*member, error) {
	h.named++
	m := &member{name: fmt.Sprintf("n%d", h.named)}
	m.data = filepath.Join(h.t.dir, m.name)
	if h.named%3 == 0 && os.Getuid() == 0 { // every third has a disk of its own, which can be filled
		disk := filepath.Join(h.t.dir, "disk-"+m.name)
		if err := os.Mkdir(disk, 0o700); err != nil {
			return nil, err
		}
		if err := mountSmall(disk); err == nil {
			m.disk, m.data = disk, filepath.Join(disk, "data")
		}
	}
	if err := os.MkdirAll(m.undo(), 0o700); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m.listen = l.Addr().String()
	l.Close()
	m.address, err = h.network.front(m.name, m.listen)
	return m, err
}

// gather makes a cluster of nodes that vote, and of followers.
func (h *herd) gather(nodes, followers int) error {
	for i := range nodes + followers {
		if i > 0 {
			if _, err := h.join(i >= nodes); err != nil {
				return err
			}
			continue
		}
		m, err := h.newMember()
		if err != nil {
			return err
		}
		os.Setenv("PW", password)
		err = errors.Join(command(h.t.program, "apply", "-f", h.apply, "--data", m.data), command(h.t.program, "cluster", "init", "--node", m.name, "--data", m.data))
		if err == nil {
			h.setNodes([]*member{m})
			err = h.revive(m)
		}
		if err != nil {
			return fmt.Errorf("the node %s: %w", m.name, err)
		}
	}
	return h.well()
}

// join has a further node join through a random one, and waits until it votes, or follows a random one.
func (h *herd) join(follows bool) (*member, error) {
	m, err := h.newMember()
	if err != nil {
		return nil, err
	}
	failed := func(err error) (*member, error) { return nil, fmt.Errorf("the node %s joins: %w", m.name, err) }
	peer := h.living()
	if peer == nil {
		return failed(errors.New("no node is alive"))
	}
	invite := []string{"cluster", "invite", "--node", m.name, "--data", peer.data}
	if follows {
		m.follows = h.living().name
		invite = append(invite, "--follow", m.follows)
	}
	token, err := output(h.t.program, invite...)
	if err != nil {
		return failed(err)
	}
	if err := command(h.t.program, "cluster", "join", strings.TrimSpace(token), "--data", m.data); err != nil {
		return failed(err)
	}
	h.setNodes(append(h.others(nil), m))
	if err := h.revive(m); err != nil {
		return failed(err)
	}
	if err := h.well(); err != nil {
		return failed(err)
	}
	return m, nil
}

// living returns a random node that is alive.
func (h *herd) living() *member {
	list := h.nodes()
	for _, i := range h.t.random.Perm(len(list)) {
		if list[i].process() != nil {
			return list[i]
		}
	}
	return nil
}

// revive starts a node that is dead.
func (h *herd) revive(m *member) error {
	cmd := exec.Command(h.t.program, accordtest.ServeArgs(m.data, "--no-index", "--cluster-listen", m.listen, "--cluster-address", m.address,
		"--max-staleness", maxStaleness.String())...)
	cmd.Env = append(os.Environ(), "PW="+password, clockVariable+"="+m.clock(), undoVariable+"="+m.undo())
	started, err := accordtest.StartProcess(cmd, nil)
	if err != nil {
		return err
	}
	m.pid.Store(int64(cmd.Process.Pid))
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

// kill ends a node with SIGKILL, and counts it. It reports whether the node was alive.
func (h *herd) kill(m *member) bool {
	if !h.end(m) {
		return false
	}
	h.t.kills++
	return true
}

// end ends a node with SIGKILL. It reports whether the node was alive.
func (h *herd) end(m *member) bool {
	m.mu.Lock()
	p := m.now
	m.now = nil
	m.mu.Unlock()
	if p == nil {
		return false
	}
	p.Cmd.Process.Signal(syscall.SIGCONT)
	p.kill()
	return true
}

// reviveAll starts the nodes that are dead.
func (h *herd) reviveAll() error {
	for _, m := range h.nodes() {
		if m.process() == nil {
			if err := h.revive(m); err != nil {
				return fmt.Errorf("the node %s does not start: %w", m.name, err)
			}
		}
	}
	return nil
}

// well waits until every node says that nothing is wrong.
func (h *herd) well() error {
	until := time.Now().Add(accordtest.Patience)
	for _, m := range h.nodes() {
		for {
			out, err := exec.Command(h.t.program, "cluster", "list", "--data", m.data).CombinedOutput()
			if err == nil && !bytes.Contains(out, []byte("joining")) {
				break
			}
			if time.Now().After(until) {
				return fmt.Errorf("the cluster does not come to rest, says %s: %s", m.name, out)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

// dismiss removes a node from the cluster for good. Neither it nor its name may come back.
func (h *herd) dismiss(m *member) error {
	h.setNodes(h.others(m))
	peer := h.living()
	if peer == nil {
		return errors.New("no node is alive")
	}
	if err := command(h.t.program, "cluster", "remove", m.name, "--data", peer.data); err != nil {
		return err
	}
	if text, err := output(h.t.program, "cluster", "invite", "--node", m.name, "--data", peer.data); err == nil || !strings.Contains(err.Error(), "never used again") {
		return fmt.Errorf("the name %s of a node that was removed was given away once more: %s %v", m.name, text, err)
	}
	for _, one := range h.nodes() {
		if one.follows == m.name {
			voters := slices.DeleteFunc(h.some(len(h.nodes())), func(m *member) bool { return m.follows != "" }) // none of them follows it
			if err := h.follow(one, voters[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow has a follower follow another node, unless that one follows it.
func (h *herd) follow(m, to *member) error {
	for until := time.Now().Add(accordtest.Patience); ; time.Sleep(200 * time.Millisecond) {
		_, err := output(h.t.program, "cluster", "follow", to.name, "--data", m.data)
		switch {
		case err == nil:
			m.follows = to.name
			return nil
		case strings.Contains(err.Error(), "cannot follow itself") || strings.Contains(err.Error(), "in a row"):
			return nil
		case time.Now().After(until):
			return fmt.Errorf("%s is to follow %s: %w", m.name, to.name, err)
		}
	}
}

// replace dismisses a node whose files are not to be used any more, and has another one join.
func (h *herd) replace(m *member) error {
	h.kill(m)
	if err := h.dismiss(m); err != nil {
		return err
	}
	h.unmount(m)
	_, err := h.join(m.follows != "")
	return err
}

// swap has a node join and dismisses one of its kind, which is killed.
func (h *herd) swap(old *member) (fresh *member, err error) {
	if fresh, err = h.join(old.follows != ""); err != nil {
		return nil, err
	}
	if err := h.dismiss(old); err != nil {
		return nil, err
	}
	h.kill(old)
	return fresh, nil
}

// output runs the program to its end and returns what it prints.
func output(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("accord %s: %w\n%s", strings.Join(args, " "), err, failed.String())
	}
	return string(out), nil
}

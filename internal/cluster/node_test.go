package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// fakeMachine keeps messages in memory.
type fakeMachine struct {
	mu     sync.Mutex
	files  map[uuid.UUID][]store.Logged
	closed map[uuid.UUID]bool
	fails  error                      // of the next Apply
	reads  func(message []byte) error // why a message cannot be read; nil: all can
}

func newFakeMachine() *fakeMachine {
	return &fakeMachine{files: map[uuid.UUID][]store.Logged{}, closed: map[uuid.UUID]bool{}}
}

func (f *fakeMachine) Apply(about uuid.UUID, messages []store.Logged) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails; err != nil {
		f.fails = nil
		return err
	}
	for _, m := range messages {
		if f.reads != nil {
			if err := f.reads(m.Message); err != nil {
				return err
			}
		}
		has := f.files[about]
		repeated := slices.ContainsFunc(has, func(l store.Logged) bool { return bytes.Equal(l.Message, m.Message) })
		if len(has) > 0 && m.Place <= has[len(has)-1].Place || repeated {
			continue
		}
		f.files[about] = append(has, store.Logged{Place: m.Place, Message: bytes.Clone(m.Message)})
	}
	return nil
}

func (f *fakeMachine) Check(uuid.UUID, uuid.UUID, []byte, time.Time) error { return nil }

func (f *fakeMachine) CheckSuccession(store.KeySuccession) error { return nil }

func (f *fakeMachine) Judge(err error) Verdict { return Folder{}.Judge(err) }
func (f *fakeMachine) Applied(uint64)          {}

func (f *fakeMachine) set(reads func([]byte) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads = reads
}

func (f *fakeMachine) Close(about uuid.UUID, _ error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed[about] = true
	delete(f.files, about)
	return nil
}

func (f *fakeMachine) Closed() []uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.closed))
}

func (f *fakeMachine) Backup(_ context.Context, w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.NewEncoder(w).Encode(f.files)
}

func (f *fakeMachine) Send(_ context.Context, about uuid.UUID, w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.NewEncoder(w).Encode(f.files[about])
}

func (f *fakeMachine) Succeed(store.KeySuccession) error { return nil }

func (f *fakeMachine) Scrub(context.Context, uuid.UUID, uint64, int) (uint64, int, error) {
	return 1, 0, nil
}

func (f *fakeMachine) Replace(_ context.Context, about uuid.UUID, r io.Reader, lacks func() ([]store.Logged, bool, error)) error {
	var file []store.Logged
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		return err
	}
	for more := true; more; {
		var missed []store.Logged
		var err error
		if missed, more, err = lacks(); err != nil {
			return err
		}
		file = append(file, missed...)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[about] = file
	delete(f.closed, about)
	return nil
}

func (f *fakeMachine) Files() []uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.files))
}

func (f *fakeMachine) Head(about uuid.UUID) (uint64, []byte, error) {
	f.mu.Lock()
	n := uint64(len(f.files[about]))
	f.mu.Unlock()
	root, err := f.HeadAt(about, n)
	return n, root, err
}

func (f *fakeMachine) HeadAt(about uuid.UUID, entries uint64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if uint64(len(f.files[about])) < entries {
		return nil, ErrShort
	}
	sum := sha256.New()
	for _, m := range f.files[about][:entries] {
		sum.Write(m.Message)
	}
	return sum.Sum(nil), nil
}

// spoil changes a byte of what an agreement's file has.
func (f *fakeMachine) spoil(about uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[about][0].Message[0] ^= 1
}

func (f *fakeMachine) texts(about uuid.UUID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, m := range f.files[about] {
		list = append(list, string(m.Message))
	}
	return list
}

// testCluster are nodes of one cluster in this process, with connections over loopback.
type testCluster struct {
	t        testing.TB
	dirs     []string
	address  []string
	machines []*fakeMachine
	nodes    []*Node // nil: it is stopped
	stale    time.Duration
}

// newTestCluster makes n voters, as init and joins would have.
func newTestCluster(t testing.TB, n int) *testCluster {
	t.Helper()
	c := &testCluster{t: t, stale: 15 * time.Second}
	first, err := newIdentity("n0", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ids := []*Identity{first}
	for i := 1; i < n; i++ {
		ids = append(ids, another(t, first, fmt.Sprintf("n%d", i)))
	}
	members := &Members{}
	for i, id := range ids {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.address = append(c.address, l.Addr().String())
		l.Close()
		members.Nodes = append(members.Nodes, Member{ID: id.Node, Name: id.Name, Address: c.address[i], Voter: true, Version: "test", Key: keyDigest(id.certificate)})
	}
	for _, id := range ids {
		dir := t.TempDir()
		if err := raftlog.Create(LogPath(dir), raftlog.Beginning{Identity: id.logIdentity(), Index: 1, Term: 1, Members: members.encode()}); err != nil {
			t.Fatal(err)
		}
		if err := id.write(dir); err != nil {
			t.Fatal(err)
		}
		c.dirs = append(c.dirs, dir)
		c.machines = append(c.machines, newFakeMachine())
		c.nodes = append(c.nodes, nil)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	return c
}

// another is a further node of a cluster.
func another(t testing.TB, first *Identity, name string) *Identity {
	t.Helper()
	id := *first
	id.Name, id.Node = name, newNodeID()
	var err error
	if id.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if err := id.certify(time.Now()); err != nil {
		t.Fatal(err)
	}
	return &id
}

func (c *testCluster) start(list ...int) {
	c.t.Helper()
	for _, i := range list {
		n, err := Open(Config{Dir: c.dirs[i], Address: c.address[i], Version: "test", Format: 1, MaxStaleness: c.stale, MaxClockDifference: time.Second,
			Keep: raftlog.Keep{For: time.Hour, Bytes: 1 << 30}, tick: 20 * time.Millisecond, Now: time.Now, Warn: func(text string) { c.t.Logf("n%d: %s", i, text) }})
		if err != nil {
			c.t.Fatal(err)
		}
		l, err := net.Listen("tcp", c.address[i])
		if err != nil {
			c.t.Fatal(err)
		}
		if err := n.Start(c.machines[i], l); err != nil {
			c.t.Fatal(err)
		}
		c.nodes[i] = n
	}
}

func (c *testCluster) stop(i int) {
	if n := c.nodes[i]; n != nil {
		c.nodes[i] = nil
		if err := n.Close(); err != nil {
			c.t.Error(err)
		}
	}
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (c *testCluster) writable(list ...int) {
	c.t.Helper()
	for _, i := range list {
		eventually(c.t, fmt.Sprintf("n%d takes writes", i), func() bool { return c.nodes[i].Writable() == nil })
	}
}

// leader returns which node leads.
func (c *testCluster) leader() (leader int) {
	c.t.Helper()
	eventually(c.t, "a node leads", func() bool {
		for i, n := range c.nodes {
			if n != nil {
				if leads, _ := n.Leads(); leads {
					leader = i
					return true
				}
			}
		}
		return false
	})
	return leader
}

func (c *testCluster) propose(i int, about uuid.UUID, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return c.nodes[i].Propose(ctx, about, uuid.New(), []byte(text))
}

// level waits until nodes have the same of an agreement, and as much as that.
func (c *testCluster) level(about uuid.UUID, length int, list ...int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d messages on all nodes", length), func() bool {
		for _, i := range list {
			if got := c.machines[i].texts(about); len(got) != length || !slices.Equal(got, c.machines[list[0]].texts(about)) {
				return false
			}
		}
		return true
	})
}

func TestThreeNodesHaveOneOrderAndAnyOfThemMayStop(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	about := uuid.New()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for k := range 30 {
				if err := c.propose(i, about, fmt.Sprintf("%d/%d", i, k)); err != nil {
					t.Errorf("n%d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	c.level(about, 90, 0, 1, 2)

	leader := c.leader()
	left := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == leader })
	c.stop(leader)
	c.writable(left...)
	for k, i := range left {
		if err := c.propose(i, about, fmt.Sprintf("without the leader %d", k)); err != nil {
			t.Fatal(err)
		}
	}
	c.level(about, 92, left...)
	c.start(leader)
	c.level(about, 92, 0, 1, 2)
	c.writable(leader)

	place, err := c.nodes[leader].Committed(t.Context())
	if err != nil || place < 92 {
		t.Errorf("the log is said to be at %d, %v", place, err)
	}
	if err := c.nodes[leader].WaitApplied(t.Context(), place); err != nil {
		t.Error(err)
	}
	s := c.nodes[leader].Status()
	eventually(t, "nothing is wrong", func() bool { s = c.nodes[leader].Status(); return !s.Wrong() })
	if len(s.Members) != 3 || s.Leader == "" {
		t.Errorf("got %+v", s)
	}
}

// C-9: a node that is cut off takes no writes within two seconds, and serves nothing after the bound on staleness.
func TestANodeThatIsCutOffStops(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.stale = 3 * time.Second
	c.start(0, 1, 2)
	c.writable(0)
	c.stop(1)
	c.stop(2)
	eventually(t, "no writes", func() bool { return c.nodes[0].Writable() != nil })
	var not *NotReadyError
	if err := c.propose(0, uuid.New(), "x"); !errors.Is(err, store.ErrNotProposed) || !errors.As(err, &not) {
		t.Errorf("got %v of a write, want store.ErrNotProposed", err)
	}
	eventually(t, "no reads", func() bool { return c.nodes[0].Readable() != nil })
	c.start(1)
	c.writable(0)
	if err := c.nodes[0].Readable(); err != nil {
		t.Error(err)
	}
}

// C-9: a node that was cut off for longer than the bound on staleness answers nothing before it has what it missed: contact alone says
// only that there is more. What came from the others before it was cut off, and waited in a buffer, is no contact.
func TestANodeThatComesBackAnswersOnceItHasCaughtUp(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.stale = 2 * time.Second
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	l := c.leader()
	n := c.nodes[(l+1)%3] // it follows
	eventually(t, "answers", func() bool { return n.Readable() == nil })

	// Its files stay behind from here on, while it has contact.
	resume, err := n.Settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.propose(l, uuid.New(), "x"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no answers of files that are behind", func() bool { return n.Readable() != nil })
	if !contactNow(n) {
		t.Error("it has no contact: the test shows nothing")
	}
	resume()
	eventually(t, "answers again", func() bool { return n.Readable() == nil })

	// A heartbeat that comes late is no contact.
	old := n.config.Now().Add(-time.Minute)
	got := make(chan time.Time, 1)
	n.call(func() error {
		n.core.shown[n.core.leader], n.core.heard[n.core.leader], n.core.sure = old, n.config.Now(), time.Time{}
		got <- n.core.contact()
		return nil
	})
	if leads, _ := n.Leads(); !(<-got).Equal(old) && !leads {
		t.Error("a heartbeat that may have waited for a minute is contact")
	}
	eventually(t, "contact", func() bool { return contactNow(n) })
}

func contactNow(n *Node) bool { return n.config.Now().Sub(n.now.Load().contact) < 2*time.Second }

// C-8: the file of one node differs: it is found, closed there alone, and fetched anew.
func TestAFileThatDiffersIsFetchedAnew(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	about, other := uuid.New(), uuid.New()
	for k := range 5 {
		if err := errors.Join(c.propose(k%3, about, fmt.Sprint("a", k)), c.propose(k%3, other, fmt.Sprint("b", k))); err != nil {
			t.Fatal(err)
		}
	}
	c.level(about, 5, 0, 1, 2)
	c.machines[1].spoil(about)
	c.nodes[0].noteHeads(t.Context(), map[uuid.UUID]uint64{})
	c.level(about, 5, 0, 1, 2)
	for i, m := range c.machines {
		if len(m.Closed()) > 0 {
			t.Errorf("n%d still has something closed", i)
		}
	}
	if err := c.propose(1, about, "after"); err != nil {
		t.Fatal(err)
	}
	c.level(about, 6, 0, 1, 2)
	c.level(other, 5, 0, 1, 2)

	// A message that cannot be applied closes the file as well, and what came meanwhile is not missing.
	c.machines[2].mu.Lock()
	c.machines[2].fails = errors.New("a page is damaged")
	c.machines[2].mu.Unlock()
	for k := range 20 {
		if err := c.propose(k%2, about, fmt.Sprint("more", k)); err != nil {
			t.Fatal(err)
		}
	}
	c.level(about, 26, 0, 1, 2)
	eventually(t, "all is in use", func() bool { return len(c.nodes[2].applier.allShut()) == 0 })
}

// C-13: what a node keeps is its owner's alone.
func TestFilesOfAClusterAreReadableByTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 1)
	c.start(0)
	c.writable(0)
	for _, folder := range []string{folderName, logFolder} {
		err := filepath.WalkDir(filepath.Join(c.dirs[0], folder), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedLogKeepsANodeFromStarting(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 1)
	c.start(0)
	c.writable(0)
	for k := range 50 {
		if err := c.propose(0, uuid.New(), strings.Repeat(fmt.Sprintf("message %d ", k), 100)); err != nil {
			t.Fatal(err)
		}
	}
	c.stop(0)
	text, err := os.ReadFile(LogPath(c.dirs[0]))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(text, []byte("message 20 message 20"))
	text[at] ^= 4
	if err := os.WriteFile(LogPath(c.dirs[0]), text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Config{Dir: c.dirs[0], Now: time.Now})
	var damage *raftlog.DamagedError
	if !errors.As(err, &damage) || !strings.Contains(err.Error(), "join anew") {
		t.Errorf("got %v, want that the log is damaged", err)
	}
}

// C-11: a node that meets a message of a newer format than it reads stops, and says what it needs; the others go on, and with a newer
// program it has everything. A program that does not read what the log has is not taken in.
func TestANodeStopsAtAFormatThatItDoesNotRead(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	about := uuid.New()
	old := c.machines[2]
	old.set(func(message []byte) error {
		if bytes.HasPrefix(message, []byte("2")) {
			return fmt.Errorf("%w: format 2", store.ErrMessage)
		}
		return nil
	})
	for k, text := range []string{"1 a", "1 b", "2 c", "1 d"} {
		if err := c.propose(k%2, about, text); err != nil {
			t.Fatal(err)
		}
	}
	c.level(about, 4, 0, 1)
	eventually(t, "the old program stops", func() bool { return c.nodes[2].Failed() != nil })
	if got := old.texts(about); len(got) != 2 {
		t.Errorf("the old program has applied %q, want what came before the newer format", got)
	}
	for what, err := range map[string]error{"a write": c.nodes[2].Writable(), "a question": c.nodes[2].Readable()} {
		if err == nil || !strings.Contains(err.Error(), "format 2") {
			t.Errorf("%s at the old program: got %v, want a sentence with the format", what, err)
		}
	}
	c.stop(2)
	c.start(2) // again the old program
	eventually(t, "the old program stops again", func() bool { return c.nodes[2].Failed() != nil })
	c.stop(2)
	old.set(nil)
	c.start(2) // the new one
	c.level(about, 4, 0, 1, 2)

	_, _, err := c.nodes[0].joinAnswer(t.Context(), &joinRequest{Version: "0.1", Format: 0})
	var not *RefusedError
	if !errors.As(err, &not) || !strings.Contains(err.Error(), "does not read") {
		t.Errorf("an old program joins: got %v, want that it does not read the log", err)
	}
}

// The largest message goes through, and no election comes of it: it has a connection of its own.
func TestALargeMessageKeepsTheLeader(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	leader := c.leader()
	pair := c.nodes[leader].links.to[c.nodes[(leader+1)%3].identity.Node]
	entries, heartbeat := &packet{raft: &pb.Message{Type: pb.MsgApp.Enum()}}, &packet{raft: &pb.Message{Type: pb.MsgHeartbeat.Enum()}}
	if pair.of(entries) == pair.of(heartbeat) || pair.of(heartbeat) != pair.of(&packet{beat: &Beat{}}) {
		t.Error("entries and heartbeats share a connection")
	}
	about := uuid.New()
	text := strings.Repeat("0123456789abcdef", maxProposal/64)
	if err := c.propose((leader+1)%3, about, text); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all have it", func() bool {
		for _, m := range c.machines {
			if got := m.texts(about); len(got) != 1 || len(got[0]) != len(text) {
				return false
			}
		}
		return true
	})
}

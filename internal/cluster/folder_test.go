package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
)

// folders are nodes of one cluster in this process, with data folders of their own.
type folders struct {
	t       *testing.T
	dirs    []string
	address []string
	stores  []*store.Store // nil: the node is stopped
	nodes   []*Node
	about   uuid.UUID
	stale   time.Duration // --max-staleness
	silence time.Duration // of a node that gives its files; 0: as in a server
	config  func(*Config) // changes the configuration of nodes that are started; nil: not at all
	sends   func()        // called before a copy of a folder is sent; nil: nothing is
	ahead   atomic.Int64  // how far all clocks are

	mu   sync.Mutex
	said []string // guarded by mu; warnings
}

// newFolders makes a cluster of n nodes with one agreement, by init, invite and join.
func newFolders(t *testing.T, n int) *folders {
	t.Helper()
	c := &folders{t: t, about: uuid.New(), stale: 15 * time.Second}
	c.place("n0")
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	s, err := store.Open(c.dirs[0], store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Change(t.Context(), store.Actor{}, []store.RegistryChange{
		{Root: &store.Root{Name: "root", Title: "root", MaxContentLength: 1 << 20}}, {Party: &agreement.Party{Name: "vendor", Title: "vendor"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Keys("")
	c.must(err)
	_, err = s.CreateAgreement(t.Context(), store.Actor{}, &agreement.Agreement{Name: "gsp", Title: "gsp", APIRoot: "root", Collection: agreement.Collection{ID: c.about},
		Parties: []agreement.Membership{{Party: "vendor", Roles: []agreement.Role{agreement.Producer}}}})
	if err := errors.Join(err, s.Close(), Init(c.dirs[0], "n0", "test", time.Now())); err != nil {
		t.Fatal(err)
	}
	c.start(0)
	for i := 1; i < n; i++ {
		c.join(fmt.Sprint("n", i))
	}
	eventually(t, "all nodes vote", func() bool { return c.nodes[0].members.Load().Voters() == n })
	return c
}

// place gives a further node a folder and an address.
func (c *folders) place(name string) {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	c.must(err)
	defer l.Close()
	c.dirs, c.address = append(c.dirs, filepath.Join(c.t.TempDir(), name)), append(c.address, l.Addr().String())
	c.stores, c.nodes = append(c.stores, nil), append(c.nodes, nil)
}

// join has a further node join, and starts it.
func (c *folders) join(name string) {
	c.t.Helper()
	token, err := c.nodes[0].Invite(c.t.Context(), name, false)
	c.must(err)
	c.place(name)
	i := len(c.dirs) - 1
	_, err = Join(c.t.Context(), Joining{Dir: c.dirs[i], Token: token, Version: "test", Format: 1, Now: time.Now})
	c.must(err)
	c.start(i)
}

func (c *folders) start(i int) {
	c.t.Helper()
	config := Config{Dir: c.dirs[i], Address: c.address[i], Version: "test", Format: 1, MaxStaleness: c.stale, MaxClockDifference: time.Second,
		Keep: raftlog.Keep{For: time.Hour, Bytes: 1 << 30}, tick: 20 * time.Millisecond, silence: c.silence, Now: c.now, Warn: func(text string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.said = append(c.said, fmt.Sprintf("n%d: %s", i, text))
		}}
	if c.config != nil {
		c.config(&config)
	}
	n, err := Open(config)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := store.Open(c.dirs[i], store.Options{Log: n, Cluster: n.ClusterID(), Node: n.Name(), Settle: n.Settle, Damaged: n.Damaged, Succeed: n.RotateKey,
		HeadDiffers: func(d store.HeadDifference) { n.Differs(d.Collection, d.Entries) }})
	if err != nil {
		c.t.Fatal(err)
	}
	l, err := net.Listen("tcp", c.address[i])
	if err != nil {
		c.t.Fatal(err)
	}
	if err := n.Start(sender{Folder{s}, c}, l); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i], c.stores[i] = n, s
}

func (c *folders) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// sender is a folder that tells when a copy of it is sent.
type sender struct {
	Folder
	folders *folders
}

func (s sender) Backup(ctx context.Context, w io.Writer) error {
	if s.folders.sends != nil {
		s.folders.sends()
	}
	return s.Folder.Backup(ctx, w)
}

func (c *folders) stop(i int) {
	if c.nodes[i] == nil {
		return
	}
	if err := errors.Join(c.nodes[i].Close(), c.stores[i].Close()); err != nil {
		c.t.Error(err)
	}
	c.nodes[i], c.stores[i] = nil, nil
}

// warned reports whether a node has said something.
func (c *folders) warned(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(strings.Join(c.said, "\n"), text)
}

// add adds an object at a node, once it takes writes.
func (c *folders) add(i, k int) {
	c.t.Helper()
	c.writable(i)
	eventually(c.t, fmt.Sprintf("n%d takes object %d", i, k), func() bool { // leadership may move just now: nothing was changed then
		err := appendObject(c.t.Context(), c.stores[i], c.about, k)
		if errors.Is(err, store.ErrNotProposed) {
			return false
		}
		c.must(err)
		return true
	})
}

func (c *folders) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *folders) writable(i int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("n%d takes writes", i), func() bool { return c.nodes[i].Writable() == nil })
}

func objectText(k int) string {
	return fmt.Sprintf("the object with the number %d, which is not short", k)
}

func appendObject(ctx context.Context, s *store.Store, about uuid.UUID, k int) error {
	tree := new(ijson.Tree)
	err := tree.Parse(fmt.Appendf(nil, `{"type":"campaign","spec_version":"2.1","id":"campaign--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2b%04d","created":"2026-02-01T00:00:00.000Z","modified":"2026-02-01T00:00:00.000Z","name":%q}`, k, objectText(k)), ijson.Limits{})
	if err != nil {
		return err
	}
	col, ok := s.CollectionOf(about)
	if !ok {
		return errors.New("the agreement is not in use")
	}
	r, err := col.Append(ctx, store.Batch{Actor: store.Actor{Account: "vendor-push", Party: "vendor"}, Changes: []store.Change{{Add: &store.Addition{Object: stix.FromTree(tree)}}}})
	if err == nil && r.Outcomes[0].Kind != store.Added {
		err = fmt.Errorf("the object %d: got %v", k, r.Outcomes[0])
	}
	return err
}

// level waits until nodes have the same head and so many entries, and checks their files.
func (c *folders) level(entries uint64, list ...int) {
	c.t.Helper()
	heads := map[string]bool{}
	eventually(c.t, fmt.Sprintf("%d entries on the nodes %v", entries, list), func() bool {
		clear(heads)
		for _, i := range list {
			col, ok := c.stores[i].CollectionOf(c.about)
			if !ok {
				return false
			}
			n, root, err := col.Head()
			if err != nil || n != entries {
				return false
			}
			heads[root.String()] = true
		}
		return len(heads) == 1
	})
	for _, i := range list {
		err := c.stores[i].CheckAll(c.t.Context(), nil, func(found store.Checked) {
			if len(found.Faults) > 0 {
				c.t.Errorf("n%d: %s: %v", i, found.Name, found.Faults)
			}
		})
		c.must(err)
	}
}

// A node for which the log begins too late fetches the files of another one by itself, keeps its term and its vote, and votes on.
func TestANodeThatWasAwayForTooLongFetchesItsFiles(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	c.add(0, 0)
	c.level(2, 0, 1, 2)
	last, err := c.nodes[2].log.LastIndex()
	c.must(err)
	c.stop(2)
	for k := 1; k < 9; k++ {
		c.add(k%2, k)
	}
	made := uuid.New()
	_, err = c.stores[1].CreateAgreement(t.Context(), store.Actor{}, &agreement.Agreement{Name: "later", Title: "later", APIRoot: "root", Collection: agreement.Collection{ID: made}})
	c.must(err)
	c.level(10, 0, 1)
	for i := range 2 {
		eventually(t, "the log is dropped", func() bool {
			c.must(c.nodes[i].dropNow(t.Context(), raftlog.Keep{}))
			first, err := c.nodes[i].log.FirstIndex()
			c.must(err)
			return first > last+1
		})
	}
	file := filepath.Join(c.dirs[2], "agreements", c.about.String()+".deliveries.db")
	c.must(os.WriteFile(file, []byte("this node's own"), 0o600))

	before := hardOf(t, c, 2)
	c.start(2)
	select {
	case <-c.nodes[2].Fetched():
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing was fetched: %v", c.said)
	}
	if err := c.nodes[2].Readable(); err == nil {
		t.Error("a node that lacks what it fetches answers")
	}
	c.stop(2)
	c.start(2)
	c.writable(2)
	if now := hardOf(t, c, 2); now[0] < before[0] || now[0] == before[0] && before[1] != 0 && now[1] != before[1] {
		t.Errorf("the node had the term %d and voted for %x, and has the term %d and %x", before[0], before[1], now[0], now[1])
	}
	c.level(10, 0, 1, 2)
	if _, ok := c.stores[2].CollectionOf(made); !ok {
		t.Error("an agreement that was made meanwhile is missing")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "this node's own" {
		t.Errorf("the node's deliveries are %q, %v", text, err)
	}
	c.must(os.Remove(file))
	if left, err := filepath.Glob(filepath.Join(c.dirs[2], folderName, "*fetched*")); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
	c.stop(0) // it is needed for a majority now
	c.add(2, 9)
	c.add(1, 10)
	c.level(12, 1, 2)
}

func hardOf(t *testing.T, c *folders, i int) [2]uint64 {
	t.Helper()
	if n := c.nodes[i]; n != nil {
		h := n.log.HardState()
		return [2]uint64{h.GetTerm(), h.GetVote()}
	}
	id, err := ReadIdentity(c.dirs[i])
	c.must(err)
	l, err := raftlog.Open(LogPath(c.dirs[i]), id.logIdentity(), time.Now)
	c.must(err)
	defer l.Close()
	return [2]uint64{l.HardState().GetTerm(), l.HardState().GetVote()}
}

// A crash while fetched files are put in their place leaves what the next start completes. Files that are older than the node's own
// are dropped.
func TestFetchedFilesAreUsedAfterACrash(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	for k := range 3 {
		c.add(0, k)
	}
	c.level(4, 0, 1)
	other, _ := c.nodes[0].members.Load().Named("n0")
	document := filepath.Join(c.dirs[1], folderName, fetchedDocument)
	c.must(c.nodes[1].fetchFrom(t.Context(), other))
	c.add(0, 3)
	c.level(5, 0, 1)
	c.stop(1)
	c.start(1)
	if _, err := os.Stat(document); err == nil {
		t.Error("files that are older than the node's were not dropped")
	}
	c.level(5, 0, 1)

	id, err := ReadIdentity(c.dirs[1])
	c.must(err)
	eventually(t, "nothing changes while files are fetched", func() bool {
		c.writable(1)
		c.must(c.nodes[1].fetchFrom(t.Context(), other))
		c.stop(1)
		var done fetchedFiles
		text, err := os.ReadFile(document)
		c.must(errors.Join(err, json.Unmarshal(text, &done)))
		if has, err := appliedIn(c.dirs[1], id, time.Now); err != nil || has > done.Place {
			c.start(1)
			return false
		}
		return true
	})
	name := filepath.Join("agreements", c.about.String()+".db") // the first of the files that are moved
	c.must(os.Rename(filepath.Join(c.dirs[1], folderName, fetchedFolder, name), filepath.Join(c.dirs[1], name)))
	c.start(1)
	if left, err := filepath.Glob(filepath.Join(c.dirs[1], folderName, "*fetched*")); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
	c.add(1, 4)
	c.level(6, 0, 1)
}

// flip changes a bit of the file of an agreement, in the text of an object.
func (c *folders) flip(i, k int) {
	c.t.Helper()
	path := filepath.Join(c.dirs[i], "agreements", c.about.String()+".db")
	text, err := os.ReadFile(path)
	c.must(err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	c.must(err)
	defer f.Close()
	found := 0
	for at := 0; ; at++ {
		next := bytes.Index(text[at:], []byte(objectText(k)))
		if next < 0 {
			break
		}
		at += next
		found++
		_, err := f.WriteAt([]byte{text[at+4] ^ 1}, int64(at+4))
		c.must(err)
	}
	if found == 0 {
		c.t.Fatalf("the object %d is not in %s", k, path)
	}
}

// C-8: a bit of one node's file flips while it runs. It is found, that node closes that agreement alone, the others go on, and it
// gets another one's file.
func TestC8AFlippedBitInAFileIsFoundAndMended(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	for k := range 20 {
		c.add(k%3, k)
	}
	c.level(21, 0, 1, 2)
	var scrubbed []*scrubber
	for _, n := range c.nodes {
		s := &scrubber{node: n, at: map[uuid.UUID]uint64{}}
		s.some(t.Context(), scrubBytes)
		scrubbed = append(scrubbed, s)
	}
	before, _ := c.stores[1].CollectionOf(c.about)
	c.flip(1, 7)
	for _, s := range scrubbed {
		s.some(t.Context(), scrubBytes)
	}
	eventually(t, "another file is in use", func() bool {
		now, ok := c.stores[1].CollectionOf(c.about)
		return ok && now != before
	})
	for k := 20; k < 24; k++ {
		c.add(k%3, k)
	}
	c.level(25, 0, 1, 2)
	for _, text := range []string{"n1: collection " + c.about.String() + " is closed", "is not the one whose digest the entry has", "was fetched from"} {
		if !c.warned(text) {
			t.Errorf("no node has said %q: %v", text, c.said)
		}
	}
	for _, i := range []int{0, 2} {
		if c.warned(fmt.Sprintf("n%d: collection", i)) {
			t.Errorf("n%d has closed something: %v", i, c.said)
		}
	}
	aside, err := filepath.Glob(filepath.Join(c.dirs[1], "agreements", "*.before-refetch-*"))
	if err != nil || len(aside) != 1 {
		t.Errorf("the damaged file is kept as %v, %v", aside, err)
	}
	c.flip(1, 7) // once more: it is not closed again so soon, and what can be read is served
	scrubbed[1].some(t.Context(), scrubBytes)
	c.add(1, 24)
	c.stop(1)
}

// forger is a log that makes up what its node applies.
type forger struct{ s *store.Store }

// Propose implements store.Log.
func (f *forger) Propose(_ context.Context, about, _ uuid.UUID, message []byte) error {
	col, _ := f.s.CollectionOf(about)
	return col.ApplyLog([]store.Logged{{Place: col.Place() + 1, Message: message}})
}

// A node's file with an entry that no other has, and without one that they have, is found by the next change.
func TestC8AForgedEntryIsFoundAndMended(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	for k := range 3 {
		c.add(k, k)
	}
	c.level(4, 0, 1, 2)
	id := c.nodes[1].ClusterID()
	c.stop(1)
	f := &forger{}
	var err error
	f.s, err = store.Open(c.dirs[1], store.Options{Log: f, Cluster: id})
	c.must(err)
	c.must(errors.Join(appendObject(t.Context(), f.s, c.about, 99), f.s.Close()))
	c.start(1)
	c.writable(1)
	for k := 3; k < 6; k++ {
		c.add(2*(k%2), k)
	}
	c.level(7, 0, 1, 2)
	if !c.warned("its history differs from most other nodes'") || !c.warned("was fetched from") {
		t.Errorf("the nodes have said %v", c.said)
	}
}

// All nodes sign with the new key from one place of the log on, whichever node rotates it, and a node that was away does too. In the
// log the key cannot be read.
func TestAKeyIsRotatedOnAllNodes(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	c.writable(0)
	keys := func(i int) *store.Keyring {
		t.Helper()
		k, err := c.stores[i].Keys("")
		c.must(err)
		return k
	}
	first := keys(0).Key()
	c.stop(2)
	c.must(keys(1).Rotate(t.Context()))
	second := keys(1).Key()
	eventually(t, "the other node has the new key", func() bool { return keys(0).Key() == second })
	c.start(2)
	c.add(2, 0)
	eventually(t, "the node that was away has the new key", func() bool { return keys(2).Key() == second })
	c.must(keys(2).Rotate(t.Context()))
	third := keys(2).Key()
	for i := range 3 {
		eventually(t, "all have the newest key", func() bool { return keys(i).Key() == third })
		if got := len(keys(i).Successions()); got != 2 {
			t.Errorf("n%d has %d notes of succession, want 2", i, got)
		}
		until, err := keys(i).Retiring()
		if err != nil || until.IsZero() {
			t.Errorf("n%d: the retired key signs until %s, %v", i, until, err)
		}
		col, _ := c.stores[i].CollectionOf(c.about)
		head, err := keys(i).Checkpoint(col)
		if err != nil || bytes.Count(head, []byte("\n— ")) != 2 {
			t.Errorf("n%d signs %q, %v, want two signatures", i, head, err)
		}
	}
	if first == second || second == third {
		t.Error("a key was not replaced")
	}
	secret, err := os.ReadFile(filepath.Join(c.dirs[0], "keys", "key"))
	c.must(err)
	c.stop(0)
	text, err := os.ReadFile(LogPath(c.dirs[0]))
	c.must(err)
	if private, _, _ := strings.Cut(string(secret), "\n"); bytes.Contains(text, []byte(private)) {
		t.Error("the log has a private key that can be read")
	}
	c.start(0)
	if keys(0).Key() != third {
		t.Error("after a restart a node has another key")
	}
	c.join("late")
	col, _ := c.stores[3].CollectionOf(c.about)
	if head, err := keys(3).Checkpoint(col); err != nil || bytes.Count(head, []byte("\n— ")) != 2 || keys(3).Key() != third {
		t.Errorf("a node that joined later signs %q, %v, want two signatures", head, err)
	}
}

// What does not fit a cluster is refused with a sentence, and changes nothing.
func TestWhatDoesNotFitAClusterIsRefused(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	other := newFolders(t, 1)
	c.writable(0)
	token, err := c.nodes[0].Invite(t.Context(), "n2", false)
	c.must(err)
	into := filepath.Join(t.TempDir(), "n2")
	join := Joining{Dir: into, Token: token, Version: "older", Format: 0, Now: time.Now}
	if _, err := Join(t.Context(), join); err == nil || !strings.Contains(err.Error(), "does not read what this cluster's log has") {
		t.Errorf("a program that does not read the log's messages: got %v", err)
	}
	if _, err := os.Stat(into); err == nil {
		t.Error("a join that was refused has made a folder")
	}
	join.Format = 1
	if _, err := Join(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	join.Dir = filepath.Join(t.TempDir(), "again")
	if _, err := Join(t.Context(), join); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a token that was used: got %v", err)
	}

	// Two clusters whose first nodes have the same name are two clusters: the folder of one is not the other's.
	c.stop(1)
	other.stop(0)
	mixed := func(what, from, to string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(other.dirs[0], from))
		c.must(err)
		kept, err := os.ReadFile(filepath.Join(c.dirs[1], to))
		c.must(err)
		c.must(os.WriteFile(filepath.Join(c.dirs[1], to), text, 0o600))
		_, err = Open(Config{Dir: c.dirs[1], Now: time.Now, Warn: func(string) {}})
		if err == nil {
			t.Errorf("%s of another cluster was taken", what)
		} else if !strings.Contains(err.Error(), "another") && !strings.Contains(err.Error(), "belong together") {
			t.Errorf("%s of another cluster: got %v", what, err)
		}
		c.must(os.WriteFile(filepath.Join(c.dirs[1], to), kept, 0o600))
	}
	mixed("the log", "log/log.db", "log/log.db")
	mixed("the certificate", "cluster/node.crt", "cluster/node.crt")
	mixed("the authority", "cluster/ca.crt", "cluster/ca.crt")
	c.start(1)
	c.writable(1)

}

// A node that was removed while it was away is told so, and does not come back.
func TestARemovedNodeIsTold(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 3)
	c.add(0, 0)
	c.stop(2)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.nodes[0].Remove(short, "n1"); err == nil || !strings.Contains(err.Error(), "too few of the nodes that vote") {
		t.Errorf("a removal that would leave one of two: got %v", err)
	}
	c.must(c.nodes[0].Remove(t.Context(), "n2"))
	c.start(2)
	eventually(t, "the node knows", func() bool { return c.nodes[2].Failed() != nil })
	if err := c.nodes[2].Readable(); err == nil || !strings.Contains(err.Error(), "it was removed from the cluster") {
		t.Errorf("got %v", err)
	}
	if _, err := c.nodes[0].Invite(t.Context(), "n2", false); err == nil || !strings.Contains(err.Error(), "never used again") {
		t.Errorf("its name is used again: %v", err)
	}
	c.add(1, 1)
	c.level(3, 0, 1)
}

// A node that meets a message of a newer format stops with a sentence, and applies nothing behind it: it never guesses.
func TestAMessageOfANewerFormatStopsANode(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	c.add(0, 0)
	group := uuid.New()
	message := append(append(append([]byte{}, c.about[:]...), store.MessageFormat+1), group[:]...)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c.must(c.nodes[0].Propose(ctx, c.about, group, append(message, make([]byte, 20)...)))
	eventually(t, "it stops", func() bool { return c.nodes[0].Failed() != nil })
	if err := c.nodes[0].Readable(); err == nil || !strings.Contains(err.Error(), "a newer one") {
		t.Errorf("got %v", err)
	}
	if err := appendObject(t.Context(), c.stores[0], c.about, 1); !errors.Is(err, store.ErrNotProposed) {
		t.Errorf("a write to it: got %v, want that nothing was proposed", err)
	}
	c.level(2, 0)
}

// What other nodes say of an agreement's history is believed if most say it: one that lies, or whose file differs too, is no source.
func TestOneThatLiesIsNoSource(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	about := uuid.New()
	for k := range 3 {
		if err := c.propose(k, about, fmt.Sprint(k)); err != nil {
			t.Fatal(err)
		}
	}
	c.level(about, 3, 0, 1, 2)
	c.machines[0].spoil(about)
	c.nodes[2].applier.close(about, errors.New("its file is damaged"))
	if from, err := c.nodes[2].sources(t.Context(), about); !errors.Is(err, errContradict) {
		t.Errorf("the sources are %v, %v, want that an operator must look", from, err)
	}
	c.machines[0].spoil(about) // as it was
	c.level(about, 3, 0, 1, 2)
}

package cluster

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// liar serves the log in the place of a node that is stopped, without the entries that lies says: Raft's own, which say nothing, stand
// in their places. All else about it is right.
func (c *folders) liar(i int, lies func(command) bool) {
	c.t.Helper()
	c.forge(i, nil, func(_ uint64, _ *logHead, entries []*pb.Entry) []*pb.Entry {
		for k, e := range entries {
			if cmd, err := decodeCommand(e); err == nil && lies(cmd) {
				entries[k] = &pb.Entry{Index: e.Index, Term: e.Term, Type: e.Type}
			}
		}
		return entries
	})
}

// lied waits until a node begins anew with other files, as a server does, and does so.
func (c *folders) lied(i int) {
	c.t.Helper()
	select {
	case <-c.nodes[i].Fetched():
	case <-time.After(30 * time.Second):
		c.t.Fatalf("nothing was fetched: %v", c.said)
	}
	c.stop(i)
	c.start(i)
	eventually(c.t, "it answers", func() bool { return c.nodes[i].Readable() == nil })
}

// A node that others follow leaves out what it likes, and passes all else on. What it leaves out of an agreement shows in the next
// message; what no head shows, in what voters say of the log. The follower fetches what is true, and does not ask that node again.
func TestANodeThatIsFollowedLies(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		lies func(c *folders, lied *atomic.Int32) func(command) bool
		act  func(c *folders)
	}{
		{"about an agreement", func(c *folders, lied *atomic.Int32) func(command) bool {
			return func(cmd command) bool { return cmd.about == c.about && lied.Add(1) == 1 }
		}, func(c *folders) { c.add(0, 1); c.add(1, 2) }},
		{"about a party", func(c *folders, lied *atomic.Int32) func(command) bool {
			return func(cmd command) bool { return cmd.kind == kindMessage && cmd.about == uuid.Nil && lied.Add(1) > 0 }
		}, func(c *folders) {
			c.must(c.stores[0].Change(c.t.Context(), store.Actor{}, []store.RegistryChange{{Party: &agreement.Party{Name: "later", Title: "later"}}}))
			c.add(0, 1)
			c.add(1, 2)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newFolders(t, 2)
			far := c.follow("far", "n0")
			leaf := c.follow("leaf", "far")
			c.add(leaf, 0)
			c.level(2, 0, 1, far, leaf)
			c.stop(leaf)
			c.stop(far)
			lied := new(atomic.Int32)
			c.liar(far, row.lies(c, lied))
			c.start(leaf)
			row.act(c)
			n := c.nodes[leaf]
			eventually(t, "it follows the liar", func() bool { from, _ := n.following.source.current(); return from.Name == "far" && lied.Load() > 0 })
			c.must(n.WaitApplied(t.Context(), c.nodes[0].Applied()))
			select {
			case n.following.cross <- struct{}{}: // within a minute otherwise
			default:
			}
			c.lied(leaf)
			c.add(0, 3)
			c.level(5, 0, 1, leaf)
			if got, want := len(c.stores[leaf].Registry().Parties), len(c.stores[0].Registry().Parties); got != want {
				t.Errorf("it has %d parties, want %d", got, want)
			}
			if from, why := c.nodes[leaf].following.source.current(); from.Name == "far" || why == nil || !strings.Contains(why.Error(), "differed from the voters'") {
				t.Errorf("the log comes from %s (%v)", from.Name, why)
			}
			if !c.warned("the log that far gave this node differs from the voters'") {
				t.Errorf("the nodes have said %v", c.said)
			}
			voter, _ := c.nodes[leaf].following.voter()
			c.must(c.nodes[leaf].following.crossOnce(t.Context(), voter, map[uuid.UUID]uint64{}, true))
		})
	}
}

// A node that others follow stays at an old place and says that nothing is newer: a voter knows better, and gives what is missing.
func TestANodeThatIsFollowedKeepsTheLog(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	c.stale = 4 * time.Second // a voter is asked every two seconds
	far := c.follow("far", "n0")
	leaf := c.follow("leaf", "far")
	c.add(leaf, 0)
	c.level(2, 0, 1, far, leaf)
	c.stop(leaf)
	c.stop(far)
	asked := new(atomic.Int32)
	c.forge(far, nil, func(after uint64, head *logHead, _ []*pb.Entry) []*pb.Entry {
		asked.Add(1)
		head.Committed = after
		return nil
	})
	c.start(leaf)
	eventually(t, "it follows the liar", func() bool { return asked.Load() > 3 })
	c.add(0, 1)
	c.level(3, 0, 1, leaf)
	if from, why := c.nodes[leaf].following.source.current(); from.Name == "far" || why == nil || !strings.Contains(why.Error(), "gives nothing behind") {
		t.Errorf("the log comes from %s (%v)", from.Name, why)
	}
}

// A file of a follower that differs from the voters' is closed there and fetched anew, even if another node has the same file.
func TestAFollowersFileThatDiffersIsFetchedAnew(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	far := c.follow("far", "n0")
	c.add(far, 0)
	c.level(2, 0, 1, far)
	id := c.nodes[far].ClusterID()
	c.stop(far)
	f := &forger{}
	var err error
	f.s, err = store.Open(c.dirs[far], store.Options{Log: f, Cluster: id})
	c.must(err)
	c.must(appendObject(t.Context(), f.s, c.about, 99))
	c.must(f.s.Close())
	c.start(far)
	c.add(0, 1)
	c.level(3, 0, 1)
	c.add(1, 2)
	c.level(4, 0, 1, far)
	if !c.warned("from that of the voters") || !c.warned("was fetched from") {
		t.Errorf("the nodes have said %v", c.said)
	}
	if err := c.nodes[far].Readable(); err != nil {
		t.Error(err)
	}
}

// What a follower may ask is refused with a sentence where it does not fit, and changes nothing.
func TestRequestsOfFollowersAreRefused(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	far := c.follow("far", "n0")
	c.add(far, 0)
	c.level(2, 0, far)
	n := c.nodes[0]
	to, _ := n.members.Load().Named("n0")
	s := c.nodes[far].following.source
	eventually(t, "its address is known", func() bool { m, _ := n.members.Load().Named("far"); return m.Address != "" })
	last, err := n.log.LastIndex()
	c.must(err)
	term, err := n.log.Term(last)
	c.must(err)
	ask := func(method, path string, q url.Values, body []byte, hops string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url(to, path, q), bytes.NewReader(body))
		c.must(err)
		r.Header.Set(hopsHeader, hops)
		answer, err := s.send(to, r)
		c.must(err)
		defer answer.Body.Close()
		var text bytes.Buffer
		text.ReadFrom(answer.Body)
		return answer.StatusCode, text.String()
	}
	places := func(after, term uint64) url.Values {
		return url.Values{"after": {strconv.FormatUint(after, 10)}, "term": {strconv.FormatUint(term, 10)}}
	}
	for _, row := range []struct {
		name   string
		method string
		path   string
		query  url.Values
		body   string
		hops   string
		status int
		says   string
	}{
		{"no place", "GET", logPath, nil, "", "1", 400, "no place"},
		{"no term", "GET", logPath, url.Values{"after": {"1"}}, "", "1", 400, "no term"},
		{"beyond the log", "GET", logPath, places(last+1000, 1), "", "1", 409, "has not come to"},
		{"another entry there", "GET", logPath, places(last-1, 77), "", "1", 409, "another entry at"},
		{"what is no entry", "POST", logPath, nil, "x", "1", 200, "no entry"},
		{"a note", "POST", logPath, nil, string(append([]byte{kindNote}, make([]byte, 16)...)) + "{}", "1", 200, "no entry"},
		{"nothing", "POST", logPath, nil, "", "1", 413, "has a length"},
		{"what has passed too many", "POST", logPath, nil, "x", "99", 400, "has passed"},
		{"how far, passed by none", "GET", logPath + "committed", nil, "", "", 400, "has passed"},
		{"a digest of what is not there", "GET", logPath + "digest", url.Values{"after": {strconv.FormatUint(last+9, 10)}, "until": {"9999999"}}, "", "1", 409, "has nothing behind"},
		{"no report", "POST", logPath + "followers", nil, "[", "1", 400, "EOF"},
	} {
		status, text := ask(row.method, row.path, row.query, []byte(row.body), row.hops)
		if status != row.status || !strings.Contains(text, row.says) {
			t.Errorf("%s: got %d %s, want %d %q", row.name, status, text, row.status, row.says)
		}
	}
	if now, err := n.log.LastIndex(); err != nil || now != last {
		t.Errorf("the log has come from %d to %d, %v", last, now, err)
	}
	for id := range uint64(feedFollowers) {
		n.feed.enter(id+1, time.Now())
	}
	if status, text := ask("GET", logPath, places(last, term), nil, "1"); status != 200 { // it was there before
		t.Errorf("a follower of many: got %d %s", status, text)
	}
	if err := n.feed.enter(1<<40, time.Now()); err == nil || !strings.Contains(err.Error(), "is followed by 64 others") {
		t.Errorf("one more: got %v", err)
	}
	if err := n.feed.enter(1, time.Now()); err != nil {
		t.Error(err)
	}
	if err := n.feed.enter(1, time.Now()); err == nil || !strings.Contains(err.Error(), "another request of the same") {
		t.Errorf("a third request: got %v", err)
	}
	if !n.passed.take(maxPassed) || n.passed.take(1) {
		t.Error("entries of followers are not bounded")
	}
	if err := appendObject(t.Context(), c.stores[far], c.about, 1); err == nil {
		t.Error("a write was taken by a node that holds too much")
	}
	n.passed.give(maxPassed)
	c.add(far, 2)
	c.level(3, 0, far)
}

// What does not follow is not used.
func FuzzReadEntries(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 2, 3, 4, '{', '}'})
	f.Fuzz(func(t *testing.T, b []byte) {
		head, entries, err := readEntries(bytes.NewReader(b), 5, 2, func() {})
		if err != nil && entries != nil || err == nil && len(entries) != head.Entries {
			t.Errorf("got %d entries beside %v", len(entries), err)
		}
		for i, e := range entries {
			if e.GetIndex() != uint64(6+i) || e.GetTerm() < 2 {
				t.Errorf("entry %d follows 5", e.GetIndex())
			}
		}
	})
}

package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
)

// forge serves the log in the place of a node that is stopped. more adds its other routes; edit changes an answer to a poll.
func (c *folders) forge(i int, more func(*http.ServeMux), edit func(after uint64, head *logHead, entries []*pb.Entry) []*pb.Entry) {
	c.t.Helper()
	id, err := ReadIdentity(c.dirs[i])
	c.must(err)
	source := c.nodes[0]
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+logPath+"{$}", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseUint(r.FormValue("after"), 10, 64)
		term, _ := strconv.ParseUint(r.FormValue("term"), 10, 64)
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		source.awaitEntry(ctx, after)
		v := source.now.Load()
		entries, err := source.entriesAfter(after, term, v)
		if err != nil {
			entries = nil // of another log than that of the voters
		}
		head := &logHead{Leader: v.leader, Committed: v.committed, Sent: time.Now().UnixNano()}
		entries = edit(after, head, entries)
		head.Entries = len(entries)
		writeEntries(partsOf(w, feedWrite), head, entries)
	})
	if more != nil {
		more(mux)
	} else {
		mux.HandleFunc("GET "+logPath+"committed", func(w http.ResponseWriter, r *http.Request) {
			json.NewEncoder(w).Encode(placeAnswer{Place: source.now.Load().committed})
		})
	}
	l, err := tls.Listen("tcp", c.address[i], newCredentials(id, source.members.Load).server())
	c.must(err)
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	c.t.Cleanup(func() { server.Close() })
}

// twoLevels has far follow n0, and leaf follow far. Both are stopped when they have everything.
func (c *folders) twoLevels() (far, leaf int) {
	c.t.Helper()
	far = c.follow("far", "n0")
	leaf = c.follow("leaf", "far")
	c.add(leaf, 0)
	c.level(2, 0, 1, far, leaf)
	c.stop(leaf)
	c.stop(far)
	return far, leaf
}

// A node that is followed makes up an entry which ends those that have it. One that cannot be read is not taken: another node has
// the right one. One that cannot be applied ends the follower until voters have said that it was made up.
func TestAnEntryThatIsMadeUpEndsNoFollower(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		data  func(c *folders) []byte
		saved bool
	}{
		{"that cannot be read", func(*folders) []byte { return []byte{99, 1, 2, 3} }, false},
		{"that changes the members in an unknown way", func(*folders) []byte { return append([]byte{kindMembers}, "{}"...) }, false},
		{"that cannot be applied", func(c *folders) []byte {
			return encodeMessage(c.about, uuid.New(), []byte(strings.Repeat("no message of the store ", 3)))
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newFolders(t, 2)
			c.stale = 4 * time.Second
			far, leaf := c.twoLevels()
			lied := new(atomic.Int32)
			c.forge(far, nil, func(_ uint64, _ *logHead, entries []*pb.Entry) []*pb.Entry {
				for k, e := range entries {
					if cmd, err := decodeCommand(e); err == nil && cmd.about == c.about {
						lied.Add(1)
						entries[k] = &pb.Entry{Index: e.Index, Term: e.Term, Type: e.Type, Data: row.data(c)}
					}
				}
				return entries
			})
			c.start(leaf)
			c.add(0, 1)
			eventually(t, "it was lied to", func() bool { return lied.Load() > 0 })
			if row.saved {
				c.lied(leaf)
			}
			c.add(0, 2)
			c.level(4, 0, 1, leaf)
			if err := c.nodes[leaf].Failed(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What voters give as well was not made up: the program is too old for it, and says so.
func TestAFollowerStopsAtAnEntryThatVotersHaveAndItCannotRead(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	far, leaf := c.twoLevels()
	c.stop(1)
	term := c.nodes[0].now.Load().term
	newer := func(after uint64, _ *logHead, _ []*pb.Entry) []*pb.Entry {
		return []*pb.Entry{{Index: new(after + 1), Term: new(term), Type: pb.EntryNormal.Enum(), Data: []byte{99}}}
	}
	c.forge(far, nil, newer)
	c.forge(1, nil, newer)
	c.stop(0)
	c.start(leaf)
	eventually(t, "it stops", func() bool { return c.nodes[leaf].Failed() != nil })
	if err := c.nodes[leaf].Readable(); err == nil || !strings.Contains(err.Error(), "needs a newer version of Accord") {
		t.Errorf("got %v", err)
	}
}

// A node that is followed makes up changes of the members: voters of its own take the place of the real ones, which are asked still.
func TestVotersThatAreMadeUpAreNotAsked(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name       string
		idle, only bool // nothing is added; all that is made up is that the follower was removed
	}{
		{"while something is added", false, false}, {"while nothing is", true, false}, {"but only a removal", true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newFolders(t, 2)
			c.stale = 4 * time.Second
			far, leaf := c.twoLevels()
			liar, err := ReadIdentity(c.dirs[far])
			c.must(err)
			made := another(t, liar, "made-up")
			real := c.nodes[0].members.Load()
			asked := new(atomic.Int32)
			address := c.madeUpVoter(made, real, asked)
			secret := hashSecret([]byte("x"))
			lies := []change{
				{Invite: &Invite{ID: made.Node, Name: made.Name, Secret: secret, Until: time.Now().Add(time.Hour)}},
				{Admit: &admission{Secret: secret, Key: keyDigest(made.certificate), Address: address, Version: "test"}},
				{Promote: made.Node},
			}
			for _, m := range real.voters() {
				lies = append(lies, change{Remove: m.ID})
			}
			if row.only {
				own, _ := real.Named("leaf")
				lies = []change{{Remove: own.ID}}
			}
			base := new(atomic.Uint64)
			term := c.nodes[0].now.Load().term
			c.forge(far, nil, func(after uint64, head *logHead, _ []*pb.Entry) (list []*pb.Entry) {
				base.CompareAndSwap(0, after)
				for i := after - base.Load(); i < uint64(len(lies)); i++ {
					lies[i].ID, lies[i].At = uuid.New(), time.Now().UTC()
					data, err := encodeChange(&lies[i])
					if err != nil {
						t.Error(err)
					}
					list = append(list, &pb.Entry{Index: new(base.Load() + i + 1), Term: new(term), Type: pb.EntryNormal.Enum(), Data: data})
				}
				head.Leader, head.Committed = made.Node, base.Load()+uint64(len(lies))
				return list
			})
			c.start(leaf)
			eventually(t, "it has the made-up members", func() bool {
				m := c.nodes[leaf].members.Load()
				_, in := m.Named("leaf")
				return row.only && !in || len(m.voters()) == 1 && m.voters()[0].Name == made.Name
			})
			if !row.idle {
				c.add(0, 1)
			}
			c.lied(leaf)
			if asked.Load() > 0 {
				t.Errorf("the made-up voter was asked %d times", asked.Load())
			}
			c.add(0, 2)
			c.level(c.entries(0), 0, 1, leaf)
			if got, want := votersDigest(c.nodes[leaf].voters()), votersDigest(c.nodes[0].voters()); got != want {
				t.Error("it asks other voters than there are")
			}
		})
	}
}

// madeUpVoter answers in the place of a voter that is none, and counts.
func (c *folders) madeUpVoter(made *Identity, real *Members, asked *atomic.Int32) (address string) {
	c.t.Helper()
	members := real.clone()
	members.Nodes = append(members.Nodes, Member{ID: made.Node, Name: made.Name, Voter: true, Key: keyDigest(made.certificate)})
	l, err := tls.Listen("tcp", "127.0.0.1:0", newCredentials(made, func() *Members { return members }).server())
	c.must(err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "known") || strings.HasSuffix(r.URL.Path, "digest") {
			asked.Add(1)
		}
		http.NotFound(w, r)
	})}
	go server.Serve(l)
	c.t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// entries returns how many entries a node has.
func (c *folders) entries(i int) uint64 {
	c.t.Helper()
	entries, _, err := c.nodes[i].machine.Head(c.about)
	c.must(err)
	return entries
}

// A follower asks new voters when those that it asked name them. Where none of these is left, an operator settles it.
func TestAFollowerAsksTheVotersThatVotersName(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	c.stale = 4 * time.Second
	far := c.follow("far", "n0")
	c.join("n1")
	known := func() bool {
		now := c.nodes[0].voters()
		return len(now) == 2 && now[0].Address != "" && now[1].Address != "" && votersDigest(c.nodes[far].voters()) == votersDigest(now)
	}
	eventually(t, "it asks the new voter too", known)
	id, err := ReadIdentity(c.dirs[far])
	c.must(err)
	gone := another(t, id, "gone")
	c.stop(far)
	old := &trust{path: filepath.Join(c.dirs[far], folderName, trustName)}
	c.must(old.keep([]Member{{ID: gone.Node, Name: gone.Name, Address: "127.0.0.1:1", Voter: true, Key: keyDigest(gone.certificate)}}))
	c.start(far)
	for _, i := range []int{0, far} {
		eventually(t, "an operator is told", func() bool { return strings.Contains(c.row(i, "far").Wrong, "none of the voters that it knows") })
	}
	c.add(far, 1)
	c.must(c.nodes[far].Follow(t.Context(), "n1"))
	if !known() {
		t.Error("it asks the old voters still")
	}
	if wrong := c.row(far, "far").Wrong; strings.Contains(wrong, "voters") {
		t.Error(wrong)
	}
}

// A node that is followed says that the log goes on where it does not: a follower that waited for that would answer nothing any more.
func TestWhatIsSaidOfTheEndOfTheLogIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	const beyond = 1 << 60
	for _, row := range []struct {
		name   string
		head   int32 // how many answers say so
		answer bool  // whether what is asked does
	}{
		{"in one answer", 1, false}, {"in all answers", 1 << 30, false}, {"when it is asked", 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newFolders(t, 2)
			c.stale = 3 * time.Second
			far, leaf := c.twoLevels()
			source, polls, asked := c.nodes[0], new(atomic.Int32), new(atomic.Int32)
			c.forge(far, func(mux *http.ServeMux) {
				mux.HandleFunc("GET "+logPath+"committed", func(w http.ResponseWriter, r *http.Request) {
					a := placeAnswer{Place: source.now.Load().committed}
					if asked.Add(1); row.answer {
						a.Place = beyond
					}
					json.NewEncoder(w).Encode(a)
				})
			}, func(_ uint64, head *logHead, entries []*pb.Entry) []*pb.Entry {
				if polls.Add(1) <= row.head {
					head.Committed = beyond
				}
				return entries
			})
			c.start(leaf)
			eventually(t, "it was lied to", func() bool { return polls.Load() > 0 && asked.Load() > 0 })
			eventually(t, "it answers", func() bool { return c.nodes[leaf].Readable() == nil })
			c.add(leaf, 1)
			c.level(3, 0, 1, leaf)
		})
	}
}

// What is said of an entry that cannot be read is weighed as everything else: most voters decide or, where fewer can be reached, all of
// these.
func TestMostVotersDecideWhetherAnEntryIsOfANewerProgram(t *testing.T) {
	t.Parallel()
	newer, full, away := &unreadableError{errors.New("kind 99")}, refused("this node is followed by 64 others"), errors.New("connection refused")
	for _, row := range []struct {
		name   string
		errs   []error
		voters int
		stops  bool
	}{
		{"no voter", nil, 3, false},
		{"the only voter that can be reached", []error{newer, away, away}, 3, true},
		{"one, and two that answer something else", []error{newer, full, full}, 3, false},
		{"most", []error{full, newer, newer}, 3, true},
		{"none that can be reached", []error{away, away, away}, 3, false},
	} {
		var v votersEntry
		for _, err := range row.errs {
			v.count(err)
		}
		if v.decided(row.voters) != row.stops || row.stops && v.unreadable != newer {
			t.Errorf("%s: got %v, want %v", row.name, v.decided(row.voters), row.stops)
		}
	}
}

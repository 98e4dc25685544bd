package cluster

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// pair are two nodes on one clock, with connections between those who may connect, and no time of their own.
type pair struct {
	t     *testing.T
	cores map[uint64]*core
	queue []func()
	now   time.Time
	loses func(from uint64, p *packet) bool
}

func newPair(t *testing.T) *pair {
	t.Helper()
	s := &pair{t: t, cores: map[uint64]*core{}, now: time.Now()}
	s.loses = s.none
	m := &Members{Nodes: []Member{{ID: 1, Name: "n1", Voter: true, Key: []byte("n1")}, {ID: 2, Name: "n2", Voter: true, Key: []byte("n2")}}}
	for id := uint64(1); id <= 2; id++ {
		path := LogPath(t.TempDir())
		if err := raftlog.Create(path, raftlog.Beginning{Identity: []byte("x"), Index: 1, Term: 1, Members: m.encode()}); err != nil {
			t.Fatal(err)
		}
		l, err := raftlog.Open(path, []byte("x"), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		s.cores[id], err = newCore(id, l, outside{
			now: func() time.Time { return s.now }, newID: uuid.New, joined: func(_, _ *Members) {}, warn: func(string) {},
			apply: func(list []placed) {
				s.queue = append(s.queue, func() { s.must(s.cores[id].applied(list[len(list)-1].place)) })
			},
			send: func(to uint64, p *packet) { s.queue = append(s.queue, func() { s.bring(id, to, p) }) },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// bring brings a packet to where it is for, if both ends have the connection.
func (s *pair) bring(from, to uint64, p *packet) {
	_, made := s.cores[from].mayConnect().Node(to)
	_, taken := s.cores[to].mayConnect().Node(from)
	if s.loses(from, p) || !made || !taken {
		return
	}
	text, err := encodePacket(p)
	s.must(err)
	got, err := decodePacket(text)
	s.must(err)
	s.must(s.cores[to].receive(from, got))
}

func (s *pair) none(uint64, *packet) bool { return false }

func (s *pair) all(uint64, *packet) bool { return true }

func (s *pair) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *pair) flush() {
	for len(s.queue) > 0 {
		do := s.queue[0]
		s.queue = s.queue[1:]
		do()
	}
}

func (s *pair) tick(ids ...uint64) {
	s.now = s.now.Add(tickTime)
	for _, id := range ids {
		s.must(s.cores[id].tick())
	}
	s.flush()
}

// Of two voters one is removed. It comes to lead before the removal is committed, and what would tell the other one of the commit is
// lost. The other one hears of the members by a beat, and needs the vote of the removed one, which it does not know to be removed.
func TestTheMemberThatIsLeftComesToLead(t *testing.T) {
	t.Parallel()
	s := newPair(t)
	one, two := s.cores[1], s.cores[2]
	s.must(one.raw.Campaign())
	s.must(one.process())
	s.tick(1, 2)
	if !one.leads() {
		t.Fatal("n1 does not lead")
	}
	s.loses = func(from uint64, _ *packet) bool { return from == 2 }
	s.must(one.proposeChange(&change{ID: uuid.New(), At: s.now, Remove: 2}, func(error) {}))
	s.flush()
	s.loses = s.all
	for range 25 { // n1 steps down for want of a majority
		s.tick(1)
	}
	s.loses = func(from uint64, p *packet) bool { return from == 2 && p.raft != nil && p.raft.GetCommit() > 2 }
	for i := 0; two.members.Voters() == 2; i++ {
		if i == 300 {
			t.Fatalf("n2 has not removed itself: %v", two.raw.Status())
		}
		s.tick(2)
	}
	s.loses = s.none
	one.learn(two.known) // by a beat
	if one.members.Voters() != 2 {
		t.Fatal("n1 has applied the removal, so that nothing is tried")
	}
	for i := 0; !one.leads(); i++ {
		if i == 300 {
			t.Fatalf("n1, the only member, does not lead: %v; it counts with %s", one.raw.Status(), one.members.encode())
		}
		s.tick(1, 2)
	}
	if _, still := one.mayConnect().Node(2); still && one.members.Voters() == 1 {
		t.Error("the removed node may connect")
	}
}

package cluster

import (
	"container/heap"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// A whole cluster on a made-up clock and a made-up network, in one goroutine: a seed decides all that happens. Run one
// seed with ACCORD_SEEDS=7-7, many with ACCORD_SEEDS=1-10000.
func TestSimulation(t *testing.T) {
	from, to := uint64(1), uint64(200)
	if testing.Short() {
		to = 40
	}
	if text := os.Getenv("ACCORD_SEEDS"); text != "" {
		first, last, _ := strings.Cut(text, "-")
		var err1, err2 error
		from, err1 = strconv.ParseUint(first, 10, 64)
		to, err2 = strconv.ParseUint(last, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("ACCORD_SEEDS=%s: want FIRST-LAST", text)
		}
	}
	before := rand.Reader
	defer func() { rand.Reader = before }() // Raft draws its election timeouts from it
	var total simCounts
	for seed := from; seed <= to; seed++ {
		s := newSim(seed)
		rand.Reader = s.chacha
		if err := s.run(); err != nil {
			t.Fatalf("seed %d, at %s: %v\n%s", seed, s.now.Sub(simStart), err, s.story())
		}
		total.add(s.simCounts)
	}
	t.Logf("%d seeds: %+v", to-from+1, total)
	if total.acked == 0 || to-from > 30 && (total.crashes == 0 || total.joined == 0 || total.removed == 0 || total.partitions == 0 || total.reads == 0) {
		t.Errorf("the seeds try too little: %+v", total)
	}
}

var simStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

type simCounts struct {
	acked, unknown, refused, reads, crashes, partitions, joined, removed, promoted, twice, refetched int
}

func (a *simCounts) add(b simCounts) {
	a.acked += b.acked
	a.unknown += b.unknown
	a.refused += b.refused
	a.reads += b.reads
	a.crashes += b.crashes
	a.partitions += b.partitions
	a.joined += b.joined
	a.removed += b.removed
	a.promoted += b.promoted
	a.twice += b.twice
	a.refetched += b.refetched
}

type event struct {
	at  time.Time
	seq int
	do  func() error
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// sim is the world of a simulated cluster.
type sim struct {
	simCounts
	chacha *mathrand.ChaCha8
	rand   *mathrand.Rand
	now    time.Time
	queue  events
	seq    int
	nodes  map[uint64]*simNode
	names  int

	blocked map[[2]uint64]bool
	loss    float64 // of packets
	calm    bool    // no more faults

	abouts []uuid.UUID
	order  map[uint64]uuid.UUID // which group the log has at a place, as any node has said
	never  map[uuid.UUID]bool   // groups of which it was said that they are not in the log and never will be
	acked  map[uuid.UUID]uint64 // groups that were answered with success, with their place
	newest uint64               // the latest place of an acknowledged group
	lines  []string
	failed error
}

type simNode struct {
	sim     *sim
	id      uint64
	disk    *simDisk
	files   map[uuid.UUID]*simFile
	core    *core // nil: it is down
	life    int
	marks   *marks
	waiting map[uuid.UUID]func(place uint64) // clients, by group
	removed bool
}

// simFile is the file of an agreement: what was applied, and up to which place. It changes in transactions.
type simFile struct {
	place  uint64
	groups []uuid.UUID
	has    map[uuid.UUID]bool
	line   []placed // handed out, not applied
}

func newSim(seed uint64) *sim {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	s := &sim{chacha: mathrand.NewChaCha8(key), now: simStart, nodes: map[uint64]*simNode{}, blocked: map[[2]uint64]bool{},
		order: map[uint64]uuid.UUID{}, acked: map[uuid.UUID]uint64{}, never: map[uuid.UUID]bool{}}
	s.rand = mathrand.New(s.chacha)
	s.abouts = []uuid.UUID{uuid.Nil, s.id(), s.id(), s.id()}
	return s
}

func (s *sim) id() (id uuid.UUID) {
	s.chacha.Read(id[:])
	return id
}

func (s *sim) chance(p float64) bool { return s.rand.Float64() < p }

func (s *sim) after(d time.Duration, do func() error) {
	s.seq++
	heap.Push(&s.queue, event{s.now.Add(d), s.seq, do})
}

func (s *sim) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.rand.Int64N(int64(most-least)+1))
}

func (s *sim) note(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf("%8s ", s.now.Sub(simStart).Truncate(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (s *sim) story() string {
	lines := s.lines[max(0, len(s.lines)-60):]
	for _, id := range sortedKeys(s.nodes) {
		n := s.nodes[id]
		first, _ := n.disk.FirstIndex()
		last, _ := n.disk.LastIndex()
		line := fmt.Sprintf("node %d: log %d to %d, saved as applied %d, %v", id, first, last, n.disk.applied, n.disk.hard)
		if c := n.core; c != nil {
			line += fmt.Sprintf("; leader %d, applied %d, handed %d, %d proposals, %d wait, members %s, %v", c.leader, c.mark, c.handed, len(c.proposals), len(n.waiting), c.members.encode(), c.raw.Status())
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// run plays a seed: faults for a while, then calm, in which everything must come to an end.
func (s *sim) run() error {
	s.loss = []float64{0, 0, 0.02, 0.1}[s.rand.IntN(4)]
	first := &Members{Nodes: []Member{{ID: 1, Name: "n1", Voter: true, Key: []byte("n1")}}}
	voters := []int{1, 3, 3, 3, 5}[s.rand.IntN(5)]
	for i := 2; i <= voters; i++ {
		first.Nodes = append(first.Nodes, Member{ID: uint64(i), Name: fmt.Sprintf("n%d", i), Voter: true, Key: fmt.Appendf(nil, "n%d", i)})
	}
	s.names = voters
	for _, m := range first.Nodes {
		if err := s.add(m.ID, 0, 1, first, nil).start(); err != nil {
			return err
		}
	}
	s.after(s.between(0, time.Second), s.client)
	s.after(s.between(0, time.Second), s.client)
	s.after(s.between(time.Second, 3*time.Second), s.trouble)
	ends := s.now.Add(s.between(8*time.Second, 20*time.Second))
	if err := s.play(ends); err != nil {
		return err
	}
	s.note("calm")
	s.calm, s.loss = true, 0
	clear(s.blocked)
	for _, id := range sortedKeys(s.nodes) {
		if n := s.nodes[id]; n.core == nil && !n.removed {
			if err := n.start(); err != nil {
				return err
			}
		}
	}
	last := s.now.Add(2 * time.Minute)
	for s.now.Before(last) {
		if err := s.play(s.now.Add(500 * time.Millisecond)); err != nil {
			return err
		}
		if s.level() {
			return s.check()
		}
	}
	return errors.New("the cluster has not come to rest within two minutes of calm")
}

func (s *sim) play(until time.Time) error {
	for len(s.queue) > 0 && !s.queue[0].at.After(until) {
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		if err := errors.Join(e.do(), s.failed); err != nil {
			return err
		}
	}
	s.now = until
	return nil
}

// members returns the members as the node that has come furthest has them.
func (s *sim) members() (m *Members) {
	for _, id := range sortedKeys(s.nodes) {
		if n := s.nodes[id]; m == nil || n.disk.parsed().Place > m.Place {
			m = n.disk.parsed()
		}
	}
	return m
}

// level reports whether all members have applied the same place and one leads.
func (s *sim) level() bool {
	leaders, last := 0, uint64(0)
	m := s.members()
	for _, one := range m.Nodes {
		n := s.nodes[one.ID]
		if n == nil || n.core == nil || n.core.members.Place != m.Place || len(n.waiting) > 0 || len(n.core.proposals) > 0 {
			return false
		}
		if n.core.leads() {
			leaders++
		}
		end, _ := n.disk.LastIndex()
		if last == 0 {
			last = n.core.mark
		}
		if n.core.mark != last || end != last {
			return false
		}
	}
	return leaders == 1
}

func (s *sim) check() error {
	m := s.members()
	for _, about := range s.abouts {
		var want *simFile
		for _, one := range m.Nodes {
			got := s.nodes[one.ID].file(about)
			if want == nil {
				want = got
			}
			if fmt.Sprint(got.groups) != fmt.Sprint(want.groups) {
				return fmt.Errorf("node %d has another order of %s:\n%v\n%v", one.ID, about, got.groups, want.groups)
			}
		}
	}
	for group := range s.acked {
		found := false
		for _, about := range s.abouts {
			found = found || s.nodes[m.Nodes[0].ID].file(about).has[group]
		}
		if !found {
			return fmt.Errorf("the group %s at place %d was acknowledged and is lost", group, s.acked[group])
		}
	}
	return nil
}

// add makes a node whose log begins behind a place.
func (s *sim) add(id, place, term uint64, members *Members, files map[uuid.UUID]*simFile) *simNode {
	n := &simNode{sim: s, id: id, waiting: map[uuid.UUID]func(uint64){},
		disk: &simDisk{before: place, beforeTerm: term, hard: &pb.HardState{Term: new(term), Commit: new(place)}, applied: place, members: members.encode()}}
	if place == 0 {
		n.disk.beforeTerm, n.disk.hard = 0, &pb.HardState{}
	}
	n.disk.node = n
	n.files = copyFiles(files)
	s.nodes[id] = n
	return n
}

func copyFiles(files map[uuid.UUID]*simFile) map[uuid.UUID]*simFile {
	to := map[uuid.UUID]*simFile{}
	for about, f := range files {
		to[about] = &simFile{place: f.place, groups: append([]uuid.UUID(nil), f.groups...), has: maps.Clone(f.has)}
	}
	return to
}

func (n *simNode) file(about uuid.UUID) *simFile {
	if n.files[about] == nil {
		n.files[about] = &simFile{has: map[uuid.UUID]bool{}}
	}
	return n.files[about]
}

// errCrashed ends the call in which a node was killed.
var errCrashed = errors.New("killed")

func (n *simNode) start() error {
	n.life++
	life := n.life
	alive := func(do func() error) func() error {
		return func() error {
			if n.core == nil || n.life != life {
				return nil
			}
			return n.survive(do())
		}
	}
	n.sim.note("node %d starts", n.id)
	clock := n.sim.between(-time.Second, time.Second)
	c, err := newCore(n.id, n.disk, outside{
		now:    func() time.Time { return n.sim.now.Add(clock) },
		newID:  n.sim.id,
		send:   func(to uint64, p *packet) { n.sim.send(n.id, to, p) },
		apply:  func(list []placed) { n.apply(list, alive) },
		joined: func(_, _ *Members) {},
		warn:   func(text string) { n.sim.note("node %d: %s", n.id, text) },
	})
	if err != nil {
		return fmt.Errorf("node %d does not start: %w", n.id, err)
	}
	n.core, n.marks = c, newMarks(c.mark)
	clear(n.waiting)
	for _, f := range n.files {
		f.line = nil
	}
	var tick func() error
	tick = func() error {
		n.sim.after(n.sim.between(tickTime*9/10, tickTime*11/10), alive(tick))
		if n.sim.chance(0.05) {
			if err := n.core.flush(); err != nil {
				return err
			}
			n.disk.drop(n.sim)
		}
		if n.sim.chance(0.2) {
			for _, m := range n.core.known.Nodes {
				n.sim.send(n.id, m.ID, &packet{beat: &Beat{Members: n.core.known}})
			}
		}
		if n.core.lost != nil {
			return n.refetch()
		}
		return errors.Join(n.core.tick(), n.lead())
	}
	n.sim.after(n.sim.between(0, tickTime), alive(tick))
	return nil
}

// refetch gives a node that was away for too long the files of another one, and a log that begins behind them. It keeps its
// term and its vote.
func (n *simNode) refetch() error {
	peer := n.sim.someone()
	if peer == n || peer.core.mark <= n.core.mark {
		return nil
	}
	place := peer.core.mark
	term, err := peer.disk.Term(place)
	if err != nil {
		return err
	}
	n.sim.note("node %d fetches the files of node %d, at %d", n.id, peer.id, place)
	n.abandon()
	n.sim.refetched++
	n.files = copyFiles(peer.files)
	hard := n.disk.hard
	n.disk.before, n.disk.beforeTerm, n.disk.entries = place, term, nil
	n.disk.applied, n.disk.members = place, peer.disk.members
	n.disk.hard = &pb.HardState{Term: hard.Term, Vote: hard.Vote, Commit: new(place)}
	if term > hard.GetTerm() {
		n.disk.hard.Term, n.disk.hard.Vote = new(term), nil
	}
	return n.start()
}

// lead promotes a node that has caught up.
func (n *simNode) lead() error {
	if n.core == nil || !n.core.leads() {
		return nil
	}
	id, ok := n.core.promotable()
	if !ok {
		return nil
	}
	return n.core.proposeChange(&change{ID: n.sim.id(), At: n.sim.now, Promote: id}, func(err error) {
		if err == nil {
			n.sim.promoted++
		}
	})
}

func (n *simNode) survive(err error) error {
	if errors.Is(err, errCrashed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("node %d: %w", n.id, err)
	}
	return nil
}

// abandon tells those who wait for a change of the members that its outcome is unknown: the node that proposed it forgets it.
func (n *simNode) abandon() {
	for _, p := range n.core.proposalsInOrder() {
		if p.kind == pb.EntryConfChangeV2 {
			p.done(ErrUnknown)
		}
	}
}

func (n *simNode) kill() {
	n.sim.crashes++
	n.abandon()
	n.core = nil
	n.sim.note("node %d is killed", n.id)
	n.sim.after(n.sim.between(50*time.Millisecond, 6*time.Second), func() error {
		if n.core == nil && !n.removed {
			return n.start()
		}
		return nil
	})
}

// apply applies what is committed, each agreement at its own pace, in transactions of random size.
func (n *simNode) apply(list []placed, alive func(func() error) func() error) {
	for _, p := range list {
		n.marks.begin(p.place)
	}
	for _, p := range list {
		switch {
		case p.kind != kindMessage:
			n.end(p.place, alive)
		case p.about == uuid.Nil: // the registry, before anything behind it
			n.effect(p)
			n.end(p.place, alive)
		default:
			f := n.file(p.about)
			if f.line = append(f.line, p); len(f.line) == 1 {
				n.work(f, alive)
			}
		}
	}
}

// work applies what waits for a file, some of it in each transaction.
func (n *simNode) work(f *simFile, alive func(func() error) func() error) {
	n.sim.after(n.sim.between(0, 10*time.Millisecond), alive(func() error {
		k := 1 + n.sim.rand.IntN(len(f.line))
		done := f.line[:k]
		f.line = f.line[k:]
		for _, p := range done {
			n.effect(p)
		}
		for _, p := range done {
			n.end(p.place, alive)
		}
		if len(f.line) > 0 {
			n.work(f, alive)
		}
		return nil
	}))
}

func (n *simNode) end(place uint64, alive func(func() error) func() error) {
	if n.marks.end(place) {
		mark := n.marks.mark
		n.sim.after(0, alive(func() error { return n.core.applied(mark) }))
	}
}

// effect applies a message to its file: the effects, its id and its place at once.
func (n *simNode) effect(p placed) {
	f := n.file(p.about)
	if p.place <= f.place {
		return
	}
	f.place = p.place
	if f.has[p.id] {
		n.sim.twice++
	} else {
		f.has[p.id] = true
		f.groups = append(f.groups, p.id)
	}
	if other, ok := n.sim.order[p.place]; ok && other != p.id {
		panic(fmt.Sprintf("place %d has %s at node %d and %s elsewhere", p.place, p.id, n.id, other))
	}
	n.sim.order[p.place] = p.id
	if n.sim.never[p.id] {
		n.sim.failed = fmt.Errorf("place %d has the group %s, of which was said that nothing was changed", p.place, p.id)
	}
	if done := n.waiting[p.id]; done != nil {
		delete(n.waiting, p.id)
		done(p.place)
	}
}

// send puts a packet into the network, through its bytes.
func (s *sim) send(from, to uint64, p *packet) {
	if s.blocked[[2]uint64{from, to}] || s.chance(s.loss) {
		return
	}
	if n := s.nodes[from]; n.core != nil { // nil: it is being started
		if _, known := n.core.mayConnect().Node(to); !known {
			return // no connection is made
		}
	}
	text, err := encodePacket(p)
	if err != nil {
		panic(err)
	}
	copies := 1
	if !s.calm && s.chance(0.02) && p.raft.GetType() != pb.MsgProp { // what forwards a proposal says whether it was taken
		copies = 2
	}
	for range copies {
		delay := s.between(100*time.Microsecond, 5*time.Millisecond)
		if !s.calm && s.chance(0.01) {
			delay = s.between(100*time.Millisecond, 10*time.Second)
		}
		s.after(delay, func() error {
			n := s.nodes[to]
			if n == nil || n.core == nil || s.blocked[[2]uint64{from, to}] {
				return nil
			}
			if _, known := n.core.mayConnect().Node(from); !known {
				return nil // its certificate is refused
			}
			got, err := decodePacket(text)
			if err != nil {
				return err
			}
			if got.beat != nil {
				n.core.learn(got.beat.Members)
			}
			return n.survive(n.core.receive(from, got))
		})
	}
}

// someone returns a random node that is up.
func (s *sim) someone() *simNode {
	var up []*simNode
	for _, id := range sortedKeys(s.nodes) {
		if n := s.nodes[id]; n.core != nil && !n.removed {
			up = append(up, n)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[s.rand.IntN(len(up))]
}

// client adds something at a random node, or asks how far the log is, and goes on.
func (s *sim) client() error {
	if s.calm {
		return nil
	}
	s.after(s.between(5*time.Millisecond, 300*time.Millisecond), s.client)
	n := s.someone()
	if n == nil {
		return nil
	}
	if s.chance(0.2) {
		newest := s.newest
		err := n.core.ask(n.core.out.now().Add(3*time.Second), func(place uint64, err error) {
			if err == nil {
				s.reads++
				if place < newest {
					s.failed = fmt.Errorf("node %d says that the log is at %d; %d was acknowledged before", n.id, place, newest)
				}
			}
		})
		return n.survive(err)
	}
	group := s.id()
	n.waiting[group] = func(place uint64) {
		s.acked[group] = place
		s.newest = max(s.newest, place)
		s.simCounts.acked++
	}
	message := make([]byte, s.rand.IntN(2000))
	about := s.abouts[s.rand.IntN(len(s.abouts))]
	return n.survive(n.core.propose(group, pb.EntryNormal, encodeMessage(about, group, message), func(err error) {
		switch {
		case errors.Is(err, ErrUnknown):
			s.unknown++
			delete(n.waiting, group)
		case err != nil:
			s.refused++
			s.never[group] = true
			delete(n.waiting, group)
		}
	}))
}

// simDisk keeps a log. Save is the only moment at which it changes; a node may be killed before or after it.
type simDisk struct {
	node               *simNode
	before, beforeTerm uint64
	entries            []*pb.Entry
	hard               *pb.HardState
	applied            uint64
	members            []byte
}

func (d *simDisk) HardState() *pb.HardState    { return d.hard }
func (d *simDisk) FirstIndex() (uint64, error) { return d.before + 1, nil }
func (d *simDisk) LastIndex() (uint64, error)  { return d.before + uint64(len(d.entries)), nil }
func (d *simDisk) Applied() uint64             { return d.applied }
func (d *simDisk) Members() ([]byte, error)    { return d.members, nil }

func (d *simDisk) parsed() *Members {
	m, err := ParseMembers(d.members)
	if err != nil {
		panic(err)
	}
	return m
}

func (d *simDisk) Term(i uint64) (uint64, error) {
	switch {
	case i == d.before:
		return d.beforeTerm, nil
	case i < d.before:
		return 0, raft.ErrCompacted
	case i > d.before+uint64(len(d.entries)):
		return 0, raft.ErrUnavailable
	}
	return d.entries[i-d.before-1].GetTerm(), nil
}

func (d *simDisk) Entries(lo, hi, most uint64) ([]*pb.Entry, error) {
	if lo <= d.before {
		return nil, raft.ErrCompacted
	} else if hi > d.before+uint64(len(d.entries))+1 {
		return nil, raft.ErrUnavailable
	}
	list := d.entries[lo-d.before-1 : hi-d.before-1]
	size := uint64(0)
	for i, e := range list {
		if size += uint64(len(e.GetData())); i > 0 && size > most {
			list = list[:i]
			break
		}
	}
	return append([]*pb.Entry(nil), list...), nil
}

func (d *simDisk) Save(w raftlog.Write) error {
	s := d.node.sim
	crash := !s.calm && s.chance(0.0005)
	if crash && s.chance(0.5) {
		d.node.kill()
		return errCrashed
	}
	if w.Hard != nil {
		d.hard = w.Hard
	}
	d.applied = max(d.applied, w.Applied)
	if w.Members != nil {
		d.members = w.Members
	}
	if len(w.Entries) > 0 {
		first := w.Entries[0].GetIndex()
		if first > d.before+uint64(len(d.entries))+1 || first <= max(d.applied, d.before) {
			return fmt.Errorf("entry %d does not fit into a log of %d to %d", first, d.before+1, d.before+uint64(len(d.entries)))
		}
		d.entries = append(append([]*pb.Entry(nil), d.entries[:first-d.before-1]...), w.Entries...)
	}
	if crash {
		d.node.kill()
		return errCrashed
	}
	return nil
}

// drop drops old entries, sometimes nearly all that may be dropped.
func (d *simDisk) drop(s *sim) {
	until := min(d.applied, d.hard.GetCommit())
	if !s.chance(0.1) || until < d.before+3 {
		return
	}
	to := d.before + 1 + s.rand.Uint64N(until-d.before-2)
	if !s.chance(0.2) && to+200 > until {
		return
	}
	term, _ := d.Term(to)
	d.entries = append([]*pb.Entry(nil), d.entries[to-d.before:]...)
	d.before, d.beforeTerm = to, term
}

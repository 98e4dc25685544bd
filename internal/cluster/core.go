package cluster

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

const (
	// tickTime is Raft's unit of time: a heartbeat. Elections come after electionTicks to twice as many without one.
	tickTime      = 100 * time.Millisecond
	electionTicks = 10

	// maxUncommitted bounds the bytes of proposals that are not committed yet, at a leader and at each node that proposes.
	maxUncommitted = 64 << 20

	// maxApplying bounds the bytes of committed entries that the files have not applied yet and that are in memory.
	maxApplying = 32 << 20

	// maxProposal bounds one message.
	maxProposal = 64 << 20

	maxMessage = 4 << 20 // of entries in one message of Raft; a single larger entry goes alone
)

// outside is what a core needs of the world. Nothing in it blocks.
type outside struct {
	now   func() time.Time
	newID func() uuid.UUID

	// send sends a message to a node, or drops it.
	send func(to uint64, p *packet)

	// apply takes committed entries, in order; core.applied is called when the files have them.
	apply func(commands []placed)

	// joined is called with the newest members, and with those who may connect: see mayConnect.
	joined func(newest, connect *Members)

	// canLose reports whether the cluster goes on without one of the members: see Members.canLose. nil: it does.
	canLose func(m *Members, id uint64) bool

	// warn is told what an operator should know.
	warn func(string)
}

// placed is a command with its place in the log.
type placed struct {
	place uint64
	command
}

// core is a node without time, disk and network of its own: one goroutine calls it, and everything that it does follows
// from the calls. It is not safe for concurrent use.
type core struct {
	id  uint64
	out outside

	raw     *raft.RawNode
	storage *storage
	members *Members // as of what was handed out
	known   *Members // the newest that this node has heard of

	leader  uint64
	term    uint64
	heard   map[uint64]time.Time // when a node was last heard, of those that count for contact
	shown   map[uint64]time.Time // a time after which a node was there for sure: see showed
	sure    time.Time            // contact before the leader changed
	started time.Time

	proposals map[uuid.UUID]*proposal
	proposed  int // bytes of proposals

	reads    map[uint64]*read
	lastRead uint64

	applying []*pb.Message // handed out, not applied; in order
	handed   uint64        // the last place that was handed out
	mark     uint64        // the files have everything up to here
	settled  uint64        // Raft knows that the files have everything up to here: it never reads that again
	kept     uint64        // of settled, what the disk has
	hard     *pb.HardState // what is to be saved with the next entries; nil: nothing
	told     uint64        // the newest place that the leader said is committed

	commits  []uint64             // how far the log was committed at each of the last ticks, the oldest first
	promoted map[uint64]time.Time // when a promotion was last proposed

	gathering bool   // process is called later
	lost      error  // the log no longer has what this node lacks
	lostAt    uint64 // the entry before the first that the leader's log has
}

func newCore(id uint64, disk Disk, out outside) (*core, error) {
	text, err := disk.Members()
	if err != nil {
		return nil, err
	}
	members, err := ParseMembers(text)
	if err != nil {
		return nil, err
	}
	c := &core{
		id: id, out: out, members: members, known: members, storage: &storage{disk, members},
		heard: map[uint64]time.Time{}, shown: map[uint64]time.Time{}, proposals: map[uuid.UUID]*proposal{}, reads: map[uint64]*read{},
		started: out.now(), promoted: map[uint64]time.Time{},
	}
	// What is committed is sometimes not known to be before more is saved: the files may be ahead of it.
	c.mark = min(disk.Applied(), disk.HardState().GetCommit())
	c.handed, c.settled, c.kept, c.term = c.mark, c.mark, disk.Applied(), disk.HardState().GetTerm()
	c.raw, err = raft.NewRawNode(&raft.Config{
		ID: id, Storage: c.storage, Applied: c.mark,
		ElectionTick: electionTicks, HeartbeatTick: 1,
		PreVote: true, CheckQuorum: true, StepDownOnRemoval: true,
		AsyncStorageWrites: true,
		MaxSizePerMsg:      maxMessage, MaxInflightMsgs: 256, MaxInflightBytes: 64 << 20,
		MaxCommittedSizePerReady: maxApplying, MaxUncommittedEntriesSize: maxUncommitted,
		Logger: raftLogger{},
	})
	if err != nil {
		return nil, fmt.Errorf("start the log: %w", err)
	}
	return c, nil
}

// tick is called every tickTime.
func (c *core) tick() error {
	c.raw.Tick()
	c.renewProposals()
	c.renewReads()
	c.commits = append(c.commits[max(0, len(c.commits)+1-electionTicks):], c.committed())
	return c.process()
}

// promotable returns a node that is to vote and, less than a second ago, had everything: for the leader to promote.
func (c *core) promotable() (id uint64, ok bool) {
	if !c.leads() || len(c.commits) < electionTicks {
		return 0, false
	}
	now := c.out.now()
	c.raw.WithProgress(func(one uint64, _ raft.ProgressType, pr tracker.Progress) {
		m, known := c.members.Node(one)
		if !ok && known && !m.Voter && !m.Reader && m.Follows == 0 && pr.RecentActive && pr.Match >= c.commits[0] && now.Sub(c.promoted[one]) > proposalAgain {
			id, ok = one, true
		}
	})
	if ok {
		c.promoted[id] = now
	}
	return id, ok
}

// packet is what one node sends another. One of its parts is set.
type packet struct {
	raft    *pb.Message
	refused uuid.UUID // a proposal that the leader does not take: it has too many
	beat    *Beat
}

// receive takes a packet from another node.
func (c *core) receive(from uint64, p *packet) error {
	switch {
	case p.refused != uuid.Nil:
		c.refusedProposal(p.refused)
		return nil
	case p.raft == nil:
		return nil
	}
	m := p.raft
	if m.GetFrom() != from && m.GetType() != pb.MsgTransferLeader || m.GetTo() != c.id { // a reader asks for another one to lead
		return nil // it speaks for another
	}
	if onlyLeaders(m.GetType()) && !c.mayLead(from) || m.GetTerm() > c.term+maxTerms || senseless(m) {
		return nil // Raft believes it, and ends the node where it makes no sense
	}
	if m.GetType() == pb.MsgSnap {
		return c.behindLog(m)
	}
	c.hear(m)
	proposed := m.GetType() == pb.MsgProp
	err := raft.ErrProposalDropped
	if !proposed || !slices.ContainsFunc(m.GetEntries(), c.refuses) {
		err = c.raw.Step(m)
	}
	if proposed && c.leads() && errors.Is(err, raft.ErrProposalDropped) {
		for _, id := range proposalsIn(m) {
			c.out.send(from, &packet{refused: id})
		}
	}
	return c.process()
}

// behindLog is called when the leader's log does not begin early enough for what it knows of this node. If this node has more than
// the leader knows, Raft answers so. Otherwise it lacks entries that no log has any more.
func (c *core) behindLog(m *pb.Message) error {
	if err := c.processNow(); err != nil { // the log is looked at below: what was gathered has to be in it
		return err
	}
	if m.GetTerm() < c.raw.BasicStatus().GetTerm() {
		return nil // of a node that leads no more
	}
	index, term := m.GetSnapshot().GetMetadata().GetIndex(), m.GetSnapshot().GetMetadata().GetTerm()
	own, err := c.storage.Term(index)
	if index <= c.raw.BasicStatus().GetCommit() || err == nil && own == term {
		c.raw.Step(m)
		return c.process()
	}
	if c.lost == nil {
		last, err := c.storage.LastIndex()
		if err != nil {
			return err
		}
		c.lost = fmt.Errorf("the others' log begins at %d and this node's ends at %d: it was away for too long and fetches its files anew", index+1, last)
		c.lostAt = index
		c.out.warn(c.lost.Error())
	}
	return nil
}

func (c *core) leads() bool { return c.leader == c.id }

// committed returns how far the log is committed, as far as this node knows.
func (c *core) committed() uint64 { return max(c.raw.BasicStatus().GetCommit(), c.told) }

// together makes several calls with one write to disk, and does what follows from all of them.
func (c *core) together(calls []func() error) error {
	c.gathering = true
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	c.gathering = false
	return c.process()
}

// processNow is process, also while calls are gathered.
func (c *core) processNow() error {
	gathering := c.gathering
	defer func() { c.gathering = gathering }()
	c.gathering = false
	return c.process()
}

// process does what follows from the last call: it saves, sends and hands out.
func (c *core) process() error {
	if c.gathering {
		return nil
	}
	for c.raw.HasReady() {
		rd := c.raw.Ready()
		if rd.SoftState != nil {
			c.changeLeader(rd.Lead)
		}
		for _, r := range rd.ReadStates {
			c.answerRead(r)
		}
		var save, apply []*pb.Message
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				save = append(save, m)
			case raft.LocalApplyThread:
				apply = append(apply, m)
			default:
				c.post(m)
			}
		}
		for _, m := range save {
			if err := c.save(m); err != nil {
				return err
			}
		}
		for _, m := range apply {
			if err := c.hand(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *core) post(m *pb.Message) {
	c.out.send(m.GetTo(), &packet{raft: m})
	if m.GetType() == pb.MsgSnap {
		c.raw.ReportSnapshot(m.GetTo(), raft.SnapshotFailure) // it fetches the files by itself
	}
}

// save does what Raft wants to have on disk, and then sends what depends on it.
func (c *core) save(m *pb.Message) error {
	if m.GetTerm() != 0 {
		c.hard = &pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
		c.term = m.GetTerm()
	}
	before := c.storage.HardState()
	must := len(m.GetEntries()) > 0
	if c.hard != nil && (c.hard.GetTerm() != before.GetTerm() || c.hard.GetVote() != before.GetVote()) {
		must = true
	}
	if must {
		if err := c.write(raftlog.Write{Entries: m.GetEntries()}); err != nil {
			return err
		}
	}
	for _, r := range m.GetResponses() {
		if r.GetTo() != c.id {
			c.post(r)
		} else if err := c.raw.Step(r); err != nil {
			return fmt.Errorf("go on with the log: %w", err)
		}
	}
	return nil
}

// write saves w, with what else is new.
func (c *core) write(w raftlog.Write) error {
	w.Hard, w.Applied = c.hard, 0
	if c.settled > c.kept {
		w.Applied = c.settled
	}
	if err := c.storage.Save(w); err != nil {
		return err
	}
	c.hard, c.kept = nil, max(c.kept, w.Applied)
	return nil
}

// flush saves how far the files are, so that less is read again after a restart.
func (c *core) flush() error {
	if c.settled <= c.kept && c.hard == nil {
		return nil
	}
	return c.write(raftlog.Write{})
}

// hand hands out committed entries. What concerns the cluster itself happens here.
func (c *core) hand(m *pb.Message) error {
	var list []placed
	for _, e := range m.GetEntries() {
		cmd, err := decodeCommand(e)
		if err != nil {
			return err
		}
		if cmd.kind == kindMembers {
			if err := c.changeMembers(e.GetIndex(), cmd); err != nil {
				return err
			}
		}
		list = append(list, placed{e.GetIndex(), cmd})
		c.handed = e.GetIndex()
	}
	c.applying = append(c.applying, m)
	c.out.apply(list)
	for _, p := range list {
		if p.kind != kindMembers {
			c.settle(p.id, nil)
		}
	}
	return nil
}

// changeMembers makes a change that the log has at a place, unless the members have it already: they are saved apart.
func (c *core) changeMembers(place uint64, cmd command) error {
	if place <= c.members.Place {
		return nil
	}
	next := c.members.clone()
	conf, err := next.apply(place, cmd.change)
	var not *RefusedError
	if errors.As(err, &not) {
		c.settle(cmd.id, err)
		return nil
	} else if err != nil {
		return err
	}
	c.members, c.storage.members = next, next
	if err := c.write(raftlog.Write{Members: next.encode()}); err != nil {
		return err
	}
	if conf != nil {
		c.raw.ApplyConfChange(conf)
	}
	if next.Place > c.known.Place {
		c.known = next
	}
	c.out.joined(c.known, c.mayConnect())
	c.settle(cmd.id, nil)
	return nil
}

// learn takes members that another member has. They count for who may connect, if they are newer: a node that is behind would not know
// the node that leads otherwise, and so never come further.
func (c *core) learn(m *Members) {
	if m.Place > c.known.Place {
		c.known = m
		c.out.joined(m, c.mayConnect())
	}
}

// mayConnect returns the members that connections are made to and taken from: the newest that this node has heard of, and the voters that
// it counts with as long as it has not applied that they were removed. It may need the vote of one of them to come that far.
func (c *core) mayConnect() *Members {
	m := c.known.clone()
	for _, one := range c.members.Nodes {
		if _, known := m.Node(one.ID); one.Voter && !known {
			m.Nodes = append(m.Nodes, one)
		}
	}
	return m
}

// applied is called when the files have everything up to a place.
func (c *core) applied(place uint64) error {
	c.mark = max(c.mark, place)
	for len(c.applying) > 0 {
		m := c.applying[0]
		if entries := m.GetEntries(); entries[len(entries)-1].GetIndex() > place {
			break
		}
		c.applying = c.applying[1:]
		entries := m.GetEntries()
		c.settled = entries[len(entries)-1].GetIndex()
		for _, r := range m.GetResponses() {
			if err := c.raw.Step(r); err != nil {
				return fmt.Errorf("go on with the log: %w", err)
			}
		}
	}
	return c.process()
}

// changeLeader is called when another node leads, or none.
func (c *core) changeLeader(leader uint64) {
	if leader == c.leader {
		return
	}
	c.sure = c.contact()
	c.leader, c.told = leader, 0
	delete(c.shown, leader) // it is to say how far it is, as a leader
	if leader != 0 {
		c.sendProposals()
	}
}

func proposalMessage(id uint64, kind pb.EntryType, data []byte) *pb.Message {
	return &pb.Message{Type: pb.MsgProp.Enum(), From: new(id), Entries: []*pb.Entry{{Type: kind.Enum(), Data: data}}}
}

func encodeConfChange(conf *pb.ConfChangeV2) ([]byte, error) { return proto.Marshal(conf) }

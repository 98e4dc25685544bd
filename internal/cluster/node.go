package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// Keep says how much of the log is kept.
type Keep = raftlog.Keep

// Config is what a node is made of.
type Config struct {
	Dir     string // the data folder, which init or join has made one of a cluster
	Address string // HOST:PORT where other nodes find this one
	Version string // of the program
	Format  int    // the newest format of messages that this program reads

	MaxStaleness       time.Duration // a node that has not heard of a leader for so long serves nothing
	MaxClockDifference time.Duration // a node whose clock is further from most others takes no writes
	Keep               raftlog.Keep

	Now  func() time.Time
	Warn func(text string) // what an operator should know

	tick        time.Duration // of Raft; 0: tickTime
	silence     time.Duration // of a node that gives its files; 0: fileSilence
	inviteAgain time.Duration // 0: the constant of that name
}

// Node is a node of a cluster, running. It is a store.Log.
type Node struct {
	config   Config
	identity *Identity
	creds    *credentials
	log      *raftlog.Log
	members  atomic.Pointer[Members] // the newest that it has heard of
	connect  atomic.Pointer[Members] // who may connect: see core.mayConnect
	links    *links

	calls   chan func() error // for the goroutine that has the core
	beatNow chan struct{}     // has one when the others are to be told at once how this node is
	core    *core             // of that goroutine; nil in a follower
	stop    chan struct{}     // closed by Close
	ended   sync.WaitGroup

	applier *applier
	machine Machine
	http    *memberServer

	following *following    // nil: the node is one of Raft's
	feed      *feed         // for followers of this node
	passed    passed        // from them
	digests   chan struct{} // slots for digests of the log
	unknown   chan struct{} // a slot for a request with a token that this node does not know

	now   atomic.Pointer[view]
	ready atomic.Bool // it has caught up since it was started

	mu      sync.Mutex
	closing bool                   // guarded by mu
	failed  error                  // guarded by mu; why it has stopped by itself
	peers   map[uint64]*peer       // guarded by mu
	beats   []time.Time            // guarded by mu; when the last beats were sent, by the clock that they name
	reports map[uint64]heardReport // guarded by mu; of followers, by their ids
	leading chan struct{}          // guarded by mu; closed and replaced when another node leads

	unsettled map[uuid.UUID]bool      // guarded by mu; closed agreements of which no history is that of most nodes
	damaged   map[uuid.UUID]time.Time // guarded by mu; until when it does not matter that the file of an agreement is damaged

	topics map[string]func(context.Context, []byte) ([]byte, error) // guarded by mu; see Answer

	checks  chan suspicion // heads to compare
	repairs chan struct{}  // has one when an agreement is to be fetched anew
	outrun  chan struct{}  // closed when the log no longer has what this node lacks
	fetched chan struct{}  // see Fetched
	counts  counters
}

// counters count proposals, by outcome.
type counters struct{ committed, refused, unknown atomic.Uint64 }

// errStopped says that the node is stopping.
var errStopped = errors.New("this node is stopping: nothing was changed")

// Open opens the log of a node and verifies it. The node takes part once Start is called.
func Open(config Config) (*Node, error) {
	id, err := ReadIdentity(config.Dir)
	if err != nil {
		return nil, err
	}
	if Left(config.Dir) {
		return nil, refused("this node has left its cluster: its folder is a copy that no longer follows; remove it, or see accord cluster restart-alone")
	}
	if leaving(config.Dir) {
		return nil, refused("this folder was being taken out of its cluster: run accord cluster leave or accord cluster restart-alone again, whichever it was")
	}
	if id.Joining != nil {
		return nil, errors.New("this node has not joined completely: run accord cluster join again, with the same token")
	}
	if err := useFetched(config.Dir, id, config.Now); err != nil {
		return nil, err
	}
	if renewed, err := id.renew(config.Dir, config.Now()); err != nil {
		return nil, fmt.Errorf("renew the node's certificate: %w", err)
	} else if renewed {
		config.Warn("the node's certificate was renewed")
	}
	log, err := raftlog.Open(LogPath(config.Dir), id.logIdentity(), config.Now)
	if err != nil {
		return nil, err
	}
	n := &Node{
		config: config, identity: id, log: log, calls: make(chan func() error, 1024), beatNow: make(chan struct{}, 1), stop: make(chan struct{}),
		peers: map[uint64]*peer{}, unsettled: map[uuid.UUID]bool{}, damaged: map[uuid.UUID]time.Time{}, topics: map[string]func(context.Context, []byte) ([]byte, error){}, leading: make(chan struct{}),
		feed: newFeed(), digests: make(chan struct{}, digestsAtOnce), unknown: make(chan struct{}, 1), reports: map[uint64]heardReport{},
		checks: make(chan suspicion, 64), repairs: make(chan struct{}, 1), outrun: make(chan struct{}), fetched: make(chan struct{}),
	}
	text, err := log.Members()
	if err == nil {
		var m *Members
		if m, err = ParseMembers(text); err == nil {
			n.members.Store(m)
		}
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	n.now.Store(&view{})
	n.creds = newCredentials(id, n.mayConnect)
	n.links = &links{own: id.Node, creds: n.creds, to: map[uint64]linkPair{}, lost: n.unreachable}
	return n, nil
}

// Start lets the node take part: it applies messages to machine, which has all up to the place that the log says, and
// accepts connections from l. Close ends it, and closes l.
func (n *Node) Start(machine Machine, l net.Listener) (err error) {
	n.machine = machine
	n.applier = newApplier(machine, n.log.Applied())
	n.applier.stop, n.applier.failed = n.stop, n.fail
	n.applier.rotate = func(r *rotation) error { return r.make(n.identity, machine) }
	n.applier.noted, n.applier.closed = n.compare, func(uuid.UUID, error) { n.repair() }
	work := []func(){n.run, n.beat}
	if n.identity.Follower {
		n.following, err = newFollowing(n)
		if f := n.following; err == nil {
			n.applier.marked, n.applier.failed = f.applied, f.stop
			work = []func(){f.handOut, f.fetch, f.report, f.crossCheck}
		}
	} else {
		err = n.startCore()
	}
	if err != nil {
		l.Close()
		return errors.Join(err, n.log.Close())
	}
	if err := n.serveControl(); err != nil {
		l.Close()
		return errors.Join(err, n.Close())
	}
	n.answerHeads()
	n.http = newMemberServer(n)
	n.applier.ended.Add(1)
	go n.applier.run()
	for _, do := range append(work, func() { n.accept(l) }, n.catchUp, n.dropOld, n.note, n.scrub, n.judge, n.mend, n.lead, n.fetchFolder) {
		n.ended.Go(do)
	}
	if len(machine.Closed()) > 0 {
		n.repair()
	}
	return nil
}

// startCore makes a node one of Raft's.
func (n *Node) startCore() (err error) {
	n.applier.marked = func(place uint64) { n.call(func() error { return n.core.applied(place) }) }
	n.core, err = newCore(n.identity.Node, n.log, outside{
		now: n.config.Now, newID: uuid.New, send: n.links.send, apply: n.applier.hand,
		joined: func(newest, connect *Members) {
			n.members.Store(newest)
			n.connect.Store(connect)
			n.links.follow(connect)
		},
		canLose: n.canLose,
		warn:    n.config.Warn,
	})
	if err != nil {
		return err
	}
	n.applier.marks = newMarks(n.core.mark)
	n.links.follow(n.members.Load())
	if m := n.members.Load(); m.Voters() == 1 && m.Nodes[0].ID == n.identity.Node && len(m.Nodes) == 1 {
		n.core.raw.Campaign()
	}
	return nil
}

// mayConnect returns the members that connections are made to and taken from.
func (n *Node) mayConnect() *Members {
	if m := n.connect.Load(); m != nil {
		return m
	}
	return n.members.Load() // a follower's, or nothing has changed since the node was started
}

// Close ends the node. The machine's files may be closed afterwards.
func (n *Node) Close() error {
	n.mu.Lock()
	already := n.closing
	n.closing = true
	n.mu.Unlock()
	if already {
		return nil
	}
	close(n.stop)
	n.log.Interrupt()
	n.links.close()
	n.ended.Wait()
	if n.applier != nil {
		n.applier.ended.Wait()
	}
	var flushed error
	if n.following != nil && n.Failed() == nil {
		flushed = n.following.flush()
	}
	return errors.Join(flushed, n.log.Close())
}

// fail ends the node's part in the cluster: it neither votes nor writes any more.
func (n *Node) fail(err error) {
	n.mu.Lock()
	first := n.failed == nil
	if first {
		n.failed = err
	}
	n.mu.Unlock()
	if first {
		n.config.Warn("this node takes no part in the cluster any more: " + err.Error())
	}
}

// Failed returns why the node has stopped by itself, if it has.
func (n *Node) Failed() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failed
}

// call has the goroutine of the core call do. It reports false when the node has stopped.
func (n *Node) call(do func() error) bool {
	select {
	case n.calls <- do:
		return true
	case <-n.stop:
		return false
	}
}

// callCore is call in a node of Raft's; a follower has no core.
func (n *Node) callCore(do func() error) {
	if n.following == nil {
		n.call(do)
	}
}

// gathered is how many calls share one write to disk.
const gathered = 512

// run has the core. It ends when the node stops, or fails; then calls are taken and forgotten.
func (n *Node) run() {
	err := n.runCore()
	if err == nil {
		return
	}
	n.fail(err)
	n.publish(&view{})
	for {
		select {
		case <-n.stop:
			return
		case <-n.calls:
		}
	}
}

func (n *Node) runCore() (err error) {
	defer func() {
		if r := recover(); r != nil { // Raft's way to say that what it has makes no sense
			err = fmt.Errorf("%v\n%s", r, debug.Stack())
		}
	}()
	tick := time.NewTicker(cmp.Or(n.config.tick, tickTime))
	defer tick.Stop()
	var samples []sample
	var fresh time.Time
	calls := make([]func() error, 0, gathered)
	for {
		calls = calls[:0]
		ticked := false
		select {
		case <-n.stop:
			return n.end()
		case <-tick.C:
			ticked = true
			calls = append(calls, n.core.tick)
		case do := <-n.calls:
			calls = append(calls, do)
		}
	more:
		for len(calls) < gathered {
			select {
			case do := <-n.calls:
				calls = append(calls, do)
			default:
				break more
			}
		}
		if err := n.core.together(calls); err != nil {
			return err
		}
		if err := n.Failed(); err != nil { // it neither votes nor leads
			return errors.Join(err, n.end())
		}
		committed, contact := n.core.committed(), n.core.contact()
		if ticked || len(samples) == 0 && committed <= n.core.mark {
			samples = append(samples, sample{committed, n.config.Now(), contact})
		}
		for len(samples) > 0 && samples[0].place <= n.core.mark {
			fresh, samples = later(fresh, samples[0].contact), samples[1:]
		}
		if len(samples) > samplesKept {
			samples = samples[1:]
		}
		n.publish(&view{n.core.leader, n.core.term, committed, contact, fresh, samples, n.core.handed, n.core.lost, n.core.lostAt})
	}
}

// end saves how far the files are, and gives leadership away without waiting for the others to miss this node.
func (n *Node) end() error {
	if n.core.leads() {
		for _, m := range n.core.members.Nodes {
			if m.Voter && m.ID != n.core.id && n.config.Now().Sub(n.core.heard[m.ID]) < time.Second {
				n.core.raw.TransferLeader(m.ID)
				if err := n.core.process(); err != nil {
					return err
				}
				break
			}
		}
	}
	for id, p := range n.core.proposals {
		delete(n.core.proposals, id)
		p.done(ErrUnknown)
	}
	return n.core.flush()
}

func (n *Node) publish(v *view) {
	before := n.now.Swap(v)
	if before.leader != v.leader {
		n.leadingChanged()
		n.beatAtOnce()
	}
	if before.lost == nil && v.lost != nil {
		close(n.outrun)
	}
	if v.handed > before.handed || v.lost != nil {
		n.feed.moved()
	}
}

// unreachable is called when something for a node was dropped.
func (n *Node) unreachable(to uint64) {
	select { // without waiting: a connection must not wait for the core
	case n.calls <- func() error { n.core.raw.ReportUnreachable(to); return nil }:
	default:
	}
}

// Propose implements store.Log. It returns when the message is committed, and handed out here.
func (n *Node) Propose(ctx context.Context, about, group uuid.UUID, message []byte) error {
	if len(message) > maxProposal {
		return fmt.Errorf("%w: a message of %d bytes", store.ErrNotProposed, len(message))
	}
	if err := n.Writable(); err != nil {
		n.counts.refused.Add(1)
		return fmt.Errorf("%w: %w", store.ErrNotProposed, err)
	}
	err := n.proposeEntry(ctx, group, encodeMessage(about, group, message))
	switch {
	case err == nil:
		n.counts.committed.Add(1)
	case errors.Is(err, ErrNoLeader), errors.Is(err, ErrBusy), errors.Is(err, errStopped):
		n.counts.refused.Add(1)
		return fmt.Errorf("%w: %w", store.ErrNotProposed, err)
	case errors.Is(err, store.ErrNotProposed): // by the node that this one follows
		n.counts.refused.Add(1)
	default:
		n.counts.unknown.Add(1)
	}
	return err
}

// propose proposes and waits for the outcome.
func (n *Node) propose(ctx context.Context, id uuid.UUID, do func(done func(error)) error) error {
	outcome := make(chan error, 1)
	if !n.call(func() error { return do(func(err error) { outcome <- err }) }) {
		return errStopped
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		n.call(func() error { n.core.settle(id, ErrUnknown); return nil })
		return fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
	case <-n.stop:
		return ErrUnknown
	}
}

// change proposes a change of the members and waits for the outcome.
func (n *Node) change(ctx context.Context, c change) error {
	c.ID, c.At = uuid.New(), n.config.Now().UTC()
	if n.following != nil {
		return n.following.change(ctx, &c)
	}
	if err := n.mayInvite(&c); err != nil {
		return err
	}
	return n.propose(ctx, c.ID, func(done func(error)) error { return n.core.proposeChange(&c, done) })
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// following takes the place of Raft's core in a follower: it fetches committed entries from another node into its own log, and hands
// them out from there.
type following struct {
	node   *Node
	source *source
	trust  *trust

	work  chan struct{} // has one when there may be something to hand out
	cross chan struct{} // has one when voters are to be asked at once
	told  string        // of crossCheck: the last warning

	mu      sync.Mutex
	claims  claims   // guarded by mu; how far the log is, as others say
	view    view     // guarded by mu; published with each change
	members *Members // guarded by mu; as of what was handed out
	waiting []weight // guarded by mu; handed out, not applied; in order
	bytes   int      // guarded by mu; of waiting
	mark    uint64   // guarded by mu; the files have everything up to here
	kept    uint64   // guarded by mu; the mark that the disk has
}

// weight is an entry that was handed out.
type weight struct {
	place uint64
	bytes int
}

func newFollowing(n *Node) (*following, error) {
	f := &following{node: n, work: make(chan struct{}, 1), cross: make(chan struct{}, 1), members: n.members.Load(), claims: claims{of: map[uint64]uint64{}}}
	var err error
	if f.trust, err = readTrust(n.config.Dir); err != nil {
		return nil, err
	}
	if len(f.trust.voters()) == 0 {
		if err := f.trust.keep(f.members.voters()); err != nil {
			return nil, err
		}
	}
	f.source = newSource(n, f.trust)
	f.mark = n.log.Applied()
	f.kept, f.view.handed = f.mark, f.mark
	f.view.term = n.log.HardState().GetTerm()
	return f, nil
}

// warn says something that an operator should know, once.
func (f *following) warn(err error) {
	if text := err.Error(); text != f.told {
		f.told = text
		f.node.config.Warn(text)
	}
}

// publish shows others what is known. The caller holds f.mu.
func (f *following) publish() {
	for len(f.view.behind) > 0 && f.view.behind[0].place <= f.mark {
		f.view.fresh, f.view.behind = later(f.view.fresh, f.view.behind[0].contact), f.view.behind[1:]
	}
	if len(f.view.behind) > samplesKept {
		f.view.behind = f.view.behind[1:]
	}
	v := f.view
	f.node.publish(&v)
}

func (f *following) signal() {
	select {
	case f.work <- struct{}{}:
	default:
	}
}

// applied is called when the files have everything up to a place.
func (f *following) applied(place uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mark = max(f.mark, place)
	for len(f.waiting) > 0 && f.waiting[0].place <= f.mark {
		f.bytes -= f.waiting[0].bytes
		f.waiting = f.waiting[1:]
	}
	f.publish()
	f.signal()
}

// flush saves how far the files are, so that less is read again after a restart.
func (f *following) flush() error { return f.save(raftlog.Write{}) }

// save saves w, and how far the files are.
func (f *following) save(w raftlog.Write) error {
	f.mu.Lock()
	mark := f.mark
	if mark > f.kept {
		w.Applied = mark
	}
	f.mu.Unlock()
	if w.Applied == 0 && w.Hard == nil && w.Members == nil {
		return nil
	}
	if err := f.node.log.Save(w); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = max(f.kept, w.Applied)
	return nil
}

// stop ends the node's part in the cluster, and has voters asked whether what it cannot go on with was made up.
func (f *following) stop(err error) {
	f.node.fail(err)
	f.crossNow()
}

// crossNow has voters asked at once.
func (f *following) crossNow() {
	select {
	case f.cross <- struct{}{}:
	default:
	}
}

// fail ends the node's part in the cluster.
func (f *following) fail(err error) {
	f.stop(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view = view{handed: f.view.handed, lost: f.view.lost, lostAt: f.view.lostAt}
	f.publish()
}

// handOut hands out what the log has, until the node stops.
func (f *following) handOut() {
	n := f.node
	f.signal() // what the log had when the node was started
	for {
		select {
		case <-n.stop:
			return
		case <-f.work:
		}
		if n.Failed() != nil {
			continue
		}
		if err := f.handSome(); err != nil {
			f.fail(err)
		}
	}
}

// handSome hands out entries while the files keep up.
func (f *following) handSome() error {
	n := f.node
	for {
		f.mu.Lock()
		from, room := f.view.handed+1, f.bytes < maxApplying
		f.mu.Unlock()
		last, err := n.log.LastIndex()
		if err != nil || !room || from > last {
			return err
		}
		entries, err := n.log.Entries(from, last+1, maxMessage)
		if err != nil {
			return err
		}
		if err := f.hand(entries); err != nil {
			return err
		}
	}
}

func (f *following) hand(entries []*pb.Entry) error {
	var list []placed
	var weights []weight
	bytes := 0
	for _, e := range entries {
		cmd, err := decodeCommand(e)
		if err != nil {
			return err
		}
		if cmd.kind == kindMembers {
			if err := f.changeMembers(e.GetIndex(), cmd.change); err != nil {
				return err
			}
		}
		list = append(list, placed{e.GetIndex(), cmd})
		weights = append(weights, weight{e.GetIndex(), len(e.GetData())})
		bytes += len(e.GetData())
	}
	f.mu.Lock()
	f.waiting = append(f.waiting, weights...)
	f.bytes += bytes
	f.view.handed = entries[len(entries)-1].GetIndex()
	f.mu.Unlock()
	f.node.applier.hand(list)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish()
	return nil
}

// changeMembers makes a change that the log has at a place, unless the members have it already: they are saved apart.
func (f *following) changeMembers(place uint64, c *change) error {
	f.mu.Lock()
	next := f.members.clone()
	f.mu.Unlock()
	if place <= next.Place {
		return nil
	}
	_, err := next.apply(place, c)
	var not *RefusedError
	if errors.As(err, &not) {
		return nil
	} else if err != nil {
		return err
	}
	if err := f.save(raftlog.Write{Members: next.encode()}); err != nil {
		return err
	}
	f.mu.Lock()
	f.members = next
	f.mu.Unlock()
	f.node.members.Store(next)
	if _, _, differ := f.newVoters(); differ {
		f.crossNow()
	}
	return nil
}

// fetch fetches entries until the node stops, fails, or lacks what no other node has any more.
func (f *following) fetch() {
	ctx, cancel := f.node.untilStop()
	defer cancel()
	defer f.source.close()
	for ctx.Err() == nil && f.node.Failed() == nil && f.node.now.Load().lost == nil {
		if err := f.fetchSome(ctx); err != nil && ctx.Err() == nil {
			f.fail(err)
		}
	}
}

// fetchSome asks one node after the other until one gives what can be read: what cannot is not saved. The error ends the node's part.
func (f *following) fetchSome(ctx context.Context) error {
	n := f.node
	last, err := n.log.LastIndex()
	if err != nil {
		return err
	}
	term, err := n.log.Term(last)
	if err != nil {
		return err
	}
	begins := uint64(0) // the lowest that a log begins at of those that begin too late
	var newer votersEntry
	for _, m := range f.source.candidates() {
		answer, err := f.source.poll(ctx, m, last, term)
		if err == nil {
			err = readable(answer.entries)
		}
		if err == nil {
			f.source.answered(m, answer.head.Age)
			return f.take(m, answer, term)
		}
		if ctx.Err() != nil {
			return nil
		}
		f.source.failed(m, err)
		if m.Voter {
			newer.count(err)
		}
		var gone *goneError
		if errors.As(err, &gone) && (begins == 0 || gone.begins < begins) {
			begins = gone.begins
		}
	}
	if begins > 0 {
		f.lose(fmt.Errorf("the others' log begins at %d and this node's ends at %d: it was away for too long and fetches its files anew", begins, last), last+1)
		return nil
	}
	if newer.decided(len(f.trust.voters())) {
		return newer.unreadable
	}
	f.source.rest()
	return nil
}

// unreadableError says that a node has given an entry that this program cannot read. It is of a newer one, or made up: unless
// voters give it as well, it is no reason to stop.
type unreadableError struct{ error }

// votersEntry counts the voters that have given an entry that cannot be read, and those that have answered something else.
type votersEntry struct {
	unreadable    *unreadableError
	give, refused int
}

func (v *votersEntry) count(err error) {
	var not *RefusedError
	switch {
	case errors.As(err, &v.unreadable):
		v.give++
	case errors.As(err, &not), errors.Is(err, errEntries):
		v.refused++
	}
}

// decided reports whether most voters give it or, where fewer can be reached, all of these.
func (v *votersEntry) decided(voters int) bool {
	return v.give > voters/2 || v.give > 0 && v.refused == 0
}

// readable says why entries cannot be read.
func readable(entries []*pb.Entry) error {
	for _, e := range entries {
		cmd, err := decodeCommand(e)
		if err == nil && cmd.kind == kindMembers {
			_, err = new(Members).apply(e.GetIndex(), cmd.change) // is it a change that this program knows?
			var not *RefusedError
			if errors.As(err, &not) {
				err = nil
			}
		}
		if err != nil {
			return &unreadableError{err}
		}
	}
	return nil
}

// lose notes that the files are to be fetched anew, from a node that is not behind a place.
func (f *following) lose(lost error, at uint64) {
	f.node.config.Warn(lost.Error())
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.view.lost == nil {
		f.view.lost, f.view.lostAt = lost, at
		f.publish()
	}
}

// take takes an answer of a node.
func (f *following) take(m Member, a *feedAnswer, term uint64) error {
	n := f.node
	if len(a.entries) > 0 {
		if err := f.trust.gives(m); err != nil {
			return err
		}
		newest := a.entries[len(a.entries)-1]
		term = newest.GetTerm()
		err := f.save(raftlog.Write{Entries: a.entries, Hard: &pb.HardState{Term: new(term), Vote: new(uint64(0)), Commit: newest.Index}})
		if err != nil {
			return err
		}
		f.signal()
	}
	n.mu.Lock()
	p := n.peers[m.ID]
	if p == nil {
		p = &peer{}
		n.peers[m.ID] = p
	}
	p.heard(Beat{Version: m.Version, Sent: a.head.Sent, Echo: a.sent.UnixNano(), Held: a.head.Held}, a.at)
	p.toMost = a.head.Clock
	n.mu.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	f.view.leader, f.view.term = a.head.Leader, term
	if f.claims.gives(m.ID, a.head.Committed) || a.contact.After(f.view.contact) {
		f.view.contact = a.contact
	}
	f.knows(a.at)
	f.publish()
	return nil
}

// followContact is how long ago the cluster must have been heard for writes to be passed on: each node on the way adds to it. The
// member of Raft that proposes them looks again.
const followContact = (maxDepth + 2) * time.Second

// writeContact is how long ago a node must have heard of its leader to take writes.
func (n *Node) writeContact() time.Duration {
	if n.following != nil {
		return followContact
	}
	return writeContact
}

// clockDifference returns how far this node's clock is from those of most voters, by way of the node that gives it the log.
func (f *following) clockDifference() time.Duration {
	from, _ := f.source.current()
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	p := f.node.peers[from.ID]
	if p == nil || !p.measured {
		return 0
	}
	return p.toMost - p.difference
}

// fileSources are the nodes from which the file of an agreement can be had. A follower asks the one that gives it the log last.
func (n *Node) fileSources() []Member {
	list := n.others()
	if n.following == nil {
		return list
	}
	from, _ := n.following.source.current()
	return slices.SortedStableFunc(slices.Values(list), func(a, b Member) int {
		switch {
		case a.ID == b.ID || a.ID != from.ID && b.ID != from.ID:
			return 0
		case a.ID == from.ID:
			return 1
		}
		return -1
	})
}

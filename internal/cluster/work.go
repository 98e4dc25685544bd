package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

const (
	dropTime    = time.Minute // how often old entries are dropped; more often if they are kept for less
	promoteTime = 500 * time.Millisecond
	tellTime    = 5 * time.Second
)

// beat tells the other nodes how this one is, until it stops.
func (n *Node) beat() {
	rest, leader := beatAsks, uint64(0)
	for i := 0; n.untilBeat(rest); i++ {
		if n.Failed() != nil || n.log.Blocked() != nil {
			continue // the others must not count with this node
		}
		now, v, m := n.config.Now(), n.now.Load(), n.members.Load()
		without := now.Sub(v.contact) > shownLately
		asks := without || v.leader != leader // of a new leader it is not known yet how far it is
		if rest, leader = beatTime, v.leader; without {
			rest = beatAsks // contact is back as soon as another node is
		}
		n.mu.Lock()
		n.beats = append(n.beats[max(0, len(n.beats)+1-beatsKept):], now)
		n.mu.Unlock()
		var followers []Report
		if i%2 == 0 {
			n.mu.Lock()
			followers = n.directReports(now)
			n.mu.Unlock()
		}
		for _, to := range n.links.all() {
			b := &Beat{Version: n.config.Version, Format: n.config.Format, Entries: entriesFormat, Followers: followers, Applied: n.applier.mark(), Committed: v.committed,
				Closed: n.applier.closedCount(), Ends: n.creds.own.Load().Leaf.NotAfter, Sent: now.UnixNano(), Asks: asks, MembersPlace: m.Place}
			n.mu.Lock()
			if p := n.peers[to]; p != nil {
				b.Echo, b.Held = p.beat.Sent, now.Sub(p.at)
				if p.beat.MembersPlace < m.Place {
					b.Members = m
				}
			}
			n.mu.Unlock()
			n.links.send(to, &packet{beat: b})
		}
	}
}

// untilBeat waits until a beat is due, or another node asks for one. It reports false when the node stops.
func (n *Node) untilBeat(rest time.Duration) bool {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	if !n.pause(beatLeast) {
		return false
	}
	select {
	case <-timer.C:
	case <-n.beatNow:
	case <-n.stop:
		return false
	}
	return true
}

// beatAtOnce has the others told at once how this node is.
func (n *Node) beatAtOnce() {
	select {
	case n.beatNow <- struct{}{}:
	default:
	}
}

// answers returns when this node sent the beat that another one has echoed; zero: it sent none such lately. The caller holds n.mu.
func (n *Node) answers(b *Beat) (sent time.Time) {
	for _, at := range n.beats {
		if at.UnixNano() == b.Echo {
			sent = at
		}
	}
	return sent
}

// heardBeat takes a beat of another node.
func (n *Node) heardBeat(from uint64, b *Beat) {
	n.mu.Lock()
	p := n.peers[from]
	if p == nil {
		p = &peer{}
		n.peers[from] = p
	}
	p.heard(*b, n.config.Now())
	sent := n.answers(b)
	n.mu.Unlock()
	if b.Asks {
		n.beatAtOnce()
	}
	n.hearReports(b.Followers, false)
	n.call(func() error {
		n.core.showed(from, sent, b.Committed)
		if b.Members != nil {
			n.core.learn(b.Members)
		}
		return nil
	})
}

// lead does what a leader does besides, and has every node's address and version in the log.
func (n *Node) lead() {
	var told, asked time.Time
	full := false
	for n.pause(promoteTime) {
		if err := n.log.Blocked(); err != nil && !full {
			n.config.Warn(fmt.Sprintf("this node takes no part in the cluster until there is room for its log: %v", err))
		}
		if full = n.log.Blocked() != nil; full {
			continue
		}
		n.callCore(func() error {
			if id, ok := n.core.promotable(); ok {
				c := &change{ID: n.core.out.newID(), At: n.config.Now().UTC(), Promote: id}
				return n.core.proposeChange(c, func(error) {})
			}
			return nil
		})
		if err := n.log.Failed(); err != nil {
			n.fail(err)
		}
		if v := n.now.Load(); n.Failed() == nil && time.Since(asked) > tellTime && n.config.Now().Sub(v.contact) > n.writeContact() {
			asked = time.Now()
			if n.gone() {
				n.fail(errors.New("it was removed from the cluster, and its folder is not needed any more: join under another name into an empty one"))
			}
		}
		me, ok := n.members.Load().Node(n.identity.Node)
		if ok && (me.Address != n.config.Address || me.Version != n.config.Version) && time.Since(told) > tellTime {
			told = time.Now()
			me.Address, me.Version = n.config.Address, n.config.Version
			ctx, cancel := context.WithTimeout(context.Background(), tellTime)
			n.tell(ctx, me) // again in a moment, if it fails
			cancel()
		}
	}
}

// dropOld drops what the log need not keep.
func (n *Node) dropOld() {
	ctx, cancel := n.untilStop()
	defer cancel()
	every := min(dropTime, max(time.Second, n.config.Keep.For))
	for n.pause(every) {
		if err := n.dropNow(ctx, n.config.Keep); err != nil && ctx.Err() == nil {
			n.config.Warn("old parts of the log were not dropped: " + err.Error())
		}
		if renewed, err := n.identity.renew(n.config.Dir, n.config.Now()); err != nil {
			n.config.Warn("the node's certificate was not renewed: " + err.Error())
		} else if renewed {
			n.creds.renewed()
			n.config.Warn("the node's certificate was renewed")
		}
	}
}

func (n *Node) dropNow(ctx context.Context, keep raftlog.Keep) error {
	if n.following != nil {
		if err := n.following.flush(); err != nil {
			return err
		}
	} else if !n.call(func() error { return n.core.flush() }) {
		return nil
	}
	any := false
	for ctx.Err() == nil {
		dropped, err := n.log.Drop(keep)
		if err != nil {
			return err
		}
		if dropped == 0 {
			break
		}
		any = true
		if !n.pause(10 * time.Millisecond) { // others write in between
			return nil
		}
	}
	if !any {
		return nil
	}
	return n.log.Overwrite(ctx)
}

// Leads reports whether this node leads and has caught up, and returns a channel that is closed when that may have changed.
func (n *Node) Leads() (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.following == nil && n.now.Load().leader == n.identity.Node && n.ready.Load(), n.leading
}

// leadingChanged wakes those who wait for this node to lead, or not to.
func (n *Node) leadingChanged() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.leading)
	n.leading = make(chan struct{})
}

// WhileLeading runs do whenever this node leads, with a context that ends when it does not any more, until ctx ends.
func (n *Node) WhileLeading(ctx context.Context, do func(context.Context)) {
	for ctx.Err() == nil {
		leads, changed := n.Leads()
		if !leads {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		leading, cancel := context.WithCancel(ctx)
		go func() {
			select {
			case <-changed:
			case <-leading.Done():
			}
			cancel()
		}()
		do(leading)
		if leading.Err() == nil { // it ended by itself
			<-leading.Done()
		}
		cancel()
	}
}

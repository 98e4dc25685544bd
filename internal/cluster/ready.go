package cluster

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/accord-taxii/accord/store"
)

const (
	// writeContact is how long ago a node must have heard of its leader to take writes.
	writeContact = 2 * time.Second

	// writeBehind is how far behind a node may be that takes writes.
	writeBehind = time.Second

	catchUpAgain = 200 * time.Millisecond
	catchUpWait  = 2 * time.Second // for what was said, before it is asked again
)

// A NotReadyError says why this node cannot take a request now. Nothing was changed.
type NotReadyError struct {
	Text  string
	Retry time.Duration // when to ask again
}

func (e *NotReadyError) Error() string { return e.Text }

// RetryAfter is when to ask again.
func (e *NotReadyError) RetryAfter() time.Duration { return e.Retry }

// Is reports that nothing was proposed.
func (e *NotReadyError) Is(target error) bool { return target == store.ErrNotProposed }

func notReady(retry time.Duration, format string, args ...any) error {
	return &NotReadyError{fmt.Sprintf(format, args...), retry}
}

// Readable says whether this node may answer questions.
func (n *Node) Readable() error {
	if err := n.usable(); err != nil {
		return err
	}
	if stale := n.Staleness(); stale > n.config.MaxStaleness {
		return notReady(2*time.Second, "this node has been without contact to a majority of the cluster, or behind it, for more than %s", n.config.MaxStaleness)
	}
	return nil
}

// Writable says whether this node may take writes.
func (n *Node) Writable() error {
	if err := n.usable(); err != nil {
		return err
	}
	if err := n.log.Blocked(); err != nil {
		return notReady(time.Second, "this node has no room for the log: %v", err)
	}
	v, now := n.now.Load(), n.config.Now()
	switch difference := n.ClockDifference(); {
	case v.leader == 0 || now.Sub(v.contact) > n.writeContact():
		return notReady(time.Second, "this node is not in contact with a majority of the cluster")
	case n.Behind() > writeBehind:
		return notReady(time.Second, "this node is behind the cluster")
	case difference.Abs() > n.config.MaxClockDifference:
		return notReady(time.Second, "the clock of this node is %s from those of most others", difference.Round(time.Millisecond))
	}
	return nil
}

// commandPatience is how long a command waits for a node that was just started, or whose leader was.
const commandPatience = 15 * time.Second

// awaitWrites returns when this node takes writes.
func (n *Node) awaitWrites(ctx context.Context) error {
	for until := time.Now().Add(commandPatience); ; {
		err := n.Writable()
		if err == nil || ctx.Err() != nil || time.Now().After(until) || n.Failed() != nil || !n.pause(50*time.Millisecond) {
			return err
		}
	}
}

func (n *Node) usable() error {
	if err := n.Failed(); err != nil {
		return notReady(10*time.Second, "this node takes no part in the cluster: %v", err)
	}
	if lost := n.now.Load().lost; lost != nil {
		return notReady(10*time.Second, "%v", lost)
	}
	if _, member := n.members.Load().Node(n.identity.Node); !member {
		return notReady(10*time.Second, "this node was removed from the cluster")
	}
	if !n.ready.Load() {
		return notReady(time.Second, "this node has not caught up with the cluster yet")
	}
	return nil
}

// Staleness bounds how old what this node says may be: how long ago it had contact to a majority, and has by now all that was committed then.
func (n *Node) Staleness() time.Duration {
	v, mark := n.now.Load(), n.applier.mark()
	fresh := v.fresh
	for _, s := range v.behind {
		if s.place > mark {
			break
		}
		fresh = later(fresh, s.contact)
	}
	if fresh.IsZero() {
		return n.config.MaxStaleness + time.Hour
	}
	now := n.config.Now()
	// A machine that was suspended has a clock that went on, and one that stood still.
	return max(0, now.Sub(fresh), now.Round(0).Sub(fresh.Round(0)))
}

// Behind returns for how long something has been committed that the files do not have.
func (n *Node) Behind() time.Duration {
	mark := n.applier.mark()
	for _, s := range n.now.Load().behind {
		if s.place > mark {
			return max(0, n.config.Now().Sub(s.at))
		}
	}
	return 0
}

// ClockDifference returns how far this node's clock is from those of most voters; positive: it is ahead.
func (n *Node) ClockDifference() time.Duration {
	var all []time.Duration
	now, m := n.config.Now(), n.members.Load()
	if n.following != nil {
		return n.following.clockDifference()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, p := range n.peers {
		if one, ok := m.Node(id); ok && one.Voter && p.measured && now.Sub(p.at) < 10*beatTime {
			all = append(all, p.difference)
		}
	}
	return clockDifference(all)
}

// catchUp asks how far the log was when the node was started, until there is an answer, and waits for that. It asks again meanwhile:
// the least that was said is enough, and one that was asked may have said too much.
func (n *Node) catchUp() {
	ctx, cancel := n.untilStop()
	defer cancel()
	for least := uint64(math.MaxUint64); ctx.Err() == nil; {
		ask := n.Committed
		if n.following != nil && least < math.MaxUint64 {
			ask = n.following.askVoter
		}
		place, err := ask(ctx)
		if err != nil {
			n.pause(catchUpAgain)
			continue
		}
		least = min(least, place)
		waiting, cancel := context.WithTimeout(ctx, catchUpWait)
		err = n.WaitApplied(waiting, least)
		cancel()
		if err == nil {
			n.ready.Store(true)
			n.leadingChanged()
			return
		}
	}
}

// untilStop returns a context that ends when the node stops.
func (n *Node) untilStop() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		select {
		case <-n.stop:
		case <-ctx.Done():
		}
		cancel(errStopped)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// pause waits, and reports false when the node stops meanwhile.
func (n *Node) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.stop:
		return false
	}
}

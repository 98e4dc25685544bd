package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// A follower believes no single node. What the log says of heads comes by the same way as what it says of objects, so a follower also
// asks voters directly: how far the log is, for digests of its parts, and which roots they have.

const (
	crossTime  = time.Minute // how often a voter is asked for digests of the log
	crossHeads = 10          // after so many of these, for roots
	judgeTries = 3           // how often voters are asked for one root

	// keepTime is how long a node may give nothing of what a voter has.
	keepTime = 2*feedHold + time.Second
)

// crossCheck asks voters until the node stops.
func (f *following) crossCheck() {
	ctx, cancel := f.node.untilStop()
	defer cancel()
	checked := map[uuid.UUID]uint64{}                       // entries that were the same
	every := max(time.Second, f.node.config.MaxStaleness/2) // what is kept from a follower makes it stale
	tick := time.NewTicker(every)
	defer tick.Stop()
	var whole time.Time // when more was asked for than how far the log is
	for i := 0; ; {
		now := false
		select {
		case <-f.node.stop:
			return
		case <-tick.C:
		case <-f.cross:
			now = true
		}
		if f.node.now.Load().lost != nil {
			continue
		}
		if now {
			whole = time.Time{}
		}
		out := f.node.part() != nil
		var err error
		switch voter, ok := f.voter(); {
		case !ok:
		case out: // it cannot go on, or was removed, and has said so: was that made up?
			f.crossLog(ctx, voter)
		default:
			if err = f.crossPlace(ctx, voter); err == nil && time.Since(whole) >= crossTime {
				if err = f.crossOnce(ctx, voter, checked, i%crossHeads == 0); err == nil {
					whole = time.Now()
					i++
				}
			}
		}
		if !out {
			err = cmp.Or(err, f.renewVoters(ctx))
		}
		if err != nil && ctx.Err() == nil {
			f.warn(err)
		}
	}
}

// crossOnce asks a voter for digests of the log, and for roots.
func (f *following) crossOnce(ctx context.Context, voter Member, checked map[uuid.UUID]uint64, heads bool) error {
	if err := f.crossLog(ctx, voter); err != nil || !heads || f.node.part() != nil {
		return err
	}
	return f.crossHeads(ctx, voter, checked)
}

// voter returns a voter that this node does not have the log from.
func (f *following) voter() (Member, bool) {
	from, _ := f.source.current()
	var list []Member
	for _, m := range f.node.others() {
		if m.Voter && m.ID != from.ID {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return Member{}, false
	}
	return list[rand.IntN(len(list))], true
}

// askVoter asks a voter how far a majority has the log.
func (f *following) askVoter(ctx context.Context) (uint64, error) {
	voter, ok := f.voter()
	if !ok {
		return f.committed(ctx, 0)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return f.source.committed(ctx, voter, 0)
}

// crossPlace asks a voter how far it knows the log to be: what is kept from this node makes it behind, and another one is asked for it.
func (f *following) crossPlace(ctx context.Context, voter Member) error {
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	known, err := f.source.known(asking, voter)
	if err != nil {
		return fmt.Errorf("ask %s how far the log is: %w", voter.Name, err)
	}
	place := known.Place
	f.asked(voter, place)
	from, _ := f.source.current()
	f.mu.Lock()
	says := f.claims.of[from.ID]
	f.mu.Unlock()
	before, err := f.node.log.LastIndex()
	if err != nil || before >= max(place, says) {
		return err
	}
	if !f.node.pause(keepTime) {
		return nil
	}
	after, err := f.node.log.LastIndex()
	switch {
	case err != nil || after != before:
	case place > after:
		f.source.keeps(from, fmt.Errorf("it gives nothing behind %d, and %s has the log up to %d", after, voter.Name, place))
	default:
		f.source.keeps(from, fmt.Errorf("it gives nothing behind %d, and says that the log goes up to %d", after, says))
	}
	return err
}

// crossHeads asks a voter for the roots of the agreements that have changed since they were the same.
func (f *following) crossHeads(ctx context.Context, voter Member, checked map[uuid.UUID]uint64) error {
	n := f.node
	var own, asked []headAt
	flush := func() error {
		if len(asked) == 0 {
			return nil
		}
		question, err := json.Marshal(asked)
		if err != nil {
			return err
		}
		text, err := n.askOne(ctx, voter, headTopic, question)
		var got []headAt
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err == nil && len(got) != len(asked) {
			err = errors.New("it has answered something else")
		}
		if err != nil {
			return fmt.Errorf("ask %s for heads: %w", voter.Name, err)
		}
		for i, one := range got {
			switch {
			case one.Root == nil || own[i].About != one.About || own[i].Entries != one.Entries: // it is behind, or does not serve it
			case bytes.Equal(one.Root, own[i].Root):
				checked[one.About] = one.Entries
			default:
				n.suspect(suspicion{about: one.About, entries: one.Entries, root: one.Root})
			}
		}
		own, asked = own[:0], asked[:0]
		return nil
	}
	for _, about := range n.machine.Files() {
		entries, root, err := n.machine.Head(about)
		if err != nil || entries == checked[about] {
			continue
		}
		own = append(own, headAt{About: about, Entries: entries, Root: root})
		asked = append(asked, headAt{About: about, Entries: entries})
		if len(asked) == maxHeads {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// decide returns what most voters say or, if fewer were reached, what all of these do; "": nothing.
func decide(votes map[string]int, voters int) (most string, any bool) {
	for one, count := range votes {
		if count > voters/2 || len(votes) == 1 {
			return one, true
		}
	}
	return "", len(votes) > 0
}

// judgeFollower compares a head of a follower with what voters say.
func (n *Node) judgeFollower(ctx context.Context, s suspicion, own []byte) {
	votes, _ := n.askHeads(ctx, s.about, s.entries, own)
	for tries := 1; len(votes) == 0 && tries < judgeTries && n.pause(time.Second); tries++ {
		votes, _ = n.askHeads(ctx, s.about, s.entries, own)
	}
	most, any := decide(votes, len(n.voters()))
	if !any || most == hex.EncodeToString(own) {
		return // no voter answers: the next note comes within a minute
	}
	reason := fmt.Errorf("its history differs at entry %d from that of the voters: %x here, %s there", s.entries, own, most)
	if most == "" {
		reason = fmt.Errorf("the voters that answer have different histories of it at entry %d, and too few answer", s.entries)
	}
	n.config.Warn(fmt.Sprintf("collection %s is closed on this node and fetched anew: %v", s.about, reason))
	n.applier.close(s.about, reason)
	n.following.crossNow() // was the log made up?
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	scrubTime  = time.Minute // how often files are read through
	scrubBytes = 64 << 20    // how much of them each time, in all

	// damageRest is how soon an agreement may be closed for damage a second time: what every node takes for damage is none that
	// another copy mends.
	damageRest = 10 * time.Minute

	sourceRest = 10 * time.Second // how soon other nodes are asked again when none has had it
)

// scrub reads the agreements' files through, a part each minute, and has those closed that are not as they were left.
func (n *Node) scrub() {
	ctx, cancel := n.untilStop()
	defer cancel()
	s := scrubber{node: n, at: map[uuid.UUID]uint64{}}
	for n.pause(scrubTime) {
		s.some(ctx, scrubBytes)
	}
}

// scrubber remembers where in each file the next part begins.
type scrubber struct {
	node *Node
	next int // which file is the next one
	at   map[uuid.UUID]uint64
}

// some reads so many bytes of files, going on where the last call has ended.
func (s *scrubber) some(ctx context.Context, most int) {
	files := s.node.machine.Files()
	for range files {
		s.next %= len(files)
		about := files[s.next]
		next, read, err := s.node.machine.Scrub(ctx, about, s.at[about], most)
		if err != nil && ctx.Err() == nil && s.node.machine.Judge(err) == Damaged {
			s.node.Damaged(about, err)
		}
		s.at[about] = next
		if most -= read; most <= 0 || ctx.Err() != nil {
			return // this file goes on the next time
		}
		s.at[about] = 1
		s.next++
	}
}

// judgeDamage closes an agreement whose file is damaged, if another node has it: where none has, what can be read is served.
func (n *Node) judgeDamage(ctx context.Context, s suspicion) {
	now := n.config.Now()
	n.mu.Lock()
	rests := now.Before(n.damaged[s.about])
	n.damaged[s.about] = later(n.damaged[s.about], now.Add(sourceRest))
	n.mu.Unlock()
	if rests {
		return
	}
	if from, err := n.sources(ctx, s.about); err != nil || len(from) == 0 {
		return
	}
	n.mu.Lock()
	n.damaged[s.about] = now.Add(damageRest)
	n.mu.Unlock()
	n.config.Warn(fmt.Sprintf("collection %s is closed on this node and fetched anew: %v", s.about, s.damage))
	n.applier.close(s.about, fmt.Errorf("its file is damaged: %w", s.damage))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// errContradict says that other nodes have different histories of an agreement, and none is that of most.
var errContradict = errors.New("the other nodes have different histories of it, and none is that of most: an operator must look")

// sources returns the nodes from which the file of an agreement can be fetched: those that have the history of most, or of all that
// answer.
func (n *Node) sources(ctx context.Context, about uuid.UUID) ([]Member, error) {
	type source struct {
		Member
		entries uint64
	}
	var all []source
	for _, one := range n.fileSources() {
		if a, err := n.askHead(ctx, one, about, 0); err == nil {
			all = append(all, source{one, a.Entries})
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	shortest := all[0].entries
	for _, one := range all {
		shortest = min(shortest, one.entries)
	}
	by, votes := map[string][]Member{}, map[string]int{}
	most := ""
	for _, one := range all {
		a, err := n.askHead(ctx, one.Member, about, shortest)
		if err != nil {
			continue
		}
		by[a.Root] = append(by[a.Root], one.Member)
		if one.Voter {
			votes[a.Root]++
		}
		if most == "" || votes[a.Root] > votes[most] {
			most = a.Root
		}
	}
	if n.following != nil && len(votes) > 0 { // one that is not believed, or few that were reached, must not decide
		if most, _ = decide(votes, len(n.voters())); most == "" {
			return nil, errContradict
		}
		return by[most], nil
	}
	if len(by) > 1 && votes[most] <= len(n.voters())/2 {
		return nil, errContradict
	}
	return by[most], nil
}

package cluster

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/store"
)

const (
	noteTime  = time.Minute      // how often a voter notes the heads of its files
	headWait  = 30 * time.Second // how long a file may take to come to a size that a note names
	headAgain = 200 * time.Millisecond
	mendAgain = 5 * time.Second
)

// ErrShort says that a journal does not have so many entries yet.
var ErrShort = errors.New("the journal is not that long")

// suspicion is a head that another node has, to be compared with this node's.
type suspicion struct {
	about   uuid.UUID
	entries uint64
	root    []byte // nil: it is known to differ
	place   uint64 // of the note in the log: what is before it makes the file that long; 0: of no note
	damage  error  // not nil: the file is not as it was left, whatever its head is
}

// note notes the heads of this node's files in the log, those that have changed.
func (n *Node) note() {
	ctx, cancel := n.untilStop()
	defer cancel()
	noted := map[uuid.UUID]uint64{}
	for n.pause(noteTime) {
		n.noteHeads(ctx, noted)
	}
}

func (n *Node) noteHeads(ctx context.Context, noted map[uuid.UUID]uint64) {
	if me, ok := n.members.Load().Node(n.identity.Node); !ok || !me.Voter || n.Writable() != nil {
		return
	}
	for _, about := range n.machine.Files() {
		entries, root, err := n.machine.Head(about)
		if err != nil || entries == noted[about] {
			continue
		}
		id := uuid.New()
		data, err := encodeNote(id, &Note{Node: n.identity.Node, About: about, Entries: entries, Root: root})
		if err != nil {
			continue
		}
		if n.propose(ctx, id, func(done func(error)) error { return n.core.propose(id, pb.EntryNormal, data, done) }) == nil {
			noted[about] = entries
		}
	}
}

// compare takes a note that came by in the log.
func (n *Node) compare(place uint64, note *Note) {
	if note.Node != n.identity.Node {
		n.suspect(suspicion{about: note.About, entries: note.Entries, root: note.Root, place: place})
	}
}

// Differs tells that a message named another head than this node's file has: see store.Options.HeadDiffers. It does not wait.
func (n *Node) Differs(about uuid.UUID, entries uint64) {
	n.suspect(suspicion{about: about, entries: entries})
}

// Damaged tells that a file is not as it was left: see store.Options.Damaged. It does not wait.
func (n *Node) Damaged(about uuid.UUID, err error) { n.suspect(suspicion{about: about, damage: err}) }

func (n *Node) suspect(s suspicion) {
	select {
	case n.checks <- s:
	default: // there is more than enough to look at; the next note comes within a minute
	}
}

// judge compares heads.
func (n *Node) judge() {
	ctx, cancel := n.untilStop()
	defer cancel()
	for {
		select {
		case <-n.stop:
			return
		case s := <-n.checks:
			n.judgeOne(ctx, s)
		}
	}
}

func (n *Node) judgeOne(ctx context.Context, s suspicion) {
	if n.applier.isShut(s.about) {
		return
	}
	if s.damage != nil {
		n.judgeDamage(ctx, s)
		return
	}
	own, err := n.headAt(ctx, &s)
	if errors.Is(err, ErrShort) && ctx.Err() == nil && n.applier.mark() >= s.place && (s.place > 0 || s.root == nil) {
		own, err = nil, nil // everything before the message or the note that named the head is in the file, and still it is shorter
	}
	if err != nil || s.root != nil && bytes.Equal(own, s.root) {
		return // it does not have the file, or it is the same
	}
	if n.following != nil {
		n.judgeFollower(ctx, s, own)
		return
	}
	votes, asked := n.askHeads(ctx, s.about, s.entries, own)
	most, voters := "", n.members.Load().Voters()
	for root, count := range votes {
		if count > voters/2 {
			most = root
		}
	}
	mine := hex.EncodeToString(own)
	switch {
	case most == mine || len(votes) < 2:
		// another node's file differs, which finds that out by itself; or none does any more
	case most != "":
		reason := fmt.Errorf("its history differs from most other nodes' at entry %d: %s here, %s there", s.entries, mine, most)
		n.config.Warn(fmt.Sprintf("collection %s is closed on this node and fetched anew: %v", s.about, reason))
		n.applier.close(s.about, reason)
	case asked == voters:
		reason := fmt.Errorf("the nodes have different histories at entry %d and none is that of most: an operator must look", s.entries)
		n.config.Warn(fmt.Sprintf("collection %s is closed on this node: %v", s.about, reason))
		n.mu.Lock()
		n.unsettled[s.about] = true
		n.mu.Unlock()
		n.applier.close(s.about, reason)
	}
}

// headAt waits until the journal of a file is as long as that, or has all that would make it so.
func (n *Node) headAt(ctx context.Context, s *suspicion) ([]byte, error) {
	for until := time.Now().Add(headWait); ; {
		all := s.place > 0 && n.applier.mark() >= s.place
		root, err := n.machine.HeadAt(s.about, s.entries)
		if !errors.Is(err, ErrShort) || all || time.Now().After(until) || !n.pause(headAgain) || ctx.Err() != nil {
			return root, err
		}
	}
}

// askHeads asks all voters for their root at a size. It returns how many have each, and how many answered.
func (n *Node) askHeads(ctx context.Context, about uuid.UUID, entries uint64, own []byte) (votes map[string]int, asked int) {
	votes = map[string]int{}
	for _, m := range n.voters() {
		root, err := own, error(nil)
		if m.ID != n.identity.Node {
			var a headAnswer
			if a, err = n.askHead(ctx, m, about, entries); err == nil {
				root, err = hex.DecodeString(a.Root)
			}
		}
		if err == nil {
			votes[hex.EncodeToString(root)]++
			asked++
		}
	}
	return votes, asked
}

// repair has closed agreements fetched anew.
func (n *Node) repair() {
	select {
	case n.repairs <- struct{}{}:
	default:
	}
}

// mend fetches closed agreements anew, until all are in use again.
func (n *Node) mend() {
	ctx, cancel := n.untilStop()
	defer cancel()
	for {
		select {
		case <-n.stop:
			return
		case <-n.repairs:
		}
		for again := true; again; {
			again = false
			for _, about := range n.applier.allShut() {
				n.mu.Lock()
				unsettled := n.unsettled[about]
				n.mu.Unlock()
				if unsettled {
					continue
				}
				if err := n.mendOne(ctx, about); err != nil {
					again = true
					n.config.Warn(fmt.Sprintf("collection %s was not fetched anew, and will be tried again: %v", about, err))
				}
			}
			if again && !n.pause(mendAgain) {
				return
			}
		}
	}
}

// mendOne fetches the file of an agreement from another node, and applies what it misses.
func (n *Node) mendOne(ctx context.Context, about uuid.UUID) error {
	from, err := n.sources(ctx, about)
	failed := errors.New("no other node has it at this moment")
	if err != nil {
		return err
	}
	for _, m := range from {
		if err := n.fetch(ctx, m, about); err != nil {
			failed = fmt.Errorf("from %s: %w", m.Name, err)
			continue
		}
		n.config.Warn(fmt.Sprintf("collection %s was fetched from %s and is in use again", about, m.Name))
		return nil
	}
	return failed
}

// messages reads the messages about an agreement behind a place from the log.
func (n *Node) messages(about uuid.UUID, after, last uint64) (list []store.Logged, err error) {
	for i := after + 1; i <= last; {
		entries, err := n.log.Entries(i, last+1, maxMessage)
		if err != nil {
			return nil, fmt.Errorf("read the log behind %d: %w", after, err)
		}
		for _, e := range entries {
			cmd, err := decodeCommand(e)
			if err != nil {
				return nil, err
			}
			if cmd.kind == kindMessage && cmd.about == about {
				list = append(list, store.Logged{Place: e.GetIndex(), Message: cmd.message})
			}
		}
		i += uint64(len(entries))
	}
	return list, nil
}

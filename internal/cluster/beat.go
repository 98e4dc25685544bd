package cluster

import (
	"slices"
	"time"
)

const (
	beatTime  = 500 * time.Millisecond // how often a node tells the others how it is
	beatAsks  = 100 * time.Millisecond // how often while it has no contact, and asks them to answer at once
	beatLeast = 20 * time.Millisecond  // between two beats: two nodes that ask each other must not do so without end
	beatsKept = 64                     // beats of which it is known when they were sent
)

// Beat is what a node tells each other node.
type Beat struct {
	Version   string    `json:"version"`       // of the program
	Format    int       `json:"format"`        // the newest format of messages that it reads
	Entries   int       `json:"entries"`       // the newest format of entries of the log that it reads: see entriesFormat
	Applied   uint64    `json:"applied"`       // how far its files are
	Committed uint64    `json:"committed"`     // how far it knows that the log is committed
	Ends      time.Time `json:"ends,omitzero"` // of its certificate
	Closed    int       `json:"closed"`        // agreements whose files differ, and which it does not serve

	// MembersPlace is the place of the last change of members that the sender has heard of, Members are those, if the receiver
	// has said that it has older ones.
	MembersPlace uint64   `json:"members_place"`
	Members      *Members `json:"members,omitempty"`

	// Followers are how those are that have the log from the sender. Not every beat has them.
	Followers []Report `json:"followers,omitempty"`

	// Sent is the sender's clock, in nanoseconds. Echo is the Sent of the last beat that the receiver sent it, which it got
	// Held before it sent this one; 0: none yet.
	Sent int64         `json:"sent"`
	Echo int64         `json:"echo"`
	Held time.Duration `json:"held"`

	// Asks says that the sender has no contact to a majority, or that another node leads: it wants an answer at once.
	Asks bool `json:"asks,omitempty"`
}

// peer is what a node knows of another one.
type peer struct {
	beat Beat
	at   time.Time // when the beat came, by this node's clock

	// difference is how far the other clock is ahead. quickest is the time there and back of the beat that said so: the
	// quicker, the surer.
	difference time.Duration
	quickest   time.Duration
	measured   bool
	toMost     time.Duration // how far the other clock is ahead of those of most voters, as it says; of the node that a follower has the log from
}

// clockForget is how fast an old measurement counts less: by so much for each beat.
const clockForget = 20 * time.Millisecond

// heard takes a beat that came at a time.
func (p *peer) heard(b Beat, at time.Time) {
	p.beat, p.at = b, at
	if b.Echo == 0 {
		return
	}
	back := at.UnixNano() - b.Echo - int64(b.Held)
	if back < 0 { // a clock jumped
		return
	}
	took := time.Duration(back)
	if !p.measured || took <= p.quickest+clockForget {
		p.difference = time.Duration(b.Sent - (at.UnixNano() - back/2))
		p.quickest, p.measured = took, true
	} else {
		p.quickest += clockForget
	}
}

// clockDifference returns how far this node's clock is from the clocks of most voters: from the middle one of the other
// voters that were heard lately. Positive: this clock is ahead. Without others there is no difference.
func clockDifference(differences []time.Duration) time.Duration {
	if len(differences) == 0 {
		return 0
	}
	all := append(slices.Clone(differences), 0) // its own
	slices.Sort(all)
	if n := len(all); n%2 == 0 { // of two in the middle, the one that is nearer to this clock
		a, b := all[n/2-1], all[n/2]
		if a.Abs() < b.Abs() {
			return -a
		}
		return -b
	}
	return -all[len(all)/2]
}

package cluster

import (
	"fmt"
	"time"
)

// Status is how a cluster is, as one node sees it.
type Status struct {
	Cluster   string         `json:"cluster"`
	Node      string         `json:"node"` // that says so
	Leader    string         `json:"leader,omitempty"`
	Committed uint64         `json:"committed"`
	Applied   uint64         `json:"applied"`
	Behind    time.Duration  `json:"behind"`
	Clock     time.Duration  `json:"clock_difference"`
	Writes    string         `json:"writes,omitempty"` // why this node takes none; "": it does
	Reads     string         `json:"reads,omitempty"`  // why this node answers nothing; "": it does
	Closed    []string       `json:"closed,omitempty"` // collections that it does not serve: their files differ
	Members   []MemberStatus `json:"members"`
	LogBytes  int64          `json:"log_bytes"`
}

// MemberStatus is a member as another one sees it.
type MemberStatus struct {
	Name    string        `json:"name"`
	Address string        `json:"address"`
	Role    string        `json:"role"`
	Follows string        `json:"follows,omitempty"` // the node from which it is to have the log; "": it is none that follows another
	From    string        `json:"from,omitempty"`    // the node from which it has it
	Leads   bool          `json:"leads,omitempty"`
	Heard   bool          `json:"heard"`  // lately
	Place   uint64        `json:"place"`  // up to which its files have everything
	Behind  uint64        `json:"behind"` // places
	Clock   time.Duration `json:"clock_difference"`
	Version string        `json:"version"`
	Format  int           `json:"format"`
	Closed  int           `json:"closed,omitempty"`
	Last    time.Time     `json:"last_heard,omitzero"`
	Ends    time.Time     `json:"certificate_until,omitzero"` // of the node's own certificate, which it renews by itself
	Wrong   string        `json:"wrong,omitempty"`            // "": nothing
}

// memberBehind is how many places a member may be behind before it is said to be.
const memberBehind = 1000

// Status returns how the cluster is.
func (n *Node) Status() *Status {
	v, m, now := n.now.Load(), n.members.Load(), n.config.Now()
	s := &Status{Cluster: n.identity.Cluster.String(), Node: n.identity.Name, Committed: v.committed, Applied: n.applier.mark(),
		Behind: n.Behind(), Clock: n.ClockDifference(), LogBytes: n.log.Bytes()}
	if err := n.Writable(); err != nil {
		s.Writes = err.Error()
	}
	if err := n.Readable(); err != nil {
		s.Reads = err.Error()
	}
	for _, about := range n.applier.allShut() {
		s.Closed = append(s.Closed, about.String())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range m.Nodes {
		w := MemberStatus{Name: one.Name, Address: one.Address, Role: one.Role(), Follows: m.nameOf(one.Follows), Leads: one.ID == v.leader, Version: one.Version, Format: n.config.Format}
		if w.Leads {
			s.Leader = one.Name
		}
		if one.ID == n.identity.Node {
			w.Heard, w.Place, w.Closed = true, s.Applied, len(s.Closed)
			w.Clock, w.Wrong = s.Clock, s.Writes
			w.Last, w.Ends = now, n.creds.own.Load().Leaf.NotAfter
			n.ownSource(&w)
		} else if r, ok := n.reports[one.ID]; ok {
			w.ofFollower(r, m, now)
		} else if p := n.peers[one.ID]; p != nil {
			w.Heard, w.Place, w.Closed = now.Sub(p.at) < 4*beatTime, p.beat.Applied, p.beat.Closed
			w.Clock, w.Version, w.Format = p.difference, p.beat.Version, p.beat.Format
			w.Last, w.Ends = p.at, p.beat.Ends
		}
		w.Behind = max(v.committed, w.Place) - w.Place
		switch {
		case w.Wrong != "":
		case !w.Heard:
			w.Wrong = "it is not heard"
		case w.Closed > 0:
			w.Wrong = fmt.Sprintf("files of %d agreements differ and are closed there", w.Closed)
		case w.Behind > memberBehind:
			w.Wrong = "it is behind"
		case w.Clock.Abs() > n.config.MaxClockDifference:
			w.Wrong = "its clock is off"
		case !w.Ends.IsZero() && w.Ends.Sub(now) < certificateRenewal/2:
			w.Wrong = "its certificate ends on " + w.Ends.UTC().Format(time.DateOnly) + ", and it has not renewed it"
		}
		s.Members = append(s.Members, w)
	}
	return s
}

// Wrong reports whether anything needs an operator.
func (s *Status) Wrong() bool {
	for _, m := range s.Members {
		if m.Wrong != "" {
			return true
		}
	}
	return s.Leader == ""
}

// Counts are for metrics.
type Counts struct{ Committed, Refused, Unknown uint64 }

// Counts returns how many proposals of this node came to what.
func (n *Node) Counts() Counts {
	return Counts{n.counts.committed.Load(), n.counts.refused.Load(), n.counts.unknown.Load()}
}

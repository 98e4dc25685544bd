package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	reportTicks = 50               // of Raft: how often a follower says how it is
	reportWait  = 5 * time.Second  // for an answer
	reportHeard = 20 * time.Second // a follower that was last heard longer ago is not heard
	maxReports  = 1 << 20          // bytes
	maxStatus   = 8 << 20
	statusTime  = 2 * time.Second // how long others' account of the nodes is waited for
)

// Report is how a follower is. It goes up to the member of Raft from which its log comes, and from there to the others in beats.
type Report struct {
	Node    uint64        `json:"node"`
	From    uint64        `json:"from"`            // the node that gives it the log
	Why     string        `json:"why,omitempty"`   // why that is not the one that it is to follow
	Wrong   string        `json:"wrong,omitempty"` // what else an operator must settle
	Applied uint64        `json:"applied"`
	Version string        `json:"version"`
	Closed  int           `json:"closed,omitempty"`
	Ends    time.Time     `json:"ends,omitzero"` // of its certificate
	Clock   time.Duration `json:"clock_difference"`
	Age     time.Duration `json:"age"` // of the report
}

// heardReport is a report, and when it was true.
type heardReport struct {
	Report
	at     time.Time
	direct bool // it came from a follower, not from another member of Raft
}

// hearReports takes reports.
func (n *Node) hearReports(list []Report, direct bool) {
	now, members := n.config.Now(), n.members.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range list {
		if m, ok := members.Node(r.Node); !ok || m.Follows == 0 {
			continue
		}
		r.Wrong = r.Wrong[:min(len(r.Wrong), 500)]
		r.Why, r.Version = r.Why[:min(len(r.Why), 500)], r.Version[:min(len(r.Version), 100)]
		at := now.Add(-max(0, r.Age))
		if old, ok := n.reports[r.Node]; !ok || at.After(old.at) {
			n.reports[r.Node] = heardReport{r, at, direct}
		}
	}
	for id := range n.reports {
		if _, ok := members.Node(id); !ok {
			delete(n.reports, id)
		}
	}
}

// directReports are those that came from followers lately: what others are to be told. The caller holds n.mu.
func (n *Node) directReports(now time.Time) (list []Report) {
	for _, r := range n.reports {
		if r.direct && now.Sub(r.at) < reportHeard {
			r.Age = now.Sub(r.at)
			list = append(list, r.Report)
		}
	}
	return list
}

// report says how this follower is, and those that follow it, until it stops.
func (f *following) report() {
	n := f.node
	ctx, cancel := n.untilStop()
	defer cancel()
	for {
		wait := reportTicks * cmp.Or(n.config.tick, tickTime)
		if from, _ := f.source.current(); from.ID == 0 {
			wait = sourcePause // the first one as soon as a node has answered
		} else {
			f.reportOnce(ctx) // the next one is soon enough, if it fails
		}
		if !n.pause(wait) {
			return
		}
	}
}

func (f *following) reportOnce(ctx context.Context) error {
	n := f.node
	from, why := f.source.current()
	own := Report{Node: n.identity.Node, From: from.ID, Applied: n.applier.mark(), Version: n.config.Version, Closed: n.applier.closedCount(),
		Ends: n.creds.own.Load().Leaf.NotAfter, Clock: n.ClockDifference()}
	if why != nil {
		own.Why = why.Error()
	}
	if f.strangers() {
		own.Wrong = errStrangers.Error()
	}
	n.mu.Lock()
	list := append(n.directReports(n.config.Now()), own)
	n.mu.Unlock()
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reportWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.source.url(from, logPath+"followers", nil), bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := f.source.send(from, r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// serveReports takes reports of followers.
func (n *Node) serveReports(w http.ResponseWriter, r *http.Request) {
	var list []Report
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReports)).Decode(&list); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n.hearReports(list, true)
}

// serveStatus says how the nodes are, to a follower.
func (n *Node) serveStatus(w http.ResponseWriter, r *http.Request) {
	hops, err := hopsOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(n.askStatus(r.Context(), hops))
}

// AskStatus returns how the cluster is. A follower asks the node that it follows how the others are.
func (n *Node) AskStatus(ctx context.Context) *Status { return n.askStatus(ctx, 0) }

func (n *Node) askStatus(ctx context.Context, hops int) *Status {
	own := n.Status()
	if n.following == nil || hops >= maxDepth {
		return own
	}
	from, _ := n.following.source.current()
	if from.ID == 0 {
		return own
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.following.source.url(from, logPath+"status", nil), nil)
	if err != nil {
		return own
	}
	r.Header.Set(hopsHeader, fmt.Sprint(hops+1))
	var there Status
	if err := n.following.source.document(from, r, maxStatus, &there); err != nil {
		return own
	}
	for i, m := range own.Members {
		for _, other := range there.Members {
			if other.Name == m.Name && m.Name != own.Node {
				other.Leads = m.Leads
				own.Members[i] = other
			}
		}
	}
	return own
}

// ofFollower is how a follower is, as its last report says. The caller holds n.mu.
func (w *MemberStatus) ofFollower(r heardReport, members *Members, now time.Time) {
	w.Heard, w.Place, w.Closed = now.Sub(r.at) < reportHeard, r.Applied, r.Closed
	w.Clock, w.Version, w.Last, w.Ends = -r.Clock, r.Version, r.at, r.Ends
	if from, ok := members.Node(r.From); ok {
		w.From = from.Name
	}
	if w.Heard {
		w.Wrong = r.Wrong
	}
	if r.Why != "" && w.Heard && w.Wrong == "" {
		w.Wrong = "it does not follow the node that it is to: " + r.Why
	}
}

// ownSource says from which node this one has the log.
func (n *Node) ownSource(w *MemberStatus) {
	if n.following == nil {
		return
	}
	from, why := n.following.source.current()
	w.From = from.Name
	if w.Wrong == "" && n.following.strangers() {
		w.Wrong = errStrangers.Error()
	}
	if why != nil && w.Wrong == "" {
		w.Wrong = "it does not follow the node that it is to: " + why.Error()
	}
}

// RoleText is the role, with the node that is followed.
func (m MemberStatus) RoleText() string {
	if m.Follows == "" {
		return m.Role
	}
	return m.Role + " of " + m.Follows
}

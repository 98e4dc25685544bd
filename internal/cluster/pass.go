package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/accord-taxii/accord/store"
)

// What a follower proposes, and what it asks the log, it passes to the node that it has the log from, which passes it on, until a
// member of Raft has it.

const (
	// maxPassed bounds the bytes of entries that a node holds for followers.
	maxPassed = 2 * maxProposal

	passTries = 3               // nodes that are asked, one after the other
	passTime  = 5 * time.Second // for each of them but the last: what is passed twice is done once
)

// hopsHeader counts the nodes that a request has passed.
const hopsHeader = "Accord-Hops"

// passAnswer is what became of an entry.
type passAnswer struct {
	Outcome outcome       `json:"outcome"`
	Text    string        `json:"text,omitempty"`
	Retry   time.Duration `json:"retry,omitempty"`
	Place   uint64        `json:"place,omitempty"` // of the log, where the entry is at it or before it
}

// outcome is what became of an entry.
type outcome string

const (
	outcomeKept        outcome = "kept"
	outcomeRefused     outcome = "refused"      // a change of the members that does not fit them
	outcomeNotProposed outcome = "not proposed" // nothing was changed
	outcomeUnknown     outcome = "unknown"
)

func passAnswerOf(place uint64, err error) passAnswer {
	var not *RefusedError
	var later *NotReadyError
	switch {
	case err == nil:
		return passAnswer{Outcome: outcomeKept, Place: place}
	case errors.As(err, &not):
		return passAnswer{Outcome: outcomeRefused, Text: err.Error()}
	case errors.As(err, &later):
		return passAnswer{Outcome: outcomeNotProposed, Text: later.Text, Retry: later.Retry}
	case errors.Is(err, store.ErrNotProposed), errors.Is(err, ErrNoLeader), errors.Is(err, ErrBusy), errors.Is(err, errLeads), errors.Is(err, errStopped):
		return passAnswer{Outcome: outcomeNotProposed, Text: err.Error(), Retry: time.Second}
	}
	return passAnswer{Outcome: outcomeUnknown, Text: err.Error()}
}

// err is what the answer says, as an error.
func (a *passAnswer) err() error {
	switch a.Outcome {
	case outcomeKept:
		return nil
	case outcomeRefused:
		return refused("%s", a.Text)
	case outcomeNotProposed:
		return notReady(min(max(a.Retry, time.Second), time.Minute), "%s", a.Text)
	}
	return fmt.Errorf("%w (%s)", ErrUnknown, a.Text)
}

// proposeEntry has an entry proposed, here or by the node that this one follows, and waits for the outcome.
func (n *Node) proposeEntry(ctx context.Context, id uuid.UUID, data []byte) error {
	if n.following != nil {
		_, err := n.following.pass(ctx, data, 0)
		return err
	}
	return n.propose(ctx, id, func(done func(error)) error { return n.core.propose(id, pb.EntryNormal, data, done) })
}

// pass passes an entry on and waits for the outcome. place is at the entry or behind it.
func (f *following) pass(ctx context.Context, data []byte, hops int) (place uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, proposalLifetime)
	defer cancel()
	err, maybe := error(notReady(time.Second, "no node of the cluster can be asked from here")), false // maybe: it may be in the log
	list := f.source.candidates()
	list = list[:min(len(list), passTries)]
	for i, m := range list {
		if ctx.Err() != nil {
			break
		}
		asking, end := ctx, context.CancelFunc(func() {})
		if i < len(list)-1 {
			asking, end = context.WithTimeout(ctx, passTime)
		}
		a, sent, failed := f.source.pass(asking, m, data, hops)
		end()
		if failed == nil && a.Outcome == outcomeRefused && maybe {
			return 0, fmt.Errorf("%w (%s)", ErrUnknown, a.Text) // it may be refused because the first one has done it
		}
		maybe = maybe || sent
		if failed != nil {
			err = notReady(time.Second, "the node %s cannot be asked: %v", m.Name, failed)
			continue
		}
		if err = a.err(); err == nil || a.Outcome != outcomeNotProposed {
			return a.Place, err // also of a node that was asked second: what it knows of the first is in the log
		}
	}
	if maybe {
		return 0, fmt.Errorf("%w (%v)", ErrUnknown, err)
	}
	return 0, err
}

// pass passes an entry to a member. With an error sent says that it may have got it.
func (s *source) pass(ctx context.Context, to Member, data []byte, hops int) (a passAnswer, sent bool, err error) {
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = true }})
	u := s.url(to, logPath, nil)
	r, err := http.NewRequestWithContext(traced, http.MethodPost, u, bytes.NewReader(data))
	if err != nil {
		return a, false, err
	}
	r.Header.Set(hopsHeader, strconv.Itoa(hops+1))
	answer, err := s.send(to, r)
	if err != nil {
		return a, sent, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return a, false, answerError(answer) // it was not looked at
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&a); err != nil {
		return a, true, err
	}
	return a, false, nil
}

// change has a change of the members proposed, and waits until it is in the members of this node.
func (f *following) change(ctx context.Context, c *change) error {
	data, err := encodeChange(c)
	if err != nil {
		return err
	}
	place, err := f.pass(ctx, data, 0)
	if err != nil {
		return err
	}
	if err = f.node.awaitHanded(ctx, place); errors.Is(err, errStopped) {
		return ErrUnknown // errStopped would say that nothing was changed
	}
	return err
}

// awaitHanded waits until this node has handed out what the log has up to a place.
func (n *Node) awaitHanded(ctx context.Context, place uint64) error {
	for {
		more := n.feed.more()
		if n.now.Load().handed >= place {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
		case <-n.stop:
			return errStopped
		}
	}
}

// passed counts the bytes that a node holds for followers.
type passed struct {
	mu    sync.Mutex
	bytes int64 // guarded by mu
}

func (p *passed) take(bytes int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes+bytes > maxPassed {
		return false
	}
	p.bytes += bytes
	return true
}

func (p *passed) give(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes -= bytes
}

// hopsOf returns how many nodes a request has passed.
func hopsOf(r *http.Request) (int, error) {
	hops, err := strconv.Atoi(r.Header.Get(hopsHeader))
	if err != nil || hops < 1 || hops > maxDepth {
		return 0, fmt.Errorf("a request that has passed %q nodes", r.Header.Get(hopsHeader))
	}
	return hops, nil
}

// servePass proposes an entry for a follower, or passes it on.
func (n *Node) servePass(w http.ResponseWriter, r *http.Request) {
	hops, err := hopsOf(r)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case r.ContentLength <= 0 || r.ContentLength > maxProposal+messageHead:
		http.Error(w, fmt.Sprintf("an entry has a length, of at most %d bytes", maxProposal+messageHead), http.StatusRequestEntityTooLarge)
		return
	case !n.passed.take(r.ContentLength):
		later503(w, ErrBusy)
		return
	}
	defer n.passed.give(r.ContentLength)
	data := make([]byte, 0, min(r.ContentLength, 1<<20)) // memory is taken as it comes
	buffer := bytes.NewBuffer(data)
	if _, err := io.CopyN(buffer, &inTime{r.Body, http.NewResponseController(w)}, r.ContentLength); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{})
	a := passAnswerOf(n.proposePassed(r.Context(), buffer.Bytes(), hops))
	json.NewEncoder(w).Encode(a)
}

// inTime is a body each part of which has to come in time.
type inTime struct {
	io.Reader
	rc *http.ResponseController
}

// Read implements io.Reader.
func (t *inTime) Read(b []byte) (int, error) {
	t.rc.SetReadDeadline(time.Now().Add(feedWrite))
	return t.Reader.Read(b)
}

// proposePassed proposes an entry that a follower has passed, or passes it on.
func (n *Node) proposePassed(ctx context.Context, data []byte, hops int) (place uint64, err error) {
	cmd, err := decodeCommand(&pb.Entry{Type: pb.EntryNormal.Enum(), Data: data})
	if err != nil || cmd.id == uuid.Nil || cmd.kind != kindMessage && cmd.kind != kindMembers && cmd.kind != kindKeys {
		return 0, refused("that is no entry which a follower may have in the log")
	}
	if n.following != nil {
		if err := n.part(); err != nil {
			return 0, notReady(time.Second, "%v", err)
		}
		return n.following.pass(ctx, data, hops)
	}
	if err := n.Writable(); err != nil {
		return 0, err
	}
	switch {
	case cmd.kind == kindMembers && cmd.change.Remove != 0:
		m, ok := n.members.Load().Node(cmd.change.Remove)
		if !ok {
			return 0, refused("there is no such node in the cluster")
		}
		err = n.remove(ctx, m)
	case cmd.kind == kindMembers:
		if err := n.mayInvite(cmd.change); err != nil {
			return 0, err
		}
		err = n.propose(ctx, cmd.id, func(done func(error)) error { return n.core.proposeChange(cmd.change, done) })
	case n.check(cmd) != nil:
		return 0, refused("that is no entry that a node can read")
	default:
		err = n.proposeEntry(ctx, cmd.id, data)
	}
	if err != nil {
		return 0, err
	}
	return n.handedNow(ctx)
}

// handedNow returns up to where the core has handed the log out: what is published may be a moment older.
func (n *Node) handedNow(ctx context.Context) (uint64, error) {
	got := make(chan uint64, 1)
	if n.call(func() error { got <- n.core.handed; return nil }) {
		select {
		case place := <-got:
			return place, nil
		case <-ctx.Done():
		case <-n.stop:
		}
	}
	return 0, ErrUnknown // the entry is in the log; this one cannot say where
}

// mayInvite says why a change cannot be proposed: it would stop members of Raft whose programs do not know of followers, or have too
// many followers follow one another.
func (n *Node) mayInvite(c *change) error {
	if c.Follower == nil && c.Follow == nil {
		return nil
	}
	if c.Follow != nil {
		if err := n.members.Load().tooDeep(*c.Follow); err != nil {
			return err
		}
	}
	now := n.config.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.members.Load().Nodes {
		if m.ID == n.identity.Node || m.Follows != 0 {
			continue
		}
		p := n.peers[m.ID]
		switch {
		case p == nil || now.Sub(p.at) > 10*beatTime:
			return refused("the node %s is not heard: whether its program knows nodes that follow others is not known", m.Name)
		case p.beat.Entries < entriesFormat:
			return refused("the node %s has Accord %s, which knows no nodes that follow others: upgrade it first", m.Name, p.beat.Version)
		}
	}
	return nil
}

// placeAnswer says how far the log is.
type placeAnswer struct {
	Place  uint64 `json:"place"`
	Voters string `json:"voters,omitempty"` // the digest of those that the node has in its members
}

// committed asks how far the log is.
func (f *following) committed(ctx context.Context, hops int) (uint64, error) {
	failed := error(ErrNoLeader)
	for i, m := range f.source.candidates() {
		if i == passTries || ctx.Err() != nil {
			break
		}
		place, err := f.source.committed(ctx, m, hops)
		if err == nil {
			f.asked(m, place)
			return place, nil
		}
		failed = err
	}
	return 0, failed
}

func (s *source) committed(ctx context.Context, to Member, hops int) (uint64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(to, logPath+"committed", nil), nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set(hopsHeader, strconv.Itoa(hops+1))
	var a placeAnswer
	err = s.document(to, r, 4<<10, &a)
	return a.Place, err
}

// known asks a member how far it knows the log to be, without asking others.
func (s *source) known(ctx context.Context, to Member) (a placeAnswer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(to, logPath+"known", nil), nil)
	if err != nil {
		return a, err
	}
	return a, s.document(to, r, 4<<10, &a)
}

// serveKnown says how far this node has handed the log out.
func (n *Node) serveKnown(w http.ResponseWriter, _ *http.Request) {
	if err := n.part(); err != nil {
		later503(w, err)
		return
	}
	json.NewEncoder(w).Encode(placeAnswer{n.now.Load().handed, votersDigest(n.members.Load().voters())})
}

// serveCommitted says how far the log is.
func (n *Node) serveCommitted(w http.ResponseWriter, r *http.Request) {
	hops, err := hopsOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var place uint64
	if err = n.part(); err == nil {
		if n.following != nil {
			place, err = n.following.committed(r.Context(), hops)
		} else {
			place, err = n.Committed(r.Context())
		}
	}
	if err != nil {
		later503(w, err)
		return
	}
	json.NewEncoder(w).Encode(placeAnswer{Place: place})
}

package cluster

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

const (
	sourceDial     = 3 * time.Second
	sourceSilence  = feedHold + 10*time.Second // an answer of which nothing comes for so long is given up
	sourceShun     = 2 * time.Second           // how soon a node that failed is asked first again; twice as long after each time
	sourceShunMax  = 15 * time.Second
	sourcePause    = 200 * time.Millisecond // when no node answers; twice as long after each time
	sourcePauseMax = 5 * time.Second

	// sourceKeeps is how soon a node is asked first again that did not give what others have, twice as long after each time: it may
	// have been cut off. sourceForget is how long it has to give everything until that begins anew.
	sourceKeeps    = 15 * time.Second
	sourceKeepsMax = 10 * time.Minute
	sourceForget   = time.Hour

	// sourceOld is how old the contact of a node may be before another node is asked, and feedHold more for each follower from it on:
	// a node that is cut off would be followed for ever otherwise.
	sourceOld = 5 * time.Second
)

// source is where a follower has the log from: the node that it is to follow or, while that one does not answer, another.
type source struct {
	node  *Node
	trust *trust

	mu      sync.Mutex
	shunned map[uint64]shun          // guarded by mu
	now     Member                   // guarded by mu; the node that answered last
	failing error                    // guarded by mu; why it is not the one that is to be followed
	pause   time.Duration            // guarded by mu; 0: a node has answered
	clients map[uint64]*sourceClient // guarded by mu
}

// shun is a node that is asked after others for a while.
type shun struct {
	until time.Time
	time  time.Duration
	keeps time.Duration // for how long it was when it kept entries from this one; 0: it did not
}

// keeping reports whether it is one for keeping entries, and not over.
func (s shun) keeping(now time.Time) bool { return s.keeps > 0 && now.Before(s.until) }

type sourceClient struct {
	http.Client
	address string
}

func newSource(n *Node, t *trust) *source {
	return &source{node: n, trust: t, shunned: map[uint64]shun{}, clients: map[uint64]*sourceClient{}}
}

// others returns the other members that this node may ask for what concerns the cluster: those of Raft. A follower asks the one that
// it follows before, and the voters in an order of its own, so that many followers do not all turn to the same one; they are those
// that it believes to vote.
func (n *Node) others() (list []Member) {
	members := n.members.Load()
	me, _ := members.Node(n.identity.Node)
	voters := n.voters()
	for _, m := range members.Nodes {
		if m.ID == n.identity.Node || m.Address == "" || m.Follows != 0 && m.ID != me.Follows {
			continue
		}
		if n.following != nil {
			if m.Voter = false; slices.ContainsFunc(voters, func(v Member) bool { return v.ID == m.ID }) {
				continue
			}
		}
		list = append(list, m)
	}
	if n.following == nil {
		return list
	}
	list = append(list, voters...)
	rank := func(m Member) int {
		switch {
		case m.ID == me.Follows:
			return 0
		case m.Voter:
			return 1
		}
		return 2
	}
	order := func(m Member) []byte {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, n.identity.Node), m.ID))
		return sum[:]
	}
	slices.SortFunc(list, func(a, b Member) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), bytes.Compare(order(a), order(b)))
	})
	return list
}

// candidates are the nodes to ask, the best first.
func (s *source) candidates() []Member {
	list, now := s.node.others(), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := func(m Member) time.Duration { return max(0, s.shunned[m.ID].until.Sub(now)) }
	slices.SortStableFunc(list, func(a, b Member) int { return cmp.Compare(rest(a), rest(b)) })
	return slices.DeleteFunc(list, func(m Member) bool { return s.trust.distrusted(m.ID) })
}

// Why the node that is to be followed is not: errNoNode if nothing else is known.
var (
	errNoNode     = errors.New("it has no address, or has given a log that differed from the voters': accord cluster follow names another")
	errNodeIsGone = errors.New("it was removed from the cluster, or has left it: accord cluster follow names another")
)

// current returns the node that answered last, and why it is not the one that is to be followed; nil: it is.
func (s *source) current() (Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.why()
}

// why says why the node that is to be followed is not; nil: it is. The caller holds s.mu.
func (s *source) why() error {
	if _, there := s.node.members.Load().Node(s.follows()); !there {
		return errNodeIsGone
	}
	return s.failing
}

// follows returns the node that this one is to follow.
func (s *source) follows() uint64 {
	me, _ := s.node.members.Load().Node(s.node.identity.Node)
	return me.Follows
}

// answered notes that a node has answered, and how old its contact with a majority was.
func (s *source) answered(m Member, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, now := s.shunned[m.ID], time.Now()
	if m.ID == s.follows() {
		if !before.keeping(now) {
			s.failing = nil
		}
	} else if s.now.ID != m.ID {
		s.node.config.Warn(fmt.Sprintf("the log comes from %s, and not from the node that is to be followed: %v", m.Name, cmp.Or(s.why(), errNoNode)))
		s.failing = cmp.Or(s.failing, errNoNode)
	}
	s.now, s.pause = m, 0
	switch {
	case age > sourceOld+time.Duration(s.node.members.Load().depth(m.ID))*feedHold:
		s.shun(m, fmt.Errorf("it has been without contact to a majority for %s", age.Round(time.Second)))
	case before.keeping(now):
	case before.keeps > 0 && now.Sub(before.until) < sourceForget:
		s.shunned[m.ID] = shun{until: before.until, keeps: before.keeps}
	default:
		delete(s.shunned, m.ID)
	}
}

// failed notes that a node has not.
func (s *source) failed(m Member, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shun(m, err)
}

// shun has a node asked after others for a while. The caller holds s.mu.
func (s *source) shun(m Member, err error) {
	sh, now := s.shunned[m.ID], time.Now()
	sh.time = min(max(sourceShun, 2*sh.time), sourceShunMax)
	if !sh.keeping(now) || now.Add(sh.time).After(sh.until) {
		sh.until = now.Add(sh.time)
	}
	s.shunFor(m, err, sh)
}

func (s *source) shunFor(m Member, err error, sh shun) {
	if m.ID == s.follows() {
		s.failing = fmt.Errorf("%s: %w", m.Name, err)
	}
	s.shunned[m.ID] = sh
}

// keeps notes that a node keeps entries from this one that others have.
func (s *source) keeps(m Member, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := min(max(sourceKeeps, 2*s.shunned[m.ID].keeps), sourceKeepsMax)
	s.shunFor(m, err, shun{until: time.Now().Add(d), keeps: d})
}

// rest waits after no node has answered.
func (s *source) rest() {
	s.mu.Lock()
	if s.pause == 0 {
		s.node.config.Warn(fmt.Sprintf("no node gives this one the log: %v", cmp.Or(s.why(), errNoNode)))
	}
	s.pause = min(max(sourcePause, 2*s.pause), sourcePauseMax)
	pause := s.pause
	s.mu.Unlock()
	s.node.pause(pause)
}

// client returns a client for the routes of a member, which keeps its connection.
func (s *source) client(to Member) *sourceClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[to.ID]; c != nil && c.address == to.Address {
		return c
	} else if c != nil {
		c.CloseIdleConnections()
	}
	c := &sourceClient{address: to.Address, Client: http.Client{Transport: &http.Transport{
		DialTLSContext:        s.node.dialer(to, sourceDial, s.node.creds.clientOf(to)),
		ResponseHeaderTimeout: 30 * time.Second, IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 2,
	}}}
	s.clients[to.ID] = c
	return c
}

func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
}

func (s *source) url(to Member, path string, query url.Values) string {
	u := url.URL{Scheme: "https", Host: to.Address, Path: path, RawQuery: query.Encode()}
	return u.String()
}

// send makes a request to a member. The caller closes the body.
func (s *source) send(to Member, r *http.Request) (*http.Response, error) {
	answer, err := s.client(to).Do(r)
	var outer *url.Error
	if errors.As(err, &outer) { // the URL says nothing
		err = outer.Err
	}
	return answer, err
}

// document makes a request to a member, whose answer is a document of at most so many bytes.
func (s *source) document(to Member, r *http.Request, most int64, into any) error {
	answer, err := s.send(to, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answerError(answer)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, most)).Decode(into)
}

// feedAnswer is an answer to a poll, with the times that tell how old it is.
type feedAnswer struct {
	head    logHead
	entries []*pb.Entry
	sent    time.Time // when it was asked
	at      time.Time // when the answer began to come
	contact time.Time // when it was sure to belong to a majority, by this node's clock
}

// poll asks a member for what follows an entry.
func (s *source) poll(ctx context.Context, to Member, after, term uint64) (*feedAnswer, error) {
	ctx, watched, end := watch(ctx, sourceSilence)
	defer end()
	now := s.node.config.Now
	a := &feedAnswer{sent: now()}
	query := url.Values{"after": {strconv.FormatUint(after, 10)}, "term": {strconv.FormatUint(term, 10)}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(to, logPath, query), nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.send(to, r)
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusGone {
		begins, err := strconv.ParseUint(answer.Header.Get(beginsHeader), 10, 64)
		if err != nil || begins <= after+1 {
			return nil, fmt.Errorf("%w: a log that is said to begin at %q", errEntries, answer.Header.Get(beginsHeader))
		}
		return nil, &goneError{after, begins}
	}
	if answer.StatusCode != http.StatusOK {
		return nil, answerError(answer)
	}
	a.head, a.entries, err = readEntries(watched(answer.Body), after, term, func() { a.at = now() })
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	// The node answered no earlier than it was asked and had waited; its contact is as old as it says.
	if held := max(0, min(a.head.Held, a.at.Sub(a.sent))); a.head.Age >= 0 && a.head.Age < noContact {
		a.contact = a.sent.Add(held - a.head.Age)
	}
	return a, nil
}

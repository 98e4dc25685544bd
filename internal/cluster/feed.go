package cluster

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// What followers get: entries of the log that are committed, as they are. Any node gives them.

const (
	logPath = "/accord/v1/log/"

	feedHold      = time.Second      // how long an answer waits for an entry
	feedBytes     = 1 << 20          // of entries in an answer; a single larger one goes alone
	feedFollowers = 64               // followers that a node serves
	feedPolls     = 2                // requests of one follower at a time: it may not know yet that the first one is lost
	feedWrite     = 15 * time.Second // how long a part of an answer may take
	feedPart      = 256 << 10
)

// beginsHeader says, beside 410, where the log of the node begins.
const beginsHeader = "Accord-Log-Begins"

// logHead comes before the entries.
type logHead struct {
	Entries   int           `json:"entries"` // how many follow
	Leader    uint64        `json:"leader"`
	Committed uint64        `json:"committed"`
	Age       time.Duration `json:"age"`              // of the node's contact with a majority, when it answered
	Held      time.Duration `json:"held"`             // how long it had waited for an entry then
	Sent      int64         `json:"sent"`             // its clock, in nanoseconds
	Clock     time.Duration `json:"clock_difference"` // how far its clock is ahead of those of most voters
}

// noContact is the age of a contact that there never was.
const noContact = 1000 * time.Hour

// feed counts the followers that a node serves, and wakes those that wait.
type feed struct {
	mu    sync.Mutex
	later chan struct{}        // guarded by mu; closed and replaced when there is more
	polls map[uint64]int       // guarded by mu; requests of each follower
	last  map[uint64]time.Time // guarded by mu; when each of them last asked
}

func newFeed() *feed {
	return &feed{later: make(chan struct{}), polls: map[uint64]int{}, last: map[uint64]time.Time{}}
}

// moved wakes those that wait.
func (f *feed) moved() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.later)
	f.later = make(chan struct{})
}

func (f *feed) more() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.later
}

// enter takes a request of a follower, or says why not. leave ends it.
func (f *feed) enter(id uint64, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for one, at := range f.last {
		if f.polls[one] == 0 && now.Sub(at) > 10*feedHold {
			delete(f.last, one)
			delete(f.polls, one)
		}
	}
	_, known := f.last[id]
	switch {
	case !known && len(f.last) >= feedFollowers:
		return fmt.Errorf("this node is followed by %d others: follow another one", feedFollowers)
	case f.polls[id] >= feedPolls:
		return errors.New("this node answers another request of the same follower")
	}
	f.polls[id]++
	f.last[id] = now
	return nil
}

func (f *feed) leave(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls[id]--
}

// part says why this node has no part in the cluster that others could rely on; nil: it has.
func (n *Node) part() error {
	if err := n.Failed(); err != nil {
		return fmt.Errorf("this node takes no part in the cluster: %w", err)
	}
	if lost := n.now.Load().lost; lost != nil {
		return lost
	}
	if _, member := n.members.Load().Node(n.identity.Node); !member {
		return errors.New("this node was removed from the cluster")
	}
	return nil
}

// memberOf returns the member that has sent a request: the middleware has let it in.
func memberOf(r *http.Request) Member { return r.Context().Value(memberKey{}).(Member) }

// later503 says that a request is to be made again.
func later503(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

// serveLog serves the entries behind a place to a follower.
func (n *Node) serveLog(w http.ResponseWriter, r *http.Request) {
	from := memberOf(r)
	after, err := strconv.ParseUint(r.FormValue("after"), 10, 64)
	if err != nil {
		http.Error(w, "the parameter after is no place in the log", http.StatusBadRequest)
		return
	}
	term, err := strconv.ParseUint(r.FormValue("term"), 10, 64)
	if err != nil {
		http.Error(w, "the parameter term is no term of the log", http.StatusBadRequest)
		return
	}
	if err := n.feed.enter(from.ID, time.Now()); err != nil {
		later503(w, err)
		return
	}
	defer n.feed.leave(from.ID)
	began := time.Now()
	v, err := n.awaitEntry(r.Context(), after)
	if err != nil {
		later503(w, err)
		return
	}
	if _, still := n.members.Load().Node(from.ID); !still {
		http.Error(w, errNotMember.Error(), http.StatusForbidden)
		return
	}
	entries, err := n.entriesAfter(after, term, v)
	var gone *goneError
	switch {
	case errors.As(err, &gone):
		w.Header().Set(beginsHeader, strconv.FormatUint(gone.begins, 10))
		http.Error(w, err.Error(), http.StatusGone)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	now := n.config.Now()
	head := logHead{Entries: len(entries), Leader: v.leader, Committed: v.committed, Age: noContact, Held: time.Since(began), Sent: now.UnixNano(), Clock: n.ClockDifference()}
	if !v.contact.IsZero() {
		head.Age = max(0, now.Sub(v.contact))
	}
	if err := writeEntries(partsOf(w, feedWrite), &head, entries); err != nil {
		panic(http.ErrAbortHandler) // the answer must not look whole
	}
}

// awaitEntry waits until there is an entry behind a place, at most feedHold.
func (n *Node) awaitEntry(ctx context.Context, after uint64) (*view, error) {
	wait := time.NewTimer(feedHold)
	defer wait.Stop()
	for {
		more := n.feed.more()
		if err := n.part(); err != nil {
			return nil, err
		}
		v := n.now.Load()
		if v.handed > after {
			return v, nil
		}
		select {
		case <-more:
		case <-wait.C:
			return n.now.Load(), n.part()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-n.stop:
			return nil, errStopped
		}
	}
}

// goneError says that the log of a node begins too late.
type goneError struct{ after, begins uint64 }

func (e *goneError) Error() string {
	return fmt.Sprintf("the log of this node begins at %d: what comes next after %d is not in it any more", e.begins, e.after)
}

// entriesAfter returns entries behind a place, where the log has an entry of a term.
func (n *Node) entriesAfter(after, term uint64, v *view) ([]*pb.Entry, error) {
	first, err := n.log.FirstIndex()
	if err != nil {
		return nil, err
	}
	if after+1 < first {
		return nil, &goneError{after, first}
	}
	if after > v.handed {
		return nil, fmt.Errorf("the log of this node ends at %d: it has not come to %d yet", v.handed, after)
	}
	own, err := n.log.Term(after)
	if err == nil && own != term {
		return nil, fmt.Errorf("the log of this node has another entry at %d: it is not of the term %d", after, term)
	}
	var list []*pb.Entry
	if err == nil && v.handed > after {
		list, err = n.log.Entries(after+1, v.handed+1, feedBytes)
	}
	if errors.Is(err, raft.ErrCompacted) { // just now
		return nil, &goneError{after, after + 2}
	}
	return list, err
}

// parts writes in parts, each of which has to be taken in time.
type parts struct {
	w    io.Writer
	rc   *http.ResponseController
	each time.Duration // how long a part may take
}

func partsOf(w http.ResponseWriter, each time.Duration) *parts {
	return &parts{w, http.NewResponseController(w), each}
}

// Write implements io.Writer.
func (p *parts) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		if err := p.rc.SetWriteDeadline(time.Now().Add(p.each)); err != nil {
			return written, err
		}
		n, err := p.w.Write(b[:min(len(b), feedPart)])
		written += n
		if err != nil {
			return written, err
		}
		b = b[n:]
	}
	return written, nil
}

// end sends what is left, and leaves the connection to the next request.
func (p *parts) end() error {
	return errors.Join(p.rc.Flush(), p.rc.SetWriteDeadline(time.Time{}))
}

const feedEntryHead = 8 + 8 + 1

// writeEntries writes an answer: the head in a frame, and each entry in one.
func writeEntries(p *parts, head *logHead, entries []*pb.Entry) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(p, 64<<10)
	if err := writeFrame(w, text); err != nil {
		return err
	}
	for _, e := range entries {
		content := make([]byte, 0, feedEntryHead+len(e.GetData()))
		content = binary.BigEndian.AppendUint64(content, e.GetIndex())
		content = binary.BigEndian.AppendUint64(content, e.GetTerm())
		content = append(append(content, byte(e.GetType())), e.GetData()...)
		if err := writeFrame(w, content); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return p.end()
}

// errEntries says that an answer does not follow what the log has. Nothing of it is used.
var errEntries = errors.New("what came does not follow what the log has")

// readEntries reads an answer to a question for what follows an entry. at is called when the head is read.
func readEntries(body io.Reader, after, term uint64, at func()) (head logHead, entries []*pb.Entry, err error) {
	r := bufio.NewReaderSize(body, 64<<10)
	text, err := readFrame(r)
	if err == nil {
		at()
		err = json.Unmarshal(text, &head)
	}
	if err != nil {
		return logHead{}, nil, err
	}
	size := 0
	for i := range head.Entries {
		content, err := readFrame(r)
		if err != nil {
			return logHead{}, nil, err
		}
		if len(content) < feedEntryHead {
			return logHead{}, nil, fmt.Errorf("%w: an entry of %d bytes", errEntries, len(content))
		}
		if size += len(content); i > 0 && size > 2*feedBytes {
			return logHead{}, nil, fmt.Errorf("%w: more than %d bytes", errEntries, 2*feedBytes)
		}
		e := &pb.Entry{Index: new(binary.BigEndian.Uint64(content)), Term: new(binary.BigEndian.Uint64(content[8:])), Type: pb.EntryType(content[16]).Enum()}
		if len(content) > feedEntryHead {
			e.Data = content[feedEntryHead:]
		}
		if e.GetIndex() != after+1 || e.GetTerm() < term {
			return logHead{}, nil, fmt.Errorf("%w: the entry %d of the term %d after %d of the term %d", errEntries, e.GetIndex(), e.GetTerm(), after, term)
		}
		after, term = e.GetIndex(), e.GetTerm()
		entries = append(entries, e)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return logHead{}, nil, fmt.Errorf("%w: more than its head says", errEntries)
	}
	return head, entries, nil
}

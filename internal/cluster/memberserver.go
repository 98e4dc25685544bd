package cluster

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
)

const handshakeTime = 5 * time.Second

// memberServer serves other nodes over HTTP, on the connections that ask for it.
type memberServer struct {
	node      *Node
	server    *http.Server
	conns     chan net.Conn
	strangers crowd
	closed    chan struct{}
	once      sync.Once
}

type memberKey struct{}

func newMemberServer(n *Node) *memberServer {
	m := &memberServer{node: n, conns: make(chan net.Conn), closed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /join", n.serveJoin)
	mux.HandleFunc("POST /admit", n.serveAdmit)
	mux.HandleFunc("GET /member", n.serveMember)
	mux.HandleFunc("GET /head", m.members(n.serveHead))
	mux.HandleFunc("GET /file", m.members(n.serveFile))
	mux.HandleFunc("GET /folder", m.members(n.serveFolder))
	mux.HandleFunc("POST /remove", m.members(n.serveRemove))
	mux.HandleFunc("POST /tell", m.members(n.serveTell))
	mux.HandleFunc("POST /ask/{topic}", m.members(n.serveAsk))
	for pattern, do := range map[string]http.HandlerFunc{
		"GET " + logPath + "{$}": n.serveLog, "POST " + logPath + "{$}": n.servePass, "GET " + logPath + "committed": n.serveCommitted,
		"GET " + logPath + "known": n.serveKnown, "GET " + logPath + "digest": n.serveDigest, "GET " + logPath + "status": n.serveStatus, "POST " + logPath + "followers": n.serveReports,
	} {
		mux.HandleFunc(pattern, m.members(do))
	}
	m.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: handshakeTime, ReadTimeout: feedWrite, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				if one, err := n.creds.peerOf(t.ConnectionState()); err == nil {
					return context.WithValue(ctx, memberKey{}, one)
				}
				return context.WithValue(ctx, strangerKey{}, t.NetConn())
			}
			return ctx
		},
		ConnState: func(c net.Conn, state http.ConnState) {
			if t, ok := c.(*tls.Conn); ok && state == http.StateClosed {
				m.strangers.leave(t.NetConn())
			}
		},
	}
	n.ended.Go(func() { m.server.Serve(m) })
	return m
}

// members lets only members in.
func (m *memberServer) members(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		one, ok := r.Context().Value(memberKey{}).(Member)
		if _, still := m.node.members.Load().Node(one.ID); !ok || !still {
			http.Error(w, errNotMember.Error(), http.StatusForbidden)
			return
		}
		do(w, r)
	}
}

// Accept implements net.Listener.
func (m *memberServer) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *memberServer) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// Addr implements net.Listener.
func (m *memberServer) Addr() net.Addr { return &net.TCPAddr{} }

// accept takes connections until the node stops.
func (n *Node) accept(l net.Listener) {
	var open sync.WaitGroup
	conns := &connSet{all: map[net.Conn]bool{}}
	go func() {
		<-n.stop
		l.Close()
		n.http.server.Close()
		n.http.Close()
		conns.close()
	}()
	var unknown crowd
	config := n.creds.server()
	for {
		raw, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !n.pause(linkPause) {
				break
			}
			continue // such as too many open files
		}
		unknown.enter(raw)
		open.Go(func() {
			c := tls.Server(raw, config)
			if !conns.add(c) {
				c.Close()
				unknown.leave(raw)
				return
			}
			defer conns.remove(c)
			ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
			err := c.HandshakeContext(ctx)
			cancel()
			unknown.leave(raw)
			if err != nil {
				c.Close()
				return
			}
			n.serveConn(c)
		})
	}
	open.Wait()
}

// connSet are open connections.
type connSet struct {
	mu    sync.Mutex
	ended bool              // guarded by mu
	all   map[net.Conn]bool // guarded by mu
}

func (s *connSet) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.all[c] = true
	return true
}

func (s *connSet) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c)
}

func (s *connSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for c := range s.all {
		c.Close()
	}
}

// serveConn serves a connection after its handshake.
func (n *Node) serveConn(c *tls.Conn) {
	state := c.ConnectionState()
	if state.NegotiatedProtocol != protocolLog {
		if _, err := n.creds.peerOf(state); err != nil {
			n.http.strangers.enter(c.NetConn())
		}
		select {
		case n.http.conns <- c:
		case <-n.stop:
			c.Close()
		}
		return
	}
	defer c.Close()
	from, err := n.creds.peerOf(state)
	if err != nil || from.Follows != 0 || n.following != nil { // followers are none of Raft's
		return
	}
	n.links.called(from.ID)
	r := bufio.NewReaderSize(patient{c}, 64<<10)
	for warned := false; ; {
		content, err := readFrame(r)
		if err != nil {
			return
		}
		p, err := decodePacket(content)
		if err != nil {
			n.config.Warn(fmt.Sprintf("a connection of the node %s is closed: %v", from.Name, err))
			return
		}
		if _, still := n.mayConnect().Node(from.ID); !still {
			return
		}
		if p.beat != nil {
			n.heardBeat(from.ID, p.beat)
		} else if refusal := n.refuses(p.raft); refusal != nil {
			if !warned {
				n.config.Warn(fmt.Sprintf("the node %s proposes what must not be in the log, and is kept out of it: %v", from.Name, refusal))
			}
			warned = true
		} else if !n.call(func() error { return n.core.receive(from.ID, p) }) {
			return
		}
	}
}

// patient is a connection on which something has to come within linkSilence, however long it is in all.
type patient struct{ net.Conn }

// Read implements io.Reader.
func (c patient) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(linkSilence))
	return c.Conn.Read(b)
}

// client returns a client for the routes of a member.
func (n *Node) client(to Member) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialTLSContext:        n.dialer(to, linkTimeout, n.creds.clientOf(to)),
		ResponseHeaderTimeout: 30 * time.Second, DisableKeepAlives: true,
	}}
}

// ask asks a member for a path. The caller closes the body.
func (n *Node) ask(ctx context.Context, to Member, path string, query url.Values) (io.ReadCloser, error) {
	u := url.URL{Scheme: "https", Host: to.Address, Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := n.client(to).Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		return nil, answerError(answer)
	}
	return answer.Body, nil
}

// answerError reads the error of an answer.
func answerError(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil || len(text) == 0 {
		return fmt.Errorf("it answered with %s", answer.Status)
	}
	return refused("%s", string(trimSpace(text)))
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// headAnswer is the answer to a question for a head.
type headAnswer struct {
	Root    string `json:"root"`
	Entries uint64 `json:"entries"`
}

// serveHead serves the root of an agreement's journal at a size, or as it is.
func (n *Node) serveHead(w http.ResponseWriter, r *http.Request) {
	about, err := uuid.Parse(r.FormValue("about"))
	entries, now := uint64(0), r.FormValue("entries") == ""
	if err == nil && !now {
		entries, err = strconv.ParseUint(r.FormValue("entries"), 10, 64)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if n.applier.isShut(about) {
		http.Error(w, errShut.Error(), http.StatusConflict)
		return
	}
	var root []byte
	if now {
		entries, root, err = n.machine.Head(about)
	} else {
		root, err = n.headAt(r.Context(), &suspicion{about: about, entries: entries})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	json.NewEncoder(w).Encode(headAnswer{hex.EncodeToString(root), entries})
}

// askHead asks a member for the root of an agreement's journal at a size; 0: as it is.
func (n *Node) askHead(ctx context.Context, to Member, about uuid.UUID, entries uint64) (a headAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, headWait)
	defer cancel()
	q := url.Values{"about": {about.String()}}
	if entries > 0 {
		q.Set("entries", strconv.FormatUint(entries, 10))
	}
	body, err := n.ask(ctx, to, "/head", q)
	if err != nil {
		return a, err
	}
	defer body.Close()
	return a, json.NewDecoder(io.LimitReader(body, 4<<10)).Decode(&a)
}

// placeHeader names the place up to which a file has everything.
const placeHeader = "Accord-Place"

// serveFile serves the file of an agreement.
func (n *Node) serveFile(w http.ResponseWriter, r *http.Request) {
	about, err := uuid.Parse(r.FormValue("about"))
	if err == nil {
		err = n.usable()
	}
	if err == nil && n.applier.isShut(about) {
		err = errShut
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set(placeHeader, strconv.FormatUint(n.applier.mark(), 10)) // before it is read
	p := partsOf(w, fileWrite)
	if err := errors.Join(n.machine.Send(r.Context(), about, p), p.end()); err != nil {
		panic(http.ErrAbortHandler) // the answer must not look whole
	}
}

// errShut is the answer to questions about an agreement that is closed here.
var errShut = errors.New("the agreement is closed on this node")

// fewMissed is how many entries a fetched file may lack when the messages about it begin to wait for it.
const fewMissed = 100

// fetch fetches the file of an agreement from another node, and takes it into use with what it lacks.
func (n *Node) fetch(ctx context.Context, from Member, about uuid.UUID) error {
	u := url.URL{Scheme: "https", Host: from.Address, Path: "/file", RawQuery: url.Values{"about": {about.String()}}.Encode()}
	watching, watched, end := watch(ctx, cmp.Or(n.config.silence, fileSilence))
	defer end()
	r, err := http.NewRequestWithContext(watching, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	answer, err := n.client(from).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answerError(answer)
	}
	place, err := strconv.ParseUint(answer.Header.Get(placeHeader), 10, 64)
	if err != nil {
		return err
	}
	waits, reserved, asked := false, false, 0
	err = n.machine.Replace(ctx, about, watched(answer.Body), func() (missed []store.Logged, more bool, err error) {
		last := n.applier.passed()
		asked++
		for waits = last <= place+fewMissed || asked > 5; waits; { // what comes from now on waits
			if last, err = n.applier.reserve(about); err == nil {
				reserved = true
				break
			}
			if !n.pause(headAgain) {
				return nil, false, errStopped
			}
		}
		if missed, err = n.messages(about, place, last); err == nil {
			place = last
		}
		return missed, !waits, err
	})
	if err != nil {
		err = cmp.Or(context.Cause(watching), err)
	}
	if reserved {
		n.applier.readmit(about, err)
	}
	return err
}

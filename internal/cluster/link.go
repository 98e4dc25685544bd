package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

const (
	linkQueue   = 4096            // packets that wait for a connection
	linkTimeout = 5 * time.Second // to connect, and to write
	linkPause   = 100 * time.Millisecond
	linkRest    = time.Second      // the longest pause between two attempts
	linkSilence = 10 * time.Second // a connection on which nothing comes for so long is closed
	linkSign    = 3 * time.Second  // an empty packet is sent when nothing else was for so long
)

// link sends packets to one member, over a connection of its own. What comes from that member comes over another one.
type link struct {
	to      uint64
	address string
	creds   *credentials
	lost    func(to uint64) // a packet was dropped
	queue   chan *packet
	called  chan struct{} // has one when the member has connected to this node
	cancel  context.CancelFunc
}

func newLink(m Member, creds *credentials, lost func(uint64)) *link {
	return &link{to: m.ID, address: m.Address, creds: creds, lost: lost, queue: make(chan *packet, linkQueue), called: make(chan struct{}, 1)}
}

// send puts a packet into the queue, or drops it. It never waits.
func (l *link) send(p *packet) {
	select {
	case l.queue <- p:
	default:
		l.lost(l.to)
	}
}

// call says that the member has connected to this node, and so can be reached.
func (l *link) call() {
	select {
	case l.called <- struct{}{}:
	default:
	}
}

// run connects, and connects again, until ctx ends.
func (l *link) run(ctx context.Context) {
	pause := linkPause
	for ctx.Err() == nil {
		started := time.Now()
		l.connect(ctx)
		l.lost(l.to)
		l.forget()
		if time.Since(started) > linkRest {
			pause = linkPause
		}
		sleep(ctx, linkPause, nil)
		if sleep(ctx, pause-linkPause, l.called) {
			pause = linkPause
		}
		pause = min(2*pause, linkRest)
	}
}

// sleep waits for a time, or until ctx ends or something comes from early, which it reports.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-early:
		return true
	}
	return false
}

// forget drops what waits: it is older than the connection that it is to go over.
func (l *link) forget() {
	for {
		select {
		case <-l.queue:
		default:
			return
		}
	}
}

// connect connects and sends until that fails or ctx ends.
func (l *link) connect(ctx context.Context) {
	dialing, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{}, Config: l.creds.client(l.to, protocolLog)}
	conn, err := d.DialContext(dialing, "tcp", l.address)
	if err != nil {
		return
	}
	defer conn.Close()
	ended, end := context.WithCancel(ctx)
	defer end()
	go func() { // the other side sends nothing: a read ends when it closes the connection
		defer end()
		conn.Read(make([]byte, 1))
	}()
	w := bufio.NewWriterSize(conn, 64<<10)
	sign := time.NewTicker(linkSign)
	defer sign.Stop()
	for {
		var p *packet
		select {
		case <-ended.Done():
			return
		case p = <-l.queue:
		case <-sign.C:
			p = &packet{}
		}
		for p != nil {
			content, err := encodePacket(p)
			if err != nil || len(content) > maxFrame {
				return
			}
			conn.SetWriteDeadline(time.Now().Add(linkTimeout + time.Duration(len(content)>>20)*time.Second))
			if err := writeFrame(w, content); err != nil {
				return
			}
			select {
			case p = <-l.queue:
			default:
				p = nil
			}
		}
		if err := w.Flush(); err != nil {
			return
		}
	}
}

// linkPair are the two connections to a member. Entries of the log have one of their own: a message of tens of megabytes must not
// keep heartbeats and votes waiting, or the others would elect another leader.
type linkPair struct{ log, rest *link }

func (p linkPair) of(packet *packet) *link {
	if m := packet.raft; m != nil && (m.GetType() == pb.MsgApp || m.GetType() == pb.MsgProp || m.GetType() == pb.MsgSnap) {
		return p.log
	}
	return p.rest
}

// links are the connections to all other members.
type links struct {
	own   uint64
	creds *credentials
	lost  func(uint64)

	mu    sync.Mutex
	ended bool                // guarded by mu
	to    map[uint64]linkPair // guarded by mu
	wait  sync.WaitGroup
}

// follow makes links to new members, and ends those to removed ones and to old addresses.
func (ls *links) follow(m *Members) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.ended {
		return
	}
	for id, l := range ls.to {
		if now, ok := m.Node(id); !ok || now.Address != l.rest.address {
			l.log.cancel()
			l.rest.cancel()
			delete(ls.to, id)
		}
	}
	for _, one := range m.Nodes {
		if _, there := ls.to[one.ID]; there || one.ID == ls.own || one.Address == "" || one.Follows != 0 {
			continue
		}
		ls.to[one.ID] = linkPair{ls.begin(one), ls.begin(one)}
	}
}

// begin begins a connection to a member. The caller holds ls.mu.
func (ls *links) begin(m Member) *link {
	l := newLink(m, ls.creds, ls.lost)
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	ls.wait.Go(func() { l.run(ctx) })
	return l
}

func (ls *links) send(to uint64, p *packet) {
	ls.mu.Lock()
	l, ok := ls.to[to]
	ls.mu.Unlock()
	if ok {
		l.of(p).send(p)
	}
}

// called has those to a member that has just connected to this node try at once: after a second of failures they try once a
// second.
func (ls *links) called(by uint64) {
	ls.mu.Lock()
	l, ok := ls.to[by]
	ls.mu.Unlock()
	if ok {
		l.log.call()
		l.rest.call()
	}
}

func (ls *links) all() []uint64 {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return sortedKeys(ls.to)
}

func (ls *links) close() {
	ls.mu.Lock()
	ls.ended = true
	for _, l := range ls.to {
		l.log.cancel()
		l.rest.cancel()
	}
	ls.mu.Unlock()
	ls.wait.Wait()
}

package cluster

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
)

// dial connects to a node as an identity says, and reports whether the node has accepted the connection: with TLS 1.3 a client
// hears of a refusal only when it reads.
func dial(address string, config *tls.Config) (conn *tls.Conn, err error) {
	conn, err = tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = conn.Read(make([]byte, 1))
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		conn.SetReadDeadline(time.Time{})
		return conn, nil
	}
	conn.Close()
	return nil, err
}

// C-13: nothing is accepted without a member's certificate.
func TestOnlyMembersMayConnect(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0)
	own := c.nodes[1].identity
	foreign, err := newIdentity("n1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	all := c.nodes[0].members.Load
	self := *own // the same name and id, with a certificate of the authority for another key
	forged := another(t, &self, own.Name)
	forged.Node = own.Node
	if err := forged.certify(time.Now()); err != nil {
		t.Fatal(err)
	}
	to := c.nodes[0].identity.Node
	for _, one := range []struct {
		name   string
		config *tls.Config
		want   bool
	}{
		{"a member", newCredentials(own, all).client(to, protocolLog), true},
		{"a member's name with another key", newCredentials(forged, all).client(to, protocolLog), false},
		{"a node that was never admitted", newCredentials(another(t, own, "n9"), all).client(to, protocolLog), false},
		{"another cluster", &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolLog}, Certificates: []tls.Certificate{*newCredentials(foreign, all).own.Load()}}, false},
		{"nobody", &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolLog}}, false},
		{"an old version of TLS", func() *tls.Config {
			config := newCredentials(own, all).client(to, protocolLog)
			config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return config
		}(), false},
	} {
		conn, err := dial(c.address[0], one.config)
		if got := err == nil; got != one.want {
			t.Errorf("%s: accepted is %t (%v), want %t", one.name, got, err, one.want)
		}
		if conn != nil {
			conn.Close()
		}
	}

	// A server of another cluster is not spoken to either.
	if _, err := dial(c.address[0], newCredentials(foreign, all).client(to, protocolLog)); err == nil {
		t.Error("a node speaks to another cluster's")
	}
	// Nor one that answers at the address of another node.
	if _, err := dial(c.address[0], newCredentials(own, all).client(c.nodes[2].identity.Node, protocolLog)); err == nil {
		t.Error("a node speaks to another one than it meant")
	}
}

func TestWhatIsNoFrameEndsTheConnection(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0)
	creds := newCredentials(c.nodes[1].identity, c.nodes[0].members.Load)
	good, _ := encodePacket(&packet{refused: uuid.New()})
	var frame bytes.Buffer
	writeFrame(&frame, good)
	wrong := bytes.Clone(frame.Bytes())
	wrong[len(wrong)-1] ^= 1
	for name, sent := range map[string][]byte{
		"a wrong checksum":         wrong,
		"a length beyond bounds":   {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"an unknown kind":          frameOf(t, []byte{99, 1, 2}),
		"what only Raft may say":   frameOf(t, []byte{packetRaft, 8, 0}), // MsgHup
		"a message that is no one": frameOf(t, []byte{packetRaft, 0xff, 0xff}),
	} {
		conn, err := dial(c.address[0], creds.client(c.nodes[0].identity.Node, protocolLog))
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(frame.Bytes()) // a good one first
		conn.Write(sent)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: got %v, want the end of the connection", name, err)
		}
		conn.Close()
	}
	if err := c.propose(0, uuid.New(), "still there"); err != nil {
		t.Error(err)
	}
}

// A peer that lies: what a member says in another's name, or to another, is not listened to.
func TestAMemberSpeaksForItselfOnly(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0, 1, 2)
	c.writable(0, 1, 2)
	ids := []uint64{c.nodes[0].identity.Node, c.nodes[1].identity.Node, c.nodes[2].identity.Node}
	conn, err := dial(c.address[0], newCredentials(c.nodes[1].identity, c.nodes[0].members.Load).client(ids[0], protocolLog))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const term = 1 << 40
	for _, m := range []*pb.Message{
		{Type: pb.MsgVote.Enum(), Term: new(uint64(term)), From: new(ids[2]), To: new(ids[0]), Index: new(uint64(term)), LogTerm: new(uint64(term))},
		{Type: pb.MsgHeartbeat.Enum(), Term: new(uint64(term)), From: new(ids[2]), To: new(ids[0])},
		{Type: pb.MsgApp.Enum(), Term: new(uint64(term)), From: new(ids[1]), To: new(ids[2])},
	} {
		content, err := encodePacket(&packet{raft: m})
		if err == nil {
			err = writeFrame(conn, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// What is no frame ends the connection: what came before it was read, and nothing followed from it.
	conn.Write([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("got an answer, want the end of the connection")
	}
	now := make(chan uint64, 1)
	c.nodes[0].call(func() error { now <- c.nodes[0].core.raw.BasicStatus().GetTerm(); return nil })
	if got := <-now; got >= term {
		t.Errorf("the node is in term %d, which only the liar has named", got)
	}
}

func frameOf(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeFrame(&b, content); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoutesForMembersAreForMembers(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 1)
	c.start(0)
	c.writable(0)
	digest := c.nodes[0].identity.authorityDigest()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: joinerTLS(digest, nil), DisableKeepAlives: true}}
	for _, path := range []string{"/folder", "/file?about=" + uuid.NewString(), "/head?about=" + uuid.NewString() + "&entries=1", logPath + "?after=1&term=1", logPath + "committed", logPath + "known", logPath + "digest?after=1&until=2", logPath + "status"} {
		answer, err := client.Get("https://" + c.address[0] + path)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %s without a certificate, want 403", path, answer.Status)
		}
	}
	for _, path := range []string{"/remove", "/tell", "/ask/heads", logPath, logPath + "followers"} {
		answer, err := client.Post("https://"+c.address[0]+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %s without a certificate, want 403", path, answer.Status)
		}
	}
	wrong := digest
	wrong[0] ^= 1
	client = &http.Client{Transport: &http.Transport{TLSClientConfig: joinerTLS(wrong, nil), DisableKeepAlives: true}}
	if _, err := client.Get("https://" + c.address[0] + "/folder"); err == nil {
		t.Error("a token of another cluster was taken there")
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		content, err := readFrame(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			if content != nil {
				t.Error("content beside an error")
			}
			return
		}
		var again bytes.Buffer
		writeFrame(&again, content)
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Errorf("%x reads as %x, which is written otherwise", b, content)
		}
		decodePacket(content)
	})
}

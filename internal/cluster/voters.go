package cluster

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"time"
)

// The node that a follower has the log from also tells it who votes. So a follower keeps the voters that it asks, and replaces them
// only by those that most of them name.

// voters returns the members that vote, as far as this node believes the log.
func (n *Node) voters() (list []Member) {
	if n.following != nil {
		return n.following.trust.voters()
	}
	return n.members.Load().voters()
}

func (m *Members) voters() []Member {
	return slices.DeleteFunc(slices.Clone(m.Nodes), func(one Member) bool { return !one.Voter })
}

// votersDigest is the same for the same voters with the same keys at the same addresses.
func votersDigest(list []Member) string {
	h := sha256.New()
	for _, m := range slices.SortedFunc(slices.Values(list), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) }) {
		h.Write(binary.BigEndian.AppendUint64(nil, m.ID))
		for _, part := range [][]byte{m.Key, []byte(m.Address)} {
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// newVoters returns the voters of the log, if they are not those that this follower asks.
func (f *following) newVoters() (list []Member, digest string, differ bool) {
	list = f.node.members.Load().voters()
	digest = votersDigest(list)
	return list, digest, digest != votersDigest(f.trust.voters())
}

// renewVoters has the voters of the log asked from now on, if those that were asked until now name them.
func (f *following) renewVoters(ctx context.Context) error {
	list, own, differ := f.newVoters()
	if !differ {
		return nil
	}
	if f.strangers() {
		f.warn(errStrangers)
	}
	kept, votes := f.trust.voters(), map[string]int{}
	for _, m := range kept {
		asking, cancel := context.WithTimeout(ctx, askTime)
		a, err := f.source.known(asking, m)
		cancel()
		if err == nil && a.Voters != "" {
			votes[a.Voters]++
		}
	}
	if most, _ := decide(votes, len(kept)); most != own {
		return nil // they are about to, or it was made up
	}
	return f.trust.keep(list)
}

// errStrangers is what an operator has to settle: this node was away for so long that all voters were replaced, or was lied to.
var errStrangers = errors.New("the log that it was given has none of the voters that it knows, and none of these confirms that: if accord cluster list is the same here and at a voter, accord cluster follow has it believe the new ones")

// strangers reports whether the log has none of the voters that this follower asks.
func (f *following) strangers() bool {
	list, _, differ := f.newVoters()
	return differ && !slices.ContainsFunc(f.trust.voters(), func(known Member) bool {
		return slices.ContainsFunc(list, func(m Member) bool { return m.ID == known.ID && bytes.Equal(m.Key, known.Key) })
	})
}

// dialer connects to a member. If it is not at its address, it may be at the one that the log has now: the key says who answers.
func (n *Node) dialer(to Member, timeout time.Duration, config *tls.Config) func(ctx context.Context, _, _ string) (net.Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: timeout}, Config: config}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", to.Address)
		if now, ok := n.members.Load().Node(to.ID); err != nil && ok && now.Address != "" && now.Address != to.Address {
			return d.DialContext(ctx, "tcp", now.Address)
		}
		return conn, err
	}
}

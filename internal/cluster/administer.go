package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// Init makes a data folder the first node of a new cluster. The caller has made sure that it is in none.
func Init(dir, name, version string, now time.Time) error {
	if in, err := In(dir); err != nil {
		return err
	} else if in {
		return refused("the folder %s belongs to a cluster already: see accord cluster list", dir)
	}
	id, err := newIdentity(name, now)
	if err != nil {
		return err
	}
	m := &Members{Nodes: []Member{{ID: id.Node, Name: name, Voter: true, Version: version, Key: keyDigest(id.certificate)}}}
	if err := Forget(dir); err != nil { // what an attempt that was killed left
		return err
	}
	if err := raftlog.Create(LogPath(dir), raftlog.Beginning{Identity: id.logIdentity(), Index: 1, Term: 1, Members: m.encode()}); err != nil {
		return err
	}
	return id.write(dir)
}

// Forget removes what makes a data folder one of a cluster. The store has left the log before.
func Forget(dir string) error {
	// The identity first: without it the folder is in no cluster. What else is there says what became of the files.
	folder := filepath.Join(dir, folderName)
	err := os.Remove(filepath.Join(folder, identityName))
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, path := range []string{folder, filepath.Join(dir, logFolder)} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return syncFolder(dir)
}

// leftName is a file that says that the node has left its cluster.
const leftName = "left"

// Left reports whether the node of a data folder has left its cluster.
func Left(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, folderName, leftName))
	return err == nil
}

// Invite makes a token for a node that is to join.
func (n *Node) Invite(ctx context.Context, name string, reader bool) (string, error) {
	return n.invite(ctx, &Invite{Name: name, Reader: reader})
}

// invite makes a token for a node that is to join as an invitation says.
func (n *Node) invite(ctx context.Context, inv *Invite) (string, error) {
	if err := n.awaitWrites(ctx); err != nil {
		return "", err
	}
	digest := n.identity.authorityDigest()
	t := &token{Authority: digest[:]}
	if parent, ok := n.members.Load().Node(inv.Follows); ok && parent.ID != n.identity.Node && parent.Address != "" {
		t.add(parent.Address, parent.Key) // the copy comes from there
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	inv.ID, inv.Secret, inv.Until = newNodeID(), hashSecret(secret), n.config.Now().Add(inviteLifetime).UTC()
	if err := n.change(ctx, inv.change()); err != nil {
		return "", err
	}
	t.Secret = secret
	t.add(n.config.Address, keyDigest(n.identity.certificate))
	for _, m := range n.others() {
		t.add(m.Address, m.Key)
	}
	return t.String(), nil
}

// InviteFollower makes a token for a node that is to have the log from another one, over HTTPS.
func (n *Node) InviteFollower(ctx context.Context, name, follow string) (string, error) {
	parent, ok := n.members.Load().Named(follow)
	if !ok {
		return "", refused("there is no node %q in the cluster to be followed", follow)
	}
	return n.invite(ctx, &Invite{Name: name, Reader: true, Follows: parent.ID})
}

// Follow has this node, a follower, follow another one from now on, and believe it. If the log that it was given has none of the voters
// that it asked until now, it asks those of the log from now on.
func (n *Node) Follow(ctx context.Context, name string) error {
	parent, ok := n.members.Load().Named(name)
	switch {
	case n.following == nil:
		return refused("this node has the log from the node that leads: only one that was invited with --follow follows another")
	case !ok:
		return refused("there is no node %q in the cluster", name)
	}
	if err := n.change(ctx, change{Follow: &follows{n.identity.Node, parent.ID}}); err != nil {
		return err
	}
	if n.following.strangers() {
		if err := n.following.trust.keep(n.members.Load().voters()); err != nil {
			return err
		}
	}
	return n.following.trust.believe(parent.ID)
}

// Remove removes another node for good.
func (n *Node) Remove(ctx context.Context, name string) error {
	if err := n.awaitWrites(ctx); err != nil {
		return err
	}
	m, ok := n.members.Load().Named(name)
	switch {
	case !ok:
		return refused("there is no node %q in the cluster", name)
	case m.ID == n.identity.Node:
		return refused("%s is this node: use accord cluster leave", name)
	}
	return n.remove(ctx, m)
}

// remove removes a member, unless the others could not go on without it.
func (n *Node) remove(ctx context.Context, m Member) error {
	if n.following != nil { // the member of Raft that proposes it looks
		return n.change(ctx, change{Remove: m.ID})
	}
	for until := time.Now().Add(removalPatience); ; {
		err := error(refused("without %s, too few of the nodes that vote are in contact and up to date: nothing could be written any more. Start the others first, or remove those that are lost; accord cluster list shows them", m.Name))
		if n.canLose(n.members.Load(), m.ID) {
			err = n.change(ctx, change{Remove: m.ID})
			if !errors.Is(err, errLeads) && !errors.Is(err, errFew) && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrNoLeader) { // there is none while leadership moves
				return err
			}
		}
		if ctx.Err() != nil || time.Now().After(until) || !n.pause(50*time.Millisecond) {
			return err
		}
	}
}

// removalPatience is how long a removal waits for the nodes that are left.
const removalPatience = 5 * time.Second

// canLose reports whether the cluster goes on without a member, as far as this node knows.
func (n *Node) canLose(m *Members, id uint64) bool {
	now := n.config.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	return m.canLose(id, func(one Member) bool {
		p := n.peers[one.ID]
		return one.ID == n.identity.Node || p != nil && now.Sub(p.at) < writeContact && p.beat.Applied >= m.Place // what it has applied it also has after a restart
	})
}

// Leave takes this node out of the cluster. Another member removes it, so that the outcome is known.
func (n *Node) Leave(ctx context.Context) error {
	if err := n.awaitWrites(ctx); err != nil {
		return err
	}
	members := n.members.Load()
	if len(members.Nodes) == 1 {
		return refused("this is the last node: stop the server, then accord cluster leave makes the folder one of a single server again")
	}
	failed := errors.New("no other node answers")
	for _, m := range n.others() {
		if err := n.post(ctx, m, "/remove", nil); err != nil {
			failed = fmt.Errorf("%s: %w", m.Name, err)
			var not *RefusedError
			if errors.As(err, &not) {
				return err
			}
			continue
		}
		if err := writeFile(filepath.Join(n.config.Dir, folderName, leftName), nil); err != nil {
			return err
		}
		n.fail(errors.New("it has left the cluster"))
		return nil
	}
	return failed
}

// post sends something to a member.
func (n *Node) post(ctx context.Context, to Member, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	u := url.URL{Scheme: "https", Host: to.Address, Path: path}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := n.client(to).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answerError(answer)
	}
	return nil
}

// serveRemove removes the member that asks.
func (n *Node) serveRemove(w http.ResponseWriter, r *http.Request) {
	m := memberOf(r)
	if err := n.remove(r.Context(), m); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

// serveTell notes the address and the version of the member that asks: it may know no leader until others find it.
func (n *Node) serveTell(w http.ResponseWriter, r *http.Request) {
	m := memberOf(r)
	var told Member
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&told); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m.Address, m.Version = told.Address, told.Version
	if err := n.change(r.Context(), change{Tell: &m}); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

// tell has this node's address and version in the log.
func (n *Node) tell(ctx context.Context, me Member) error {
	if n.now.Load().leader != 0 {
		return n.change(ctx, change{Tell: &me})
	}
	failed := ErrNoLeader
	for _, m := range n.others() {
		if failed = n.post(ctx, m, "/tell", &me); failed == nil {
			return nil
		}
	}
	return failed
}

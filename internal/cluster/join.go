package cluster

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/store"
)

// maxJoinHead bounds what comes before the backup.
const maxJoinHead = 8 << 20

// joinRequest is what a node with a token says, and admitRequest what it says when it has the files.
type joinRequest struct {
	Secret  []byte `json:"secret"`
	Key     []byte `json:"key"` // public, PKIX
	Version string `json:"version"`
	Format  int    `json:"format"`
	Entries int    `json:"entries"` // the newest format of entries of the log that it reads: see entriesFormat
}

type admitRequest struct {
	Secret  []byte `json:"secret"`
	Key     []byte `json:"key"` // its SHA-256
	Version string `json:"version"`
}

// joinAnswer is what it gets, before the backup.
type joinAnswer struct {
	Cluster      uuid.UUID `json:"cluster"`
	Node         uint64    `json:"node"`
	Name         string    `json:"name"`
	Secret       []byte    `json:"secret"`
	Authority    []byte    `json:"authority"`
	AuthorityKey []byte    `json:"authority_key"`
	Certificate  []byte    `json:"certificate"`
	Follower     bool      `json:"follower,omitempty"`
	position
}

// position is where the log of a node begins that gets the files of another one: behind what these have.
type position struct {
	Place   uint64          `json:"place"`
	Term    uint64          `json:"term"`
	Members json.RawMessage `json:"members"`
	Retired []byte          `json:"retired,omitempty"` // the signing key that was retired lately: secret, and in no backup
}

// position returns where the files of this node are. It is called before a backup of them is made.
func (n *Node) position() (p position, err error) {
	p.Members = n.members.Load().encode()
	p.Place = n.applier.mark()
	if p.Term, err = n.log.Term(p.Place); err != nil {
		return p, fmt.Errorf("the log at %d: %w", p.Place, err)
	}
	p.Retired, err = store.RetiredKey(n.config.Dir)
	return p, err
}

const (
	// inviteAgain is how often a node that sends a copy has the log say that the token is good for an hour from now on.
	inviteAgain = 20 * time.Minute

	// inviteRest is how much sooner it tries again when that failed.
	inviteRest = 20
)

// serveJoin gives a node with a token its certificate and the files.
func (n *Node) serveJoin(w http.ResponseWriter, r *http.Request) {
	var q joinRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, inv, err := n.joinAnswer(r.Context(), &q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	n.http.invited(w, r)
	sending, sent := context.WithCancel(r.Context())
	var prolonging sync.WaitGroup
	prolonging.Go(func() { n.keepInvite(sending, inv) })
	defer func() {
		sent()
		prolonging.Wait()
	}()
	n.sendFolder(w, r, a)
	ctx, cancel := context.WithTimeout(r.Context(), proposalLifetime)
	defer cancel()
	n.prolong(ctx, inv) // the node has been admitted by now, or has an hour from now on
}

// keepInvite has a token not end while the copy is sent that was begun with it, until ctx ends. Admission compares the token with the
// time after the copy, which may take hours.
func (n *Node) keepInvite(ctx context.Context, inv Invite) {
	every := cmp.Or(n.config.inviteAgain, inviteAgain)
	for wait := every; ; {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if wait = every; n.prolong(ctx, inv) != nil {
			wait = every / inviteRest
		}
	}
}

// prolong has the log invite a node again, by the same token: programs of every version put that in the place of the invitation that
// they have, so that only its end is another. A token that was used or replaced stays so, unless that happens at the same moment.
func (n *Node) prolong(ctx context.Context, inv Invite) error {
	if n.members.Load().invited(inv.Secret) < 0 {
		return nil
	}
	inv.Until = n.config.Now().Add(inviteLifetime).UTC()
	return n.change(ctx, inv.change())
}

// sendFolder writes a head in JSON, and a backup of the folder.
func (n *Node) sendFolder(w http.ResponseWriter, r *http.Request, head any) {
	text, err := json.Marshal(head)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p := partsOf(w, fileWrite)
	err = writeFrame(p, text)
	if err == nil {
		err = n.machine.Backup(r.Context(), p)
	}
	if err == nil {
		err = p.end()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the answer must not look whole
	}
}

// readFolder reads the head that sendFolder has written. The backup follows.
func readFolder(body io.Reader, head any) (backup io.Reader, err error) {
	r := bufio.NewReader(body)
	text, err := readFrame(r)
	if err == nil && len(text) > maxJoinHead {
		err = fmt.Errorf("a head of %d bytes", len(text))
	}
	if err == nil {
		err = json.Unmarshal(text, head)
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return r, nil
}

// joinAnswer returns the answer to a request, and the invitation that it is by.
func (n *Node) joinAnswer(ctx context.Context, q *joinRequest) (a *joinAnswer, inv Invite, err error) {
	if err := n.usable(); err != nil {
		return nil, inv, err
	}
	if q.Format < n.config.Format {
		return nil, inv, refused("Accord %s does not read what this cluster's log has (format %d, it reads %d): join with %s or newer", q.Version, n.config.Format, q.Format, n.config.Version)
	}
	done, err := n.await(ctx, hashSecret(q.Secret))
	if err != nil {
		return nil, inv, err
	}
	defer done()
	place, err := n.Committed(ctx)
	if err == nil {
		err = n.awaitHanded(ctx, place) // what this node knows of tokens may be old
	}
	if err != nil {
		return nil, inv, err
	}
	m := n.members.Load()
	if q.Entries < entriesFormat && m.followers() {
		return nil, inv, refused("Accord %s does not know nodes that follow others, which this cluster has: join with %s or newer", q.Version, n.config.Version)
	}
	i := m.invited(hashSecret(q.Secret))
	if i < 0 || !m.Invites[i].Until.After(n.config.Now()) {
		_, err := m.clone().admit(&change{At: n.config.Now(), Admit: &admission{Secret: hashSecret(q.Secret)}})
		return nil, inv, err
	}
	public, err := x509.ParsePKIXPublicKey(q.Key)
	if err != nil {
		return nil, inv, refused("the node's key cannot be read: %v", err)
	}
	id := n.identity
	inv = m.Invites[i]
	certificate, err := id.sign(inv.ID, inv.Name, public, n.config.Now())
	if err != nil {
		return nil, inv, err
	}
	authorityKey, err := x509.MarshalPKCS8PrivateKey(id.authorityKey)
	if err != nil {
		return nil, inv, err
	}
	at, err := n.position()
	if err != nil {
		return nil, inv, err
	}
	return &joinAnswer{
		Cluster: id.Cluster, Node: inv.ID, Name: inv.Name, Secret: id.Secret,
		Authority: id.authority.Raw, AuthorityKey: authorityKey, Certificate: certificate.Raw,
		Follower: inv.Follows != 0, position: at,
	}, inv, nil
}

// serveAdmit takes a node into the cluster that has the files.
func (n *Node) serveAdmit(w http.ResponseWriter, r *http.Request) {
	var q admitRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&q)
	if err == nil {
		if err = n.usable(); err == nil {
			err = n.admit(w, r, &q)
		}
	}
	m := n.members.Load()
	if err != nil && !slices.ContainsFunc(m.Nodes, func(n Member) bool { return bytes.Equal(n.Key, q.Key) }) {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	json.NewEncoder(w).Encode(m)
}

func (n *Node) admit(w http.ResponseWriter, r *http.Request, q *admitRequest) error {
	secret := hashSecret(q.Secret)
	done, err := n.await(r.Context(), secret)
	if err != nil {
		return err
	}
	defer done()
	if n.members.Load().invited(secret) >= 0 {
		n.http.invited(w, r)
	}
	return n.change(r.Context(), change{Admit: &admission{Secret: secret, Version: q.Version, Key: q.Key}})
}

// Joining is what Join needs.
type Joining struct {
	Dir      string // new or empty
	Token    string
	Version  string
	Format   int
	Now      func() time.Time
	Progress store.Progress
}

// Join makes a data folder that of a new node: with a certificate, the files of another node and a log that goes on where
// these end. A folder that Join did not finish with goes on with the same token.
func Join(ctx context.Context, j Joining) (name string, err error) {
	t, err := parseToken(j.Token)
	if err != nil {
		return "", err
	}
	if in, err := In(j.Dir); err != nil {
		return "", err
	} else if in {
		id, err := ReadIdentity(j.Dir)
		if err != nil {
			return "", err
		}
		if !bytes.Equal(id.Joining, t.Secret) {
			return "", refused("the folder %s belongs to the node %s of a cluster already: join into an empty one", j.Dir, id.Name)
		}
		return id.Name, j.finish(ctx, t, id)
	}
	id, err := j.fetch(ctx, t)
	if err != nil {
		return "", err
	}
	return id.Name, j.finish(ctx, t, id)
}

// finish goes on from where the identity is written, however far an attempt came that was killed.
func (j *Joining) finish(ctx context.Context, t *token, id *Identity) error {
	if err := j.useCopy(id); err != nil {
		return err
	}
	return j.admit(ctx, t, id)
}

// each asks one address of the token after the other.
func (j *Joining) each(ctx context.Context, t *token, path string, body any, use func(*http.Response) error) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var errs []error
	for i, address := range t.Addresses {
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: linkTimeout}, Config: joinerTLS([32]byte(t.Authority), t.keyAt(i))}
		client := &http.Client{Transport: &http.Transport{
			DialTLSContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) },
			ResponseHeaderTimeout: 30 * time.Second, DisableKeepAlives: true,
		}}
		u := url.URL{Scheme: "https", Host: address, Path: path}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(text))
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", address, errors.Unwrap(err)))
			continue
		}
		if answer.StatusCode != http.StatusOK {
			err = answerError(answer)
		} else {
			err = use(answer)
		}
		answer.Body.Close()
		return err
	}
	return fmt.Errorf("no node of the cluster answers: %w", errors.Join(errs...))
}

// fetch makes the folder: the files, the log, and last what says that it is a node that is joining.
func (j *Joining) fetch(ctx context.Context, t *token) (id *Identity, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	if err := j.empty(); err != nil {
		return nil, err
	}
	err = j.each(ctx, t, "/join", joinRequest{t.Secret, public, j.Version, j.Format, entriesFormat}, func(answer *http.Response) error {
		var a joinAnswer
		body, err := readFolder(answer.Body, &a)
		if err != nil {
			return err
		}
		if id, err = a.identity(key, t); err != nil {
			return err
		}
		return j.receive(ctx, body, &a, id)
	})
	return id, err
}

// identity is who the node is by an answer.
func (a *joinAnswer) identity(key *ecdsa.PrivateKey, t *token) (*Identity, error) {
	id := &Identity{Cluster: a.Cluster, Node: a.Node, Name: a.Name, Secret: a.Secret, Follower: a.Follower, Joining: t.Secret, key: key}
	var err error
	if id.authority, err = x509.ParseCertificate(a.Authority); err == nil {
		id.certificate, err = x509.ParseCertificate(a.Certificate)
	}
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(a.AuthorityKey)
	if err != nil {
		return nil, err
	}
	var ok bool
	if id.authorityKey, ok = parsed.(*ecdsa.PrivateKey); !ok || id.authorityDigest() != [32]byte(t.Authority) {
		return nil, errors.New("the answer is of another cluster than the token")
	}
	return id, nil
}

// admit has the node taken into the cluster.
func (j *Joining) admit(ctx context.Context, t *token, id *Identity) error {
	q := admitRequest{t.Secret, keyDigest(id.certificate), j.Version}
	m := &Members{}
	err := j.each(ctx, t, "/admit", q, func(answer *http.Response) error {
		return json.NewDecoder(io.LimitReader(answer.Body, maxJoinHead)).Decode(m)
	})
	if err != nil {
		return err
	}
	// The log of a node may have later members than its entries say: it passes over changes that are in them.
	log, err := raftlog.Open(LogPath(j.Dir), id.logIdentity(), j.Now)
	if err != nil {
		return err
	}
	if err := errors.Join(log.Save(raftlog.Write{Members: m.encode()}), log.Close()); err != nil {
		return err
	}
	id.Joining = nil
	return id.write(j.Dir)
}

package cluster

import (
	"bufio"
	"bytes"
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
	"os"
	"slices"
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

// serveJoin gives a node with a token its certificate and the files.
func (n *Node) serveJoin(w http.ResponseWriter, r *http.Request) {
	var q joinRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := n.joinAnswer(r.Context(), &q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	n.sendFolder(w, r, a)
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

func (n *Node) joinAnswer(ctx context.Context, q *joinRequest) (*joinAnswer, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	if q.Format < n.config.Format {
		return nil, refused("Accord %s does not read what this cluster's log has (format %d, it reads %d): join with %s or newer", q.Version, n.config.Format, q.Format, n.config.Version)
	}
	place, err := n.Committed(ctx)
	if err == nil {
		err = n.awaitHanded(ctx, place) // what this node knows of tokens may be old
	}
	if err != nil {
		return nil, err
	}
	m := n.members.Load()
	if q.Entries < entriesFormat && m.followers() {
		return nil, refused("Accord %s does not know nodes that follow others, which this cluster has: join with %s or newer", q.Version, n.config.Version)
	}
	i := slices.IndexFunc(m.Invites, func(i Invite) bool { return bytes.Equal(i.Secret, hashSecret(q.Secret)) })
	if i < 0 || !m.Invites[i].Until.After(n.config.Now()) {
		_, err := m.clone().admit(&change{At: n.config.Now(), Admit: &admission{Secret: hashSecret(q.Secret)}})
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(q.Key)
	if err != nil {
		return nil, refused("the node's key cannot be read: %v", err)
	}
	id, inv := n.identity, m.Invites[i]
	certificate, err := id.sign(inv.ID, inv.Name, public, n.config.Now())
	if err != nil {
		return nil, err
	}
	authorityKey, err := x509.MarshalPKCS8PrivateKey(id.authorityKey)
	if err != nil {
		return nil, err
	}
	at, err := n.position()
	if err != nil {
		return nil, err
	}
	return &joinAnswer{
		Cluster: id.Cluster, Node: inv.ID, Name: inv.Name, Secret: id.Secret,
		Authority: id.authority.Raw, AuthorityKey: authorityKey, Certificate: certificate.Raw,
		Follower: inv.Follows != 0, position: at,
	}, nil
}

// serveAdmit takes a node into the cluster that has the files.
func (n *Node) serveAdmit(w http.ResponseWriter, r *http.Request) {
	var q admitRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&q)
	if err == nil {
		if err = n.usable(); err == nil {
			err = n.change(r.Context(), change{Admit: &admission{Secret: hashSecret(q.Secret), Version: q.Version, Key: q.Key}})
		}
	}
	m := n.members.Load()
	if err != nil && !slices.ContainsFunc(m.Nodes, func(n Member) bool { return bytes.Equal(n.Key, q.Key) }) {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	json.NewEncoder(w).Encode(m)
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
		return id.Name, j.admit(ctx, t, id)
	}
	id, err := j.fetch(ctx, t)
	if err != nil {
		return "", err
	}
	return id.Name, j.admit(ctx, t, id)
}

// each asks one address of the token after the other.
func (j *Joining) each(ctx context.Context, t *token, path string, body any, use func(*http.Response) error) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: linkTimeout}, Config: joinerTLS([32]byte(t.Authority))}
	var errs []error
	for _, address := range t.Addresses {
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
	if entries, err := os.ReadDir(j.Dir); err == nil && len(entries) > 0 {
		return nil, refused("the folder %s is not empty: a node joins into an empty one", j.Dir)
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
		if _, err := store.ReceiveFolder(ctx, body, j.Dir, j.Progress); err != nil { // each file is verified as it comes
			return err
		}
		if err := store.KeepRetiredKey(j.Dir, a.Retired); err != nil {
			return err
		}
		err = raftlog.Create(LogPath(j.Dir), raftlog.Beginning{Identity: id.logIdentity(), Index: a.Place, Term: a.Term, Members: a.Members})
		if err != nil {
			return err
		}
		return id.write(j.Dir)
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

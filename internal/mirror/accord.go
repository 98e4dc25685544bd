package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/peer"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// accord is what a remote server that is an Accord answers beyond TAXII.
type accord struct {
	remote *remote
	base   string         // URL of /accord/v1/
	name   agreement.Name // of the agreement there whose collection is followed
}

// errNoAccord says that a remote server is no Accord, or one that does not name the agreement to this account.
var errNoAccord = errors.New("the remote server is no Accord, or does not name the agreement")

// accord finds out whether the remote server is an Accord. Any error but errNoAccord says that it is not known.
func (r *remote) accord(ctx context.Context) (*accord, error) {
	u, err := url.Parse(r.base)
	if err != nil {
		return nil, errNoAccord
	}
	before, id, ok := strings.Cut(strings.Trim(u.Path, "/"), "/collections/")
	if !ok {
		return nil, errNoAccord
	}
	root := before[strings.LastIndexByte(before, '/')+1:]
	a := &accord{remote: r, base: u.Scheme + "://" + u.Host + "/accord/v1/"}
	text, err := a.fetch(ctx, "agreements/")
	var no *refused
	var f *Fault
	if errors.As(err, &no) && no.status < 500 || errors.As(err, &f) && f.Name == FaultVersion {
		return nil, errNoAccord
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Agreements []struct {
			Name       agreement.Name       `json:"name"`
			APIRoot    string               `json:"api_root"`
			Collection agreement.Collection `json:"collection"`
		} `json:"agreements"`
	}
	if json.Unmarshal(text, &list) != nil {
		return nil, errNoAccord
	}
	for _, one := range list.Agreements {
		if one.APIRoot == root && (strings.EqualFold(one.Collection.ID.String(), id) || one.Collection.Alias == id) && agreement.CheckName(string(one.Name)) == nil {
			a.name = one.Name
			return a, nil
		}
	}
	return nil, errNoAccord
}

// fetch reads an answer to a path below /accord/v1/.
func (a *accord) fetch(ctx context.Context, path string) ([]byte, error) {
	return a.ask(ctx, http.MethodGet, path, nil)
}

// ask sends a request to a path below /accord/v1/ and returns what is answered with 200.
func (a *accord) ask(ctx context.Context, method, path string, body any) (text []byte, err error) {
	var sent []byte
	if body != nil {
		if sent, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("write a request to %s: %w", a.base, err)
		}
	}
	r, header := a.remote, http.Header{"Accept": {"application/json"}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	resp, text, err := r.send(ctx, method, a.base+path, header, sent)
	if err == nil && resp.StatusCode == http.StatusUnauthorized && r.login.renew() {
		resp, text, err = r.send(ctx, method, a.base+path, header, sent)
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusFault(resp, text)
	}
	return text, nil
}

func (a *accord) below(rest string) string {
	return "agreements/" + url.PathEscape(string(a.name)) + "/" + rest
}

// positions returns where the remote journal has versions, 0 where it does not say. A server that knows no such question says
// nothing of any.
func (a *accord) positions(ctx context.Context, versions []store.Addition) ([]journal.Position, error) {
	asked := audit.PositionsAsked{}
	for i := range versions {
		o := &versions[i].Object
		asked.Objects = append(asked.Objects, audit.VersionNamed{ID: string(o.ID), Version: o.Version})
	}
	none := make([]journal.Position, len(versions))
	text, err := a.ask(ctx, http.MethodPost, a.below("positions/"), asked)
	var no *refused
	if errors.As(err, &no) && no.status < 500 {
		return none, nil
	}
	if err != nil {
		if errors.As(err, &no) && faultOf(err) == nil {
			err = fault(FaultStatus, "", "positions: %w", err)
		}
		return nil, err
	}
	var list audit.Positions
	if err := json.Unmarshal(text, &list); err != nil || len(list.Positions) != len(versions) {
		return none, nil
	}
	for i, p := range list.Positions {
		if uint64(p) > mostPosition {
			list.Positions[i] = 0
		}
	}
	return list.Positions, nil
}

// mostPosition is more entries than a journal has: an entry cannot name a later one.
const mostPosition = 1 << 62

// headEvery is how often a remote journal's head is asked for where nothing came.
const headEvery = time.Minute

// identify finds out whether the remote server is an Accord; it is asked again now and then if it is not.
func (r *runner) identify(ctx context.Context) {
	if r.accord != nil || time.Now().Before(r.unasked) {
		return
	}
	found, err := r.remote.accord(ctx)
	switch {
	case err == nil:
		r.accord = found
	case errors.Is(err, errNoAccord):
		r.unasked = time.Now().Add(time.Hour)
	}
}

// exchange holds the head that the remote server shows against what is kept of it, and gives the remote server the head of this
// journal. What goes wrong is noted, and the visit is none the worse for it: objects are judged by the terms.
func (r *runner) exchange(ctx context.Context) {
	if r.accord == nil || time.Now().Before(r.heads) {
		return
	}
	r.heads = time.Now().Add(headEvery)
	seen, err := r.observe(ctx)
	if gave := r.give(ctx); err == nil && gave != nil {
		err = fmt.Errorf("give the head of this journal: %w", gave)
	}
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	r.history = History{At: r.manager.config.Now(), Size: seen}
	if err != nil {
		r.history.Error = short(err.Error())
	}
	r.mu.Unlock()
	var contradiction *audit.HistoryError
	if errors.As(err, &contradiction) {
		r.manager.count(FaultHistory)
	}
}

// History is how the latest exchange of heads with a remote server went.
type History struct {
	At    time.Time // zero: there was none since the server started; the remote server may be no Accord
	Size  uint64    // entries under the head that it showed
	Error string
}

// History returns how the latest exchange of heads for an agreement went.
func (m *Manager) History(name agreement.Name) History {
	m.mu.Lock()
	r := m.runners[name]
	m.mu.Unlock()
	if r == nil {
		return History{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history
}

// observe asks for the head of the remote journal.
func (r *runner) observe(ctx context.Context) (size uint64, err error) {
	a := r.accord
	client := &audit.Client{Fetch: a.fetch}
	seen := peer.Sight{URL: r.terms.URL, Agreement: a.name,
		Prove: func(from, to uint64) (audit.Proof, error) { return client.ConsistencyProof(ctx, a.name, from, to) }}
	if seen.Keys, err = client.Keys(ctx); err != nil {
		return 0, err
	}
	if seen.Signed, err = client.Checkpoint(ctx, a.name); err != nil {
		return 0, err
	}
	return peer.Observe(ctx, r.col, peer.Followed(Source(r.terms.URL)), seen, r.manager.config.Now())
}

// give gives the remote server the head of this journal, and the proof that it continues the one that is kept there.
func (r *runner) give(ctx context.Context) error {
	source := audit.Source{Store: r.manager.config.Store, Now: r.manager.config.Now}
	view, err := source.View(r.col.Agreement().Name, agreement.Caller{Operator: true})
	if err != nil {
		return err
	}
	g := audit.HeadGiven{Agreement: r.col.Agreement().Name}
	if g.Keys, err = source.Keys(); err != nil {
		return err
	}
	signed, err := view.Checkpoint()
	if err != nil {
		return err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return err
	}
	g.Signed = string(signed)
	for range 2 { // the first answer says what the proof has to begin with
		text, err := r.accord.ask(ctx, http.MethodPost, r.accord.below("heads/"), g)
		var no *refused
		if errors.As(err, &no) && (no.status == http.StatusNotFound || no.status == http.StatusMethodNotAllowed) {
			return nil // it knows of no such thing
		}
		if err != nil {
			return err
		}
		var taken audit.HeadTaken
		if err := json.Unmarshal(text, &taken); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if taken.Taken || taken.Size == 0 || taken.Size >= head.Size {
			return nil
		}
		if g.Proof, err = view.ProveConsistency(taken.Size, head.Size); err != nil {
			return err
		}
	}
	return nil
}

// traceTime bounds how long another server may take to say where it has an object from.
const traceTime = 20 * time.Second

// ErrTracing says that as many traces are being asked for as may be at once.
var ErrTracing = errors.New("other traces are being asked for; try again")

// Trace asks the server that the mirror of a collection follows where it has an object from. source is what the entry here names.
func (m *Manager) Trace(ctx context.Context, col *store.Collection, source [16]byte, object string, hops int) (audit.Trace, string, error) {
	terms := col.Agreement().Mirror
	if terms == nil || Source(terms.URL) != source {
		return audit.Trace{}, "", errors.New("the mirror that brought it follows another collection now")
	}
	select {
	case m.tracing <- struct{}{}:
		defer func() { <-m.tracing }()
	default:
		return audit.Trace{}, terms.URL, ErrTracing
	}
	ctx, cancel := context.WithTimeout(ctx, traceTime)
	defer cancel()
	secret, _ := m.config.Store.Registry().Credential(store.CredentialName(col.Agreement().Name, "mirror", terms.URL))
	r, err := newRemote(&terms.Remote, secret, m.config.Now)
	if err != nil {
		return audit.Trace{}, terms.URL, err
	}
	defer r.close()
	a, err := r.accord(ctx)
	if err != nil {
		return audit.Trace{}, terms.URL, err
	}
	text, err := a.fetch(ctx, a.below(fmt.Sprintf("trace/?object=%s&hops=%d", url.QueryEscape(object), hops)))
	if err != nil {
		return audit.Trace{}, terms.URL, err
	}
	t, err := audit.ParseTrace(text)
	return t, terms.URL, err
}

// Shown asks the server that the mirror of a collection follows for the head of now, and for the proof that it continues one with
// size entries.
func (m *Manager) Shown(ctx context.Context, col *store.Collection, size uint64) (now audit.PeerNow) {
	ctx, cancel := context.WithTimeout(ctx, traceTime)
	defer cancel()
	err := func() error {
		terms := col.Agreement().Mirror
		if terms == nil {
			return errors.New("the agreement has no mirror now")
		}
		secret, _ := m.config.Store.Registry().Credential(store.CredentialName(col.Agreement().Name, "mirror", terms.URL))
		r, err := newRemote(&terms.Remote, secret, m.config.Now)
		if err != nil {
			return err
		}
		defer r.close()
		a, err := r.accord(ctx)
		if err != nil {
			return err
		}
		client := &audit.Client{Fetch: a.fetch}
		keys, err := client.Keys(ctx)
		if err != nil {
			return err
		}
		signed, err := client.Checkpoint(ctx, a.name)
		if err != nil {
			return err
		}
		head, err := journal.ReadCheckpoint(signed)
		if err != nil {
			return err
		}
		now.Signed, now.Successions = string(signed), keys.Successions
		if size > 0 && size < head.Size {
			now.Proof, err = client.ConsistencyProof(ctx, a.name, size, head.Size)
		}
		return err
	}()
	if err != nil {
		now.Error = short(err.Error())
	}
	return now
}

package push

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// Account is whose deliveries pushes are in the account of them. No account can have this name.
const Account = "(push)"

// Bounds of an envelope.
const (
	mostObjects = 1000
	mostBytes   = 8 << 20
	mostMessage = 500 // bytes of what a remote server says about an object
)

// pusher does, for one outbox, what its journal says.
type pusher struct {
	col        *store.Collection
	terms      *agreement.Push
	client     *taxii.Client
	deliveries *delivery.Log // nil: nothing is noted
	now        func() time.Time
	step       func(string) // tests kill between steps

	progress
	reset  bool  // the terms name another collection than before
	paused bool  // an operator paused it
	most   int64 // octets of an envelope; 0: not asked for yet
}

// version is a version that is to be sent.
type version struct {
	at      journal.Position
	entry   journal.Entry
	text    []byte
	failed  string // what the remote server said
	receipt uint64 // number of the receipt that speaks of it; 0: none does
}

// work is what follows the cursor: versions to send, or one to withdraw.
type work struct {
	to       journal.Position
	versions []version
	gone     *journal.Entry // with its position in to
}

// run does everything that the journal says. It returns the error that ended it early.
func (p *pusher) run(ctx context.Context) error {
	for {
		w, err := p.next()
		if err != nil {
			return err
		}
		if p.paused {
			return nil
		}
		if w == nil {
			if p.length > p.cursor { // what follows means nothing there
				return p.keep(ctx, &store.FollowerUpdate{Name: follower, Turn: p.turn, Position: uint64(p.length)}, p.meta)
			}
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.gone != nil {
			err = p.withdraw(ctx, w)
		} else {
			err = p.send(ctx, w)
		}
		if err != nil {
			return err
		}
	}
}

// next reads what follows the cursor; nil if nothing does that is to be done.
func (p *pusher) next() (w *work, err error) {
	err = p.col.Snapshot(func(s *store.Snapshot) error {
		var err error
		if p.progress, err = readProgress(s); err != nil {
			return err
		}
		if p.paused = s.State(follower, keyPaused) != nil; p.paused {
			return nil
		}
		if p.reset = p.URL != p.terms.URL; p.reset { // another remote collection gets everything
			p.cursor, p.meta = 0, meta{URL: p.terms.URL, Receipts: p.Receipts}
		}
		sentOf := func(at journal.Position) []byte {
			if p.reset {
				return nil
			}
			return s.State(follower, string(positionKey(prefixSent, at)))
		}
		w = &work{}
		size := 0
		for at := p.cursor + 1; at <= p.length && len(w.versions) < mostObjects && size < mostBytes; at++ {
			e, err := s.Entry(at)
			if err != nil {
				return err
			}
			switch {
			case e.Kind == journal.Added:
				text, err := s.Text(at, e)
				if err != nil {
					return err
				}
				if sent := sentOf(at); text != nil && (sent == nil || sent[0] == perhaps) {
					w.versions = append(w.versions, version{at: at, entry: e, text: bytes.Clone(text)})
					size += len(text)
				}
			case e.Of > 0 && sentOf(e.Of) != nil:
				if len(w.versions) > 0 {
					return nil
				}
				w.gone, w.to = &e, at
				return nil
			}
			w.to = at
		}
		if len(w.versions) == 0 && w.gone == nil {
			w = nil
		}
		return nil
	})
	return w, err
}

// send sends versions in as many envelopes as needed, and keeps what became of them.
func (p *pusher) send(ctx context.Context, w *work) error {
	if p.most == 0 {
		root, err := taxii.RootOf(p.terms.URL)
		if err == nil {
			var described taxii.APIRoot
			if described, err = p.client.Root(ctx, root); err == nil {
				p.most = max(described.MaxContentLength, 1024)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := p.announce(ctx, w); err != nil {
		return err
	}
	u := &store.FollowerUpdate{Name: follower, Turn: p.turn, Position: uint64(w.to)}
	m := p.meta
	texts := make([][]byte, len(w.versions))
	for i := range w.versions {
		texts[i] = w.versions[i].text
	}
	for _, batch := range taxii.Pack(texts, min(p.most, mostBytes), mostObjects) {
		list := w.versions[batch.First : batch.First+batch.Count]
		if batch.Bytes > p.most {
			list[0].failed = fmt.Sprintf("its envelope has %d bytes, and the remote server takes %d", batch.Bytes, p.most)
			continue
		}
		if err := p.envelope(ctx, list, u, &m); err != nil {
			return err
		}
	}
	now := p.now().UTC().Truncate(time.Millisecond)
	for i := range w.versions {
		v := &w.versions[i]
		if v.receipt > 0 {
			u.Set = append(u.Set, store.KeyValue{Key: positionKey(prefixOf, v.at), Value: binary.BigEndian.AppendUint64(nil, v.receipt)})
		}
		if v.failed == "" {
			m.Sent++
			u.Set = append(u.Set, store.KeyValue{Key: positionKey(prefixSent, v.at), Value: []byte{taken}})
			continue
		}
		m.Failed++
		u.Unset = append(u.Unset, positionKey(prefixSent, v.at))
		u.Set = append(u.Set, store.KeyValue{Key: positionKey(prefixFailed, v.at), Value: mustJSON(Failure{v.at, v.entry.Object, v.entry.Version, now, v.failed})})
	}
	return p.keep(ctx, u, m)
}

// What became of a version that was sent.
const (
	perhaps = 0 // it was about to be sent: it may be there
	taken   = 1
)

// announce keeps that versions are about to be sent: after a crash nobody knows whether they are there, and what is withdrawn then
// must be taken back.
func (p *pusher) announce(ctx context.Context, w *work) error {
	u := &store.FollowerUpdate{Name: follower, Turn: p.turn, Position: uint64(p.cursor)}
	if p.reset {
		u.Clear = [][]byte{[]byte(prefixSent), []byte(prefixFailed)}
	}
	for i := range w.versions {
		u.Set = append(u.Set, store.KeyValue{Key: positionKey(prefixSent, w.versions[i].at), Value: []byte{perhaps}})
	}
	if err := p.keep(ctx, u, p.meta); err != nil {
		return err
	}
	p.turn++
	return nil
}

// envelope sends versions in one envelope. Where the answer does not say which of them failed, or is about the envelope as a
// whole, it sends halves: what is there already is no harm.
func (p *pusher) envelope(ctx context.Context, list []version, u *store.FollowerUpdate, m *meta) error {
	texts, positions := make([][]byte, len(list)), make([]journal.Position, len(list))
	for i := range list {
		texts[i], positions[i] = list[i].text, list[i].at
	}
	whole := false
	if p.deliveries != nil {
		begun, err := p.deliveries.Begin(ctx, delivery.Delivery{Collection: p.col.ID(), Account: Account, Way: delivery.Pushed, Filter: p.terms.URL, Positions: positions, At: p.now()})
		if err != nil {
			return fmt.Errorf("note a delivery: %w", err)
		}
		defer func() { begun.End(whole) }()
	}
	p.step("posting")
	status, err := p.client.AddEnvelope(ctx, p.terms.URL, texts)
	p.step("posted")
	var refused *taxii.ResponseError
	switch {
	case errors.As(err, &refused) && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusUnprocessableEntity || refused.StatusCode == http.StatusRequestEntityTooLarge):
		if len(list) > 1 {
			return p.halves(ctx, list, u, m)
		}
		list[0].failed = short(err.Error())
		return nil
	case err != nil:
		return err
	}
	whole = true
	if status.FailureCount > len(status.Failures) && len(list) > 1 {
		return p.halves(ctx, list, u, m)
	}
	failures := 0
	for i := range list {
		v := &list[i]
		v.failed = failureOf(status, v.entry)
		if status.FailureCount == len(list) && v.failed == "" && len(status.Failures) == 0 {
			v.failed = "the remote server refused it without a reason"
		}
		if v.failed != "" && p.has(ctx, v) {
			v.failed = "" // some servers call a version that they have a failure
		}
		if v.failed != "" {
			failures++
		}
	}
	m.Receipts++
	u.Set = append(u.Set, store.KeyValue{Key: positionKey(prefixReceipt, journal.Position(m.Receipts)), Value: mustJSON(Receipt{
		At: p.now().UTC().Truncate(time.Millisecond), URL: p.terms.URL, Status: short(status.ID), Requested: short(status.RequestTimestamp), From: list[0].at, To: list[len(list)-1].at, Successes: len(list) - failures, Failures: failures})})
	for i := range list {
		list[i].receipt = m.Receipts
	}
	return nil
}

func (p *pusher) halves(ctx context.Context, list []version, u *store.FollowerUpdate, m *meta) error {
	if err := p.envelope(ctx, list[:len(list)/2], u, m); err != nil {
		return err
	}
	return p.envelope(ctx, list[len(list)/2:], u, m)
}

// failureOf is what a status says about a version that failed; "" if it did not.
func failureOf(s taxii.Status, e journal.Entry) string {
	for _, d := range s.Failures {
		if d.ID == e.Object && (d.Version == e.Version || d.Version == "" || e.Version == "") {
			if d.Message == "" {
				return "the remote server refused it without a reason"
			}
			return short(d.Message)
		}
	}
	return ""
}

// has reports whether the remote collection lists a version.
func (p *pusher) has(ctx context.Context, v *version) bool {
	q := taxii.Query{IDs: []string{v.entry.Object}}
	if v.entry.Version != "" {
		q.Versions = []string{v.entry.Version}
	}
	for page, err := range p.client.Manifest(ctx, p.terms.URL, q) {
		if err != nil {
			return false
		}
		for _, r := range page.Items {
			if r.ID == v.entry.Object && (v.entry.Version == "" || r.Version == v.entry.Version) {
				return true
			}
		}
	}
	return false
}

// keep keeps how far the push has come, in one transaction with what became of it.
func (p *pusher) keep(ctx context.Context, u *store.FollowerUpdate, m meta) error {
	u.Set = append(u.Set, store.KeyValue{Key: []byte(keyMeta), Value: mustJSON(m)})
	p.step("keeping")
	_, err := p.col.Append(ctx, store.Batch{Follower: u})
	p.step("kept")
	return err
}

// short bounds what is repeated of an answer.
func short(text string) string {
	if len(text) > mostMessage {
		text = strings.ToValidUTF8(text[:mostMessage], "") + "…"
	}
	return text
}

// faultOf names what is wrong with the remote server.
func faultOf(err error) (name, advice string) {
	var fault *mirror.Fault
	if errors.As(err, &fault) {
		return fault.Name, fault.Advice
	}
	var refused *taxii.ResponseError
	if !errors.As(err, &refused) {
		return "server", ""
	}
	switch refused.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return mirror.FaultLogin, "check the user and the password, and what the remote server's operator allows them"
	case http.StatusNotFound:
		return mirror.FaultMissing, "check the URL: it must be that of the collection"
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return mirror.FaultVersion, "ask for its TAXII 2.1 address"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return mirror.FaultBusy, ""
	}
	return mirror.FaultStatus, ""
}

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Trace is the way that versions of an object came, each step of it an entry of a signed journal.
type Trace struct {
	Object   string         `json:"object"`
	Versions []TraceVersion `json:"versions"` // the newest first
}

// TraceVersion is the way of one version, from where it was asked for back to where it began.
type TraceVersion struct {
	Version string      `json:"version,omitempty"`
	Links   []TraceLink `json:"links"`
	Ends    string      `json:"ends"`          // one of the Ends constants
	Why     string      `json:"why,omitempty"` // it goes no further
}

// TraceLink is an entry of a journal, with what proves that it is in it. The first is that of the agreement that was asked; each
// further one is where the one before says that it was taken from.
type TraceLink struct {
	By          string           `json:"by,omitempty"`        // how the one before took it from here: one of the By constants
	URL         string           `json:"url,omitempty"`       // ByMirror: of the collection that was followed
	Agreement   agreement.Name   `json:"agreement,omitempty"` // if the caller may know its name
	Position    journal.Position `json:"position"`
	Entry       []byte           `json:"entry"` // canonical bytes
	Proof       []tlog.Hash      `json:"proof"`
	Checkpoint  string           `json:"checkpoint"`
	Key         string           `json:"key"` // verifier key, on the word of the server that signed
	Successions []string         `json:"successions,omitempty"`
}

// How an entry was taken from another.
const (
	ByRelease = "release" // from an agreement of the same server
	ByMirror  = "mirror"  // from a collection of another server
)

// Why a trace ends.
const (
	EndsOrigin    = "origin"    // an account added the version there
	EndsHidden    = "hidden"    // the agreement does not show where its objects came from
	EndsChanged   = "changed"   // a release changed the object: the text before it is another
	EndsAbsent    = "absent"    // the other server does not have the entry, does not show it, or is no Accord
	EndsUnreached = "unreached" // the other server did not answer
	EndsLong      = "long"      // it has more steps than were asked for
)

// Bounds of a trace.
const (
	HopsDefault = 8 // servers
	HopsMost    = 16

	mostTraced = 20 // versions
	mostSteps  = 32 // entries on the way of a version
)

// Upstream asks the server that the mirror of a collection follows where it has an object from; url is that of the collection there.
type Upstream func(ctx context.Context, col *store.Collection, source [16]byte, object string, hops int) (t Trace, url string, err error)

// Trace traces the versions of an object that the caller received, back over hops servers at most.
func (v *View) Trace(ctx context.Context, object string, hops int) (Trace, error) {
	if _, err := stix.ParseID(object); err != nil {
		return Trace{}, badQuery("the parameter object: %v", err)
	}
	list, err := v.col.EntriesOf(stix.ID(object))
	if err != nil {
		return Trace{}, err
	}
	t := &tracing{View: v, object: object, hops: hops}
	for _, p := range slices.Backward(list) {
		e, _, err := v.col.Entry(p)
		if err != nil {
			return Trace{}, err
		}
		if e.Kind != journal.Added {
			continue
		}
		if ok, err := v.concerns(p, e); err != nil {
			return Trace{}, err
		} else if !ok {
			continue
		}
		one, err := t.version(ctx, p, e)
		if err != nil {
			return Trace{}, err
		}
		if t.answer.Versions = append(t.answer.Versions, one); len(t.answer.Versions) == mostTraced {
			break
		}
	}
	if len(t.answer.Versions) == 0 {
		return Trace{}, notFound("the agreement %s has no entry about %s that this account may see: a consumer may trace what its party received and, while members are confidential, what no other party added", v.Agreement(), object)
	}
	t.answer.Object = object
	return t.answer, nil
}

// tracing makes a Trace.
type tracing struct {
	*View
	object string
	hops   int
	answer Trace

	asked map[uuid.UUID]*asked // of other servers, by collection here
}

// asked is what another server said.
type asked struct {
	trace Trace
	url   string
	err   error
}

// version traces one version from the entry at a position of the view's agreement.
func (t *tracing) version(ctx context.Context, p journal.Position, e journal.Entry) (TraceVersion, error) {
	out := TraceVersion{Version: e.Version}
	col, by := t.col, ""
	for len(out.Links) < mostSteps {
		link, err := t.link(col, p)
		if err != nil {
			return out, err
		}
		link.By = by
		out.Links = append(out.Links, link)
		if e.Source.IsZero() {
			out.Ends = EndsOrigin
			return out, nil
		}
		if col.Agreement().Origins != agreement.OriginsVisible && !t.caller.Operator {
			out.Ends, out.Why = EndsHidden, "the agreement does not show where its objects came from; its operator can: origins: visible"
			return out, nil
		}
		if e.Before != (journal.Digest{}) {
			out.Ends, out.Why = EndsChanged, "the release that brought it changed the object, so the text before it is another"
			return out, nil
		}
		from := t.collection(e.Source.Collection)
		if from == nil {
			t.upstream(ctx, col, e, &out)
			return out, nil
		}
		p = e.Source.Position
		if e, _, err = from.Entry(p); errors.Is(err, store.ErrNoEntry) {
			out.Ends, out.Why = EndsAbsent, "the journal that the entry names has no entry there: it was restored or replaced"
			return out, nil
		} else if err != nil {
			return out, err
		}
		if !t.shows(from, e) {
			out.Ends, out.Why = EndsHidden, "the agreement that it was released from does not name its members: its operator can: members: visible"
			return out, nil
		}
		col, by = from, ByRelease
	}
	out.Ends, out.Why = EndsLong, fmt.Sprintf("it has more than %d steps", mostSteps)
	return out, nil
}

// shows reports whether the caller may see an entry of an agreement that objects were released from: it is hashed with the names
// in it.
func (t *tracing) shows(col *store.Collection, e journal.Entry) bool {
	return t.caller.Operator || e.Account == "" && e.Party == "" || col.Agreement().Members == agreement.MembersVisible ||
		agreement.Permit(col.Agreement(), t.caller, agreement.Audit, t.Now()) == nil
}

// link proves an entry of a collection of this server.
func (t *tracing) link(col *store.Collection, p journal.Position) (TraceLink, error) {
	keys, err := t.Keys()
	if err != nil {
		return TraceLink{}, err
	}
	k, err := t.Store.Keys("")
	if err != nil {
		return TraceLink{}, err
	}
	signed, err := k.Checkpoint(col)
	if err != nil {
		return TraceLink{}, err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return TraceLink{}, err
	}
	_, raw, err := col.Entry(p)
	if err != nil {
		return TraceLink{}, err
	}
	hashes, err := journal.ProveEntry(p, head.Size, col.Hashes())
	if err != nil {
		return TraceLink{}, err
	}
	link := TraceLink{Position: p, Entry: raw, Proof: proofHashes(hashes), Checkpoint: string(signed), Key: keys.Key, Successions: keys.Successions}
	if t.sees(col) {
		link.Agreement = col.Agreement().Name
	}
	return link, nil
}

// upstream goes on at the server that a mirror follows.
func (t *tracing) upstream(ctx context.Context, col *store.Collection, e journal.Entry, out *TraceVersion) {
	end := func(ends, why string, args ...any) {
		out.Ends, out.Why = ends, journal.CleanText(fmt.Sprintf(why, args...))
	}
	if t.hops <= 1 {
		end(EndsLong, "it comes from a further server, and as many were asked as may be")
		return
	}
	a := t.asked[col.ID()]
	if a == nil {
		a = &asked{err: errNoUpstream}
		if t.Source.Upstream != nil {
			a.trace, a.url, a.err = t.Source.Upstream(ctx, col, e.Source.Collection, t.object, t.hops-1)
		}
		if t.asked == nil {
			t.asked = map[uuid.UUID]*asked{}
		}
		t.asked[col.ID()] = a
	}
	if a.err != nil {
		end(EndsUnreached, "%s: %v", a.url, a.err)
		return
	}
	for _, one := range a.trace.Versions {
		if len(one.Links) == 0 || one.Links[0].Position != e.Source.Position {
			continue
		}
		if len(out.Links)+len(one.Links) > mostSteps {
			break
		}
		links := slices.Clone(one.Links)
		links[0].By, links[0].URL = ByMirror, a.url
		out.Links, out.Ends, out.Why = append(out.Links, links...), one.Ends, one.Why
		return
	}
	if e.Source.Position == 0 {
		end(EndsAbsent, "%s did not say where its journal has the version when it came: it was no Accord, or an older one", a.url)
		return
	}
	end(EndsAbsent, "%s does not show its entry at %d to this server: there the account needs the role auditor, or the agreement members: visible", a.url, e.Source.Position)
}

// mostTrace bounds the text of a trace that another server sends.
const mostTrace = 8 << 20

// ParseTrace reads a trace.
func ParseTrace(text []byte) (t Trace, err error) {
	if len(text) > mostTrace {
		return t, &EvidenceError{"trace", fmt.Sprintf("it has %d bytes, expected %d at most", len(text), mostTrace)}
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return Trace{}, &EvidenceError{"trace", "it cannot be read: " + err.Error()}
	}
	return t, nil
}

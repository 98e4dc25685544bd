package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/internal/peer"
	"github.com/accord-taxii/accord/store"
)

// mirrorRoutes are the paths of mirrors, which are for operators: the remote servers are theirs to deal with.
var mirrorRoutes = []route{
	{
		method: http.MethodGet, path: "mirrors/", reach: operators, do: (*Service).serveMirrors, memory: searchAnswer,
		summary: "List mirrors", note: "With how far each has come, and what is wrong with its remote server.", answer: MirrorList{},
	},
	{
		method: http.MethodPost, path: "mirrors/{name}/now/", reach: operators, do: (*Service).visitMirror,
		summary: "Visit the remote collection now", note: "Answers when the visit has ended. From the start, everything is read again; what is here already stays as it is.",
		body: visitMirror{}, answer: MirrorState{},
	},
	{method: http.MethodPost, path: "mirrors/{name}/pause/", reach: operators, do: (*Service).pauseMirror, summary: "Pause a mirror", answer: MirrorState{}},
	{method: http.MethodPost, path: "mirrors/{name}/resume/", reach: operators, do: (*Service).resumeMirror, summary: "Let a mirror go on", answer: MirrorState{}},
}

// visitMirror says where a visit begins.
type visitMirror struct {
	Start bool `json:"from_start,omitempty"`
}

// MirrorState is how a mirror is.
type MirrorState struct {
	Agreement string    `json:"agreement"`
	URL       string    `json:"url"`
	Interval  string    `json:"interval"`
	Gone      string    `json:"gone"`
	Status    string    `json:"status"` // active, failing, paused, or waiting: no visit has ended yet
	Reason    string    `json:"reason,omitempty"`
	Fault     string    `json:"fault,omitempty"`
	Advice    string    `json:"advice,omitempty"`
	Failures  int       `json:"failures,omitempty"`
	Failing   time.Time `json:"failing_since,omitzero"`
	Visited   time.Time `json:"visited,omitzero"`
	Complete  time.Time `json:"complete,omitzero"` // when a visit last came to the end of the remote collection
	Next      time.Time `json:"next_visit,omitzero"`
	After     time.Time `json:"after,omitzero"`    // everything added there up to here was taken
	History   *Shown    `json:"history,omitempty"` // of the remote journal; absent where the remote server is no Accord
	mirror.Counts
}

// Shown is what a remote server has shown of the journal of the collection that a mirror follows.
type Shown struct {
	Origin  string    `json:"origin"`            // of its heads
	Key     string    `json:"key"`               // that signs them
	Size    uint64    `json:"size"`              // entries under the newest head that is kept
	Since   time.Time `json:"since"`             // the first head
	Proved  time.Time `json:"proved"`            // when it was last shown to continue
	Break   string    `json:"break,omitempty"`   // how it contradicts what it signed, until an operator accepts that
	Problem string    `json:"problem,omitempty"` // why the latest exchange of heads failed
}

// MirrorList lists mirrors.
type MirrorList struct {
	Mirrors []MirrorState `json:"mirrors"`
}

// Values of MirrorState.Status.
const (
	MirrorActive  = "active"
	MirrorFailing = "failing"
	MirrorPaused  = "paused"
	MirrorWaiting = "waiting"
)

// mirrorView returns how the mirror of a collection is.
func (s *Service) mirrorView(col *store.Collection) (v MirrorState, err error) {
	a := col.Agreement()
	v = MirrorState{Agreement: string(a.Name), URL: a.Mirror.URL, Interval: a.Mirror.Every().String(), Gone: a.Mirror.Gone, Status: MirrorWaiting}
	progress, err := mirror.Read(col)
	if err != nil {
		return v, err
	}
	v.After, v.Counts = progress.After, progress.Counts
	if s.mirrors != nil {
		o := s.mirrors.Outcome(a.Name)
		v.Fault, v.Advice, v.Failures, v.Failing, v.Visited, v.Complete, v.Next = o.Fault, o.Advice, o.Failures, o.Failing, o.Visited, o.Complete, o.Next
		switch {
		case o.Failures > 0:
			v.Status, v.Reason = MirrorFailing, o.Error
		case !o.Complete.IsZero():
			v.Status, v.Reason = MirrorActive, o.Notice
		}
	} else {
		v.Reason = "no server is running"
	}
	if v.History, err = s.shownTo(col); err != nil {
		return v, err
	}
	paused, err := mirror.Paused(col)
	if err != nil {
		return v, err
	}
	if state := a.State(s.now()); state != agreement.Active {
		v.Status, v.Reason = MirrorPaused, fmt.Sprintf("the agreement is %s", state)
	}
	if paused != nil {
		v.Status, v.Reason = MirrorPaused, fmt.Sprintf("%s paused it on %s", paused.By, paused.At.UTC().Format(time.RFC3339))
	}
	if v.Status == MirrorPaused {
		v.Next = time.Time{}
	}
	return v, nil
}

// shownTo returns what the remote server has shown of its journal to the mirror of a collection; nil: nothing.
func (s *Service) shownTo(col *store.Collection) (*Shown, error) {
	a := col.Agreement()
	p, ok, err := peer.Get(col, peer.Followed(mirror.Source(a.Mirror.URL)))
	if err != nil || !ok {
		return nil, err
	}
	shown := &Shown{Origin: p.Origin, Key: p.Key, Size: p.Size, Since: p.Began, Proved: p.Proved}
	for _, b := range p.Breaks {
		if b.Accepted.IsZero() {
			shown.Break = b.Kind + ": " + b.Problem
		}
	}
	if s.mirrors != nil {
		shown.Problem = s.mirrors.History(a.Name).Error
	}
	return shown, nil
}

// mirrored returns the collection of the agreement in the path, which has a mirror.
func (s *Service) mirrored(c call) (*store.Collection, error) {
	col, ok := s.store.Collection(c.agreement())
	if !ok {
		return nil, s.missing(c.agreement())
	}
	if col.Agreement().Mirror == nil {
		return nil, notFound("the agreement %s has no mirror", c.name())
	}
	return col, nil
}

func (s *Service) serveMirrors(call) (any, error) {
	list := MirrorList{Mirrors: []MirrorState{}}
	for _, col := range s.store.Collections() {
		if col.Agreement().Mirror == nil {
			continue
		}
		v, err := s.mirrorView(col)
		if err != nil {
			return nil, err
		}
		list.Mirrors = append(list.Mirrors, v)
	}
	return list, nil
}

func (s *Service) visitMirror(c call) (any, error) {
	var body visitMirror
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	col, err := s.mirrored(c)
	if err != nil {
		return nil, err
	}
	if s.mirrors == nil {
		return nil, refuse("no server is running on the data folder: the server visits")
	}
	if body.Start {
		if err := mirror.Again(c.Context(), col); err != nil {
			return nil, err
		}
	}
	if err := s.mirrors.Visit(c.Context(), c.agreement()); err != nil && errors.Is(err, c.Context().Err()) {
		return nil, err
	}
	return s.mirrorView(col) // which says what went wrong
}

func (s *Service) pauseMirror(c call) (any, error) {
	return s.setPaused(c, &mirror.Pause{At: s.now().UTC().Truncate(time.Second), By: string(c.caller.Account)})
}

func (s *Service) resumeMirror(c call) (any, error) { return s.setPaused(c, nil) }

func (s *Service) setPaused(c call, p *mirror.Pause) (any, error) {
	col, err := s.mirrored(c)
	if err != nil {
		return nil, err
	}
	if err := mirror.SetPaused(c.Context(), col, p); err != nil {
		return nil, err
	}
	if s.mirrors != nil {
		s.mirrors.Notify(c.agreement())
	}
	return s.mirrorView(col)
}

// mirrorPatience is how long a mirror may fail before that is a finding; three intervals, if those are longer.
const mirrorPatience = 15 * time.Minute

// mirrorStatus is about mirrors that fail.
func (s *Service) mirrorStatus(st *Status, now time.Time) error {
	for _, col := range s.store.Collections() {
		terms := col.Agreement().Mirror
		if terms == nil {
			continue
		}
		v, err := s.mirrorView(col)
		if err != nil {
			return err
		}
		f := Finding{Agreement: col.Agreement().Name, Command: fmt.Sprintf("accord mirror now %s --data %s", v.Agreement, st.Data)}
		switch {
		case v.Status == MirrorFailing && (now.Sub(v.Failing) > max(mirrorPatience, 3*terms.Every()) || v.Fault == mirror.FaultSetup || v.Fault == mirror.FaultLogin):
			f.Message = fmt.Sprintf("its mirror has failed since %s: %s", v.Failing.UTC().Format(time.RFC3339), v.Reason)
			if v.Advice != "" {
				f.Message += "; " + v.Advice
			}
			st.find(f)
		case v.Status == MirrorPaused && col.Agreement().State(now) == agreement.Active:
			f.Message, f.Command = "its mirror is paused: "+v.Reason, fmt.Sprintf("accord mirror resume %s --data %s", v.Agreement, st.Data)
			st.inform(f)
		}
		if v.History != nil && v.History.Break != "" {
			st.find(Finding{Agreement: col.Agreement().Name, Message: "the server that its mirror follows contradicts what it signed: " + v.History.Break,
				Command: fmt.Sprintf("accord audit verify --peer --agreement %s --data %s", v.Agreement, st.Data)})
		}
	}
	return nil
}

// Mirrors lists mirrors.
func (c *Client) Mirrors(ctx context.Context) (list MirrorList, err error) {
	return list, c.do(ctx, http.MethodGet, "mirrors/", nil, &list)
}

// VisitMirror visits the remote collection of an agreement now; from the start, if asked to.
func (c *Client) VisitMirror(ctx context.Context, name agreement.Name, start bool) (m MirrorState, err error) {
	return m, c.do(ctx, http.MethodPost, "mirrors/"+url.PathEscape(string(name))+"/now/", visitMirror{start}, &m)
}

// PauseMirror pauses the mirror of an agreement, or lets it go on.
func (c *Client) PauseMirror(ctx context.Context, name agreement.Name, pause bool) (m MirrorState, err error) {
	act := "resume/"
	if pause {
		act = "pause/"
	}
	return m, c.do(ctx, http.MethodPost, "mirrors/"+url.PathEscape(string(name))+"/"+act, nil, &m)
}

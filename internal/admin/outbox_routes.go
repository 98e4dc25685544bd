package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/internal/push"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// outboxRoutes are the paths of outboxes: what releases pass on to collections of other servers.
var outboxRoutes = []route{
	{
		method: http.MethodGet, path: "outboxes/", reach: operators, do: (*Service).serveOutboxes, memory: searchAnswer,
		summary: "List outboxes", note: "An outbox is what a release to a collection of another server passes on; each is an agreement of its own.", answer: OutboxList{},
	},
	{
		method: http.MethodGet, path: "outboxes/{name}/", reach: operators, do: (*Service).serveOutbox, memory: largeAnswer,
		summary: "Get an outbox", note: "With what the remote server did not take, and the latest receipts.", answer: OutboxDetails{},
	},
	{
		method: http.MethodPost, path: "outboxes/{name}/retry/", reach: operators, do: (*Service).retryOutbox,
		summary: "Try again what failed", note: "What was sent is not sent again.", answer: Outbox{},
	},
	{method: http.MethodPost, path: "outboxes/{name}/pause/", reach: operators, do: (*Service).pauseOutbox, summary: "Pause an outbox", note: "Nothing is sent until it goes on.", answer: Outbox{}},
	{method: http.MethodPost, path: "outboxes/{name}/resume/", reach: operators, do: (*Service).resumeOutbox, summary: "Let an outbox go on", answer: Outbox{}},
}

// Outbox is how an outbox is.
type Outbox struct {
	Agreement string    `json:"agreement"`
	URL       string    `json:"url"`
	Status    string    `json:"status"` // active, failing, paused, or waiting: nothing was sent yet
	Reason    string    `json:"reason,omitempty"`
	Fault     string    `json:"fault,omitempty"`
	Advice    string    `json:"advice,omitempty"`
	Failures  int       `json:"failures,omitempty"`
	Failing   time.Time `json:"failing_since,omitzero"`
	Done      time.Time `json:"done,omitzero"` // when the queue was last empty
	push.State
}

// OutboxList lists outboxes.
type OutboxList struct {
	Outboxes []Outbox `json:"outboxes"`
}

// OutboxDetails is an outbox with what failed, and its latest receipts.
type OutboxDetails struct {
	Outbox
	Refused  []push.Failure `json:"refused"`
	Receipts []push.Receipt `json:"receipts"`
}

func (s *Service) outboxView(col *store.Collection, details bool) (d OutboxDetails, err error) {
	a := col.Agreement()
	d = OutboxDetails{Outbox: Outbox{Agreement: string(a.Name), URL: a.Push.URL, Status: MirrorWaiting}, Refused: []push.Failure{}, Receipts: []push.Receipt{}}
	st, failures, receipts, err := push.Read(col, details)
	d.State, d.Refused, d.Receipts = st, append(d.Refused, failures...), append(d.Receipts, receipts...)
	if st.Paused != nil {
		d.Status, d.Reason = MirrorPaused, fmt.Sprintf("%s paused it on %s", st.Paused.By, st.Paused.At.UTC().Format(time.RFC3339))
		return d, err
	}
	if err != nil || s.pushes == nil {
		d.Reason = "no server is running"
		return d, err
	}
	o := s.pushes.Outcome(a.Name)
	d.Fault, d.Advice, d.Failures, d.Failing, d.Done = o.Fault, o.Advice, o.Failures, o.Failing, o.Done
	switch {
	case o.Failures > 0:
		d.Status, d.Reason = MirrorFailing, o.Error
	case !o.Done.IsZero():
		d.Status = MirrorActive
	}
	return d, nil
}

// acknowledged returns what the remote server of an outbox said about versions in it.
func acknowledged(col *store.Collection, added []journal.Position) (map[journal.Position][]audit.Acknowledgement, error) {
	if col.Agreement().Push == nil {
		return nil, nil
	}
	list, err := push.Acknowledgements(col, added)
	said := make(map[journal.Position][]audit.Acknowledgement, len(list))
	for _, a := range list {
		said[a.Position] = append(said[a.Position], audit.Acknowledgement{URL: a.URL, Status: a.Status, Requested: a.Requested, At: a.At, Refused: a.Refused})
	}
	return said, err
}

// outbox returns the collection of the outbox in the path.
func (s *Service) outbox(c call) (*store.Collection, error) {
	col, ok := s.store.Collection(c.agreement())
	if !ok {
		return nil, s.missing(c.agreement())
	}
	if col.Agreement().Push == nil {
		return nil, notFound("the agreement %s is no outbox", c.name())
	}
	return col, nil
}

func (s *Service) serveOutboxes(call) (any, error) {
	list := OutboxList{Outboxes: []Outbox{}}
	for _, col := range s.store.Collections() {
		if col.Agreement().Push == nil {
			continue
		}
		d, err := s.outboxView(col, false)
		if err != nil {
			return nil, err
		}
		list.Outboxes = append(list.Outboxes, d.Outbox)
	}
	return list, nil
}

func (s *Service) serveOutbox(c call) (any, error) {
	col, err := s.outbox(c)
	if err != nil {
		return nil, err
	}
	return s.outboxView(col, true)
}

func (s *Service) retryOutbox(c call) (any, error) {
	col, err := s.outbox(c)
	if err != nil {
		return nil, err
	}
	if err := push.Retry(c.Context(), col); err != nil {
		return nil, err
	}
	if s.pushes != nil {
		s.pushes.Notify(c.agreement())
	}
	d, err := s.outboxView(col, false)
	return d.Outbox, err
}

func (s *Service) pauseOutbox(c call) (any, error) {
	return s.setOutboxPaused(c, &mirror.Pause{At: s.now().UTC().Truncate(time.Second), By: string(c.caller.Account)})
}

func (s *Service) resumeOutbox(c call) (any, error) { return s.setOutboxPaused(c, nil) }

func (s *Service) setOutboxPaused(c call, p *mirror.Pause) (any, error) {
	col, err := s.outbox(c)
	if err != nil {
		return nil, err
	}
	if err := push.SetPaused(c.Context(), col, p); err != nil {
		return nil, err
	}
	if s.pushes != nil {
		s.pushes.Notify(c.agreement())
	}
	d, err := s.outboxView(col, false)
	return d.Outbox, err
}

// outboxStatus is about outboxes that fail.
func (s *Service) outboxStatus(st *Status, now time.Time) error {
	for _, col := range s.store.Collections() {
		if col.Agreement().Push == nil {
			continue
		}
		d, err := s.outboxView(col, false)
		if err != nil {
			return err
		}
		f := Finding{Agreement: col.Agreement().Name, Command: fmt.Sprintf("accord outbox show %s --data %s", d.Agreement, st.Data)}
		switch {
		case d.Status == MirrorFailing && (now.Sub(d.Failing) > mirrorPatience || d.Fault == mirror.FaultSetup || d.Fault == mirror.FaultLogin):
			f.Message = fmt.Sprintf("pushing to %s has failed since %s: %s", d.URL, d.Failing.UTC().Format(time.RFC3339), d.Reason)
			st.find(f)
		case d.Status == MirrorPaused:
			f.Message, f.Command = "it is paused: "+d.Reason, fmt.Sprintf("accord outbox resume %s --data %s", d.Agreement, st.Data)
			st.inform(f)
		case d.Remaining > 0:
			f.Message = fmt.Sprintf("%d versions that were withdrawn are still at %s, which neither deletes nor revokes them", d.Remaining, d.URL)
			st.find(f)
		case d.Failed > 0:
			f.Message = fmt.Sprintf("%s refused %d versions", d.URL, d.Failed)
			st.inform(f)
		}
	}
	return nil
}

// Outboxes lists outboxes.
func (c *Client) Outboxes(ctx context.Context) (list OutboxList, err error) {
	return list, c.do(ctx, http.MethodGet, "outboxes/", nil, &list)
}

// Outbox returns an outbox with what failed, and its latest receipts.
func (c *Client) Outbox(ctx context.Context, name agreement.Name) (d OutboxDetails, err error) {
	return d, c.do(ctx, http.MethodGet, "outboxes/"+url.PathEscape(string(name))+"/", nil, &d)
}

// RetryOutbox has what failed tried again.
func (c *Client) RetryOutbox(ctx context.Context, name agreement.Name) (o Outbox, err error) {
	return o, c.do(ctx, http.MethodPost, "outboxes/"+url.PathEscape(string(name))+"/retry/", nil, &o)
}

// PauseOutbox pauses an outbox, or lets it go on.
func (c *Client) PauseOutbox(ctx context.Context, name agreement.Name, pause bool) (o Outbox, err error) {
	act := "resume/"
	if pause {
		act = "pause/"
	}
	return o, c.do(ctx, http.MethodPost, "outboxes/"+url.PathEscape(string(name))+"/"+act, nil, &o)
}

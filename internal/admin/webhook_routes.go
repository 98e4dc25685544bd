package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// webhookRoutes are the paths of webhooks. Operators reach all of them, an account those of its party.
var webhookRoutes = []route{
	{
		method: http.MethodGet, path: "webhooks/", reach: accounts, do: (*Service).serveWebhooks, memory: searchAnswer,
		summary: "List webhooks", note: "Of the caller's party; for operators all.", answer: WebhookList{},
	},
	{
		method: http.MethodPost, path: "webhooks/", reach: accounts, do: (*Service).addWebhook,
		summary: "Make a webhook", note: "It tells when the agreement changes, for as long as the account may read. The answer has the key that verifies signatures: of an HMAC it is a secret, and shown only here.",
		body: newWebhook{}, answer: Webhook{},
	},
	{
		method: http.MethodGet, path: "webhooks/{id}/", reach: accounts, do: (*Service).serveWebhook, memory: searchAnswer,
		summary: "Get a webhook", note: "With its latest attempts, the newest first.", answer: WebhookLog{},
	},
	{
		method: http.MethodPost, path: "webhooks/{id}/test/", reach: accounts, do: (*Service).testWebhook,
		summary: "Send a test message", note: "Once, of the type accord.test.", answer: webhook.Attempt{},
	},
	{
		method: http.MethodPost, path: "webhooks/{id}/replay/", reach: accounts, do: (*Service).replayWebhook,
		summary: "Tell again what happened after a position", note: "Under new message ids. A webhook that has ended begins again.", body: replayWebhook{}, answer: Webhook{},
	},
	{
		method: http.MethodPost, path: "webhooks/{id}/remove/", reach: accounts, do: (*Service).removeWebhook,
		summary: "Remove a webhook", answer: Webhook{},
	},
}

// Bounds of webhooks.
const (
	mostWebhooksOfParty = 8 // in an agreement
	mostWebhooks        = 1000
)

// newWebhook is what a new webhook is made of.
type newWebhook struct {
	Agreement string `json:"agreement"`
	URL       string `json:"url"`
	HMAC      bool   `json:"hmac,omitempty"`
	Party     string `json:"party,omitempty"`
}

// replayWebhook says from where to tell again.
type replayWebhook struct {
	After uint64 `json:"after"`
}

// Webhook is a webhook as administration shows it.
type Webhook struct {
	ID        string    `json:"id"`
	Agreement string    `json:"agreement"`
	URL       string    `json:"url"`
	Signature string    `json:"signature"`     // v1a or v1
	Key       string    `json:"key,omitempty"` // that verifies signatures
	Account   string    `json:"account,omitempty"`
	Party     string    `json:"party,omitempty"`
	Created   time.Time `json:"created"`
	Status    string    `json:"status"` // active, failing, paused or ended
	Reason    string    `json:"reason,omitempty"`
	webhook.State
}

// WebhookList lists webhooks.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks"`
}

// WebhookLog is a webhook with its latest attempts.
type WebhookLog struct {
	Webhook
	Log []webhook.Attempt `json:"log"`
}

// Values of Webhook.Status.
const (
	WebhookActive  = "active"
	WebhookFailing = "failing" // the last attempt failed
	WebhookPaused  = "paused"  // its owner may not read now
	WebhookEnded   = "ended"
)

// webhookView returns a webhook as it is shown, and with log its attempts.
func (s *Service) webhookView(w store.Webhook, log bool) (v Webhook, attempts []webhook.Attempt, err error) {
	v = Webhook{ID: w.ID, Agreement: string(w.Agreement), URL: w.URL, Signature: "v1a", Account: string(w.Account), Party: string(w.Party), Created: w.Created, Status: WebhookActive}
	if w.HMAC {
		v.Signature = "v1"
	} else {
		v.Key = webhook.VerifyKey(w)
	}
	col, ok := s.store.Collection(w.Agreement)
	if !ok {
		v.Status, v.Reason = WebhookPaused, "the agreement's file cannot be opened"
		return v, nil, nil
	}
	if v.State, attempts, err = webhook.Read(col, w.ID, log); err != nil {
		return v, nil, err
	}
	switch refused := webhook.MayRead(s.store, w, col, s.now()); {
	case v.End != nil:
		v.Status, v.Reason = WebhookEnded, map[string]string{webhook.Gone: "the receiver answered 410 Gone", webhook.Failed: "no attempt of three days succeeded"}[v.End.Cause]
	case refused != nil:
		v.Status, v.Reason = WebhookPaused, refused.Error()
	case v.Attempts > 0:
		v.Status, v.Reason = WebhookFailing, v.Error
	}
	return v, attempts, nil
}

// webhookOf returns the webhook in the path if the caller reaches it.
func (s *Service) webhookOf(c call) (store.Webhook, error) {
	id := c.PathValue("id")
	w, ok := s.store.Registry().Webhook(id)
	if !ok || !s.reaches(c.caller, w) {
		return store.Webhook{}, notFound("there is no webhook %q", id)
	}
	return w, nil
}

// reaches reports whether a caller manages a webhook: an operator, or an account of its party that may know of the agreement.
func (s *Service) reaches(caller agreement.Caller, w store.Webhook) bool {
	if caller.Operator {
		return true
	}
	col, ok := s.store.Collection(w.Agreement)
	return ok && caller.Party != "" && caller.Party == w.Party && agreement.Permit(col.Agreement(), caller, agreement.See, s.now()) == nil
}

// forCaller leaves out what only operators are shown: which of them made it, and what a receiver within the network answers.
func forCaller(v Webhook, attempts []webhook.Attempt, w store.Webhook, caller agreement.Caller) (Webhook, []webhook.Attempt) {
	if caller.Operator {
		return v, attempts
	}
	if w.Local {
		v.Account = ""
	}
	for i := range attempts {
		attempts[i] = outwardAttempt(attempts[i])
	}
	if v.Attempts > 0 && v.Error != "" {
		v.Error = outwardAttempt(webhook.Attempt{Error: v.Error, Status: statusKnown(attempts)}).Error
		if v.Status == WebhookFailing {
			v.Reason = v.Error
		}
	}
	return v, attempts
}

// statusKnown is the status of the newest attempt, 0 for none.
func statusKnown(attempts []webhook.Attempt) int {
	if len(attempts) == 0 {
		return 0
	}
	return attempts[0].Status
}

// outwardAttempt returns an attempt as a member sees it: without an answer it says no more than that, because the reason would
// tell what answers at which address.
func outwardAttempt(a webhook.Attempt) webhook.Attempt {
	if a.Status == 0 && a.Error != "" {
		a.Error = "the receiver could not be reached; the server's operator sees why"
		a.Millis = 0
	}
	return a
}

func (s *Service) serveWebhooks(c call) (any, error) {
	list := WebhookList{Webhooks: []Webhook{}}
	for _, w := range s.store.Registry().Webhooks {
		if !s.reaches(c.caller, w) {
			continue
		}
		v, attempts, err := s.webhookView(w, true)
		if err != nil {
			return nil, err
		}
		v, _ = forCaller(v, attempts, w, c.caller)
		list.Webhooks = append(list.Webhooks, v)
	}
	return list, nil
}

func (s *Service) serveWebhook(c call) (any, error) {
	w, err := s.webhookOf(c)
	if err != nil {
		return nil, err
	}
	v, attempts, err := s.webhookView(w, true)
	if err != nil {
		return nil, err
	}
	v, attempts = forCaller(v, attempts, w, c.caller)
	return WebhookLog{v, append([]webhook.Attempt{}, attempts...)}, nil
}

func (s *Service) addWebhook(c call) (any, error) {
	var body newWebhook
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	if err := webhook.CheckURL(body.URL); err != nil {
		return nil, &badRequest{err}
	}
	col, ok := s.store.Collection(agreement.Name(body.Agreement))
	if !ok {
		return nil, notFound("there is no agreement %s", body.Agreement)
	}
	if err := agreement.Permit(col.Agreement(), c.caller, agreement.Read, s.now()); err != nil {
		return nil, err
	}
	w := store.Webhook{Agreement: agreement.Name(body.Agreement), URL: body.URL, HMAC: body.HMAC, Account: c.caller.Account, Party: c.caller.Party,
		Local: isAtTheMachine(c.caller.Account)}
	if body.Party != "" {
		if !w.Local {
			return nil, &badRequest{errors.New("a webhook for another party is made at the machine; an account's own is for its party")}
		}
		if _, ok := col.Agreement().Member(agreement.PartyName(body.Party)); !ok {
			return nil, notFound("the party %s is not in the agreement %s", body.Party, body.Agreement)
		}
		w.Party = agreement.PartyName(body.Party)
	}
	w = webhook.Draw(w, s.now())
	var v any
	err := s.planned(func(revision uint64) (err error) {
		v, err = s.keepWebhook(c, col, w, revision)
		return err
	})
	return v, err
}

// keepWebhook adds a webhook to those that are kept, and begins it.
func (s *Service) keepWebhook(c call, col *store.Collection, w store.Webhook, revision uint64) (any, error) {
	list := s.store.Registry().Webhooks
	same := 0
	for _, other := range list {
		if other.Agreement == w.Agreement && other.Party == w.Party {
			same++
		}
	}
	if same >= mostWebhooksOfParty && !c.caller.Operator {
		return nil, refuse("the party has %d webhooks for this agreement, as many as it may; remove one first", same)
	}
	if len(list) >= mostWebhooks {
		return nil, refuse("the server has %d webhooks, as many as it may; an operator can remove some", len(list))
	}
	stats, err := col.Stats()
	if err != nil {
		return nil, err
	}
	if err := webhook.Begin(c.Context(), col, w.ID, journal.Position(stats.Entries)); err != nil {
		return nil, err
	}
	if err := s.putWebhooks(c, revision, append(slices.Clone(list), w), "add webhook", w.ID); err != nil {
		return nil, err
	}
	v, _, err := s.webhookView(w, false)
	v.Key = webhook.VerifyKey(w)
	return v, err
}

// putWebhooks keeps the list of webhooks, in the place of that of a revision of accord.db.
func (s *Service) putWebhooks(c call, revision uint64, list []store.Webhook, act, id string) error {
	slices.SortFunc(list, func(a, b store.Webhook) int { return cmp.Compare(a.ID, b.ID) })
	return s.store.ChangeOn(c.Context(), c.by, revision, []store.RegistryChange{{Webhooks: &list, Act: act, Reason: id}})
}

func (s *Service) removeWebhook(c call) (any, error) {
	w, err := s.webhookOf(c)
	if err != nil {
		return nil, err
	}
	v, attempts, err := s.webhookView(w, true)
	if err != nil {
		return nil, err
	}
	err = s.planned(func(revision uint64) error {
		list := slices.DeleteFunc(slices.Clone(s.store.Registry().Webhooks), func(other store.Webhook) bool { return other.ID == w.ID })
		return s.putWebhooks(c, revision, list, "remove webhook", w.ID)
	})
	if err != nil {
		return nil, err
	}
	if col, ok := s.store.Collection(w.Agreement); ok {
		if err := webhook.Forget(c.Context(), col, w.ID); err != nil {
			return nil, err
		}
	}
	v, _ = forCaller(v, attempts, w, c.caller)
	return v, nil
}

func (s *Service) replayWebhook(c call) (any, error) {
	var body replayWebhook
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	w, err := s.webhookOf(c)
	if err != nil {
		return nil, err
	}
	col, ok := s.store.Collection(w.Agreement)
	if !ok {
		return nil, s.missing(w.Agreement)
	}
	var position *webhook.PositionError
	if err := webhook.Replay(c.Context(), col, w.ID, journal.Position(body.After)); errors.As(err, &position) {
		return nil, &badRequest{err}
	} else if err != nil {
		return nil, err
	}
	if s.webhooks != nil {
		s.webhooks.Replayed(w.ID)
	}
	v, attempts, err := s.webhookView(w, true)
	v, _ = forCaller(v, attempts, w, c.caller)
	return v, err
}

func (s *Service) testWebhook(c call) (any, error) {
	w, err := s.webhookOf(c)
	if err != nil {
		return nil, err
	}
	if s.webhooks == nil {
		return nil, refuse("no server is running on the data folder: messages are sent by the server")
	}
	a, err := s.webhooks.Test(c.Context(), w)
	if !c.caller.Operator {
		a = outwardAttempt(a)
	}
	return a, err
}

// webhookStatus is about webhooks that fail, or have ended.
func (s *Service) webhookStatus(st *Status, now time.Time) error {
	for _, w := range s.store.Registry().Webhooks {
		v, _, err := s.webhookView(w, false)
		if err != nil {
			return err
		}
		f := Finding{Agreement: w.Agreement, Command: fmt.Sprintf("accord webhook log %s --data %s", w.ID, st.Data)}
		switch {
		case v.Status == WebhookEnded:
			f.Message = fmt.Sprintf("its webhook %s has ended: %s", w.ID, v.Reason)
			f.Command = fmt.Sprintf("accord webhook replay %s --after %d --data %s, or accord webhook remove %s --data %s", w.ID, v.Position, st.Data, w.ID, st.Data)
			st.find(f)
		case v.Status == WebhookFailing && now.Sub(v.Failing) > time.Hour:
			f.Message = fmt.Sprintf("its webhook %s has failed since %s: %s", w.ID, v.Failing.UTC().Format(time.RFC3339), v.Error)
			st.find(f)
		case v.Status == WebhookPaused:
			f.Message = fmt.Sprintf("its webhook %s is paused: %s", w.ID, v.Reason)
			st.inform(f)
		}
	}
	return nil
}

// Webhooks lists webhooks.
func (c *Client) Webhooks(ctx context.Context) (list WebhookList, err error) {
	return list, c.do(ctx, http.MethodGet, "webhooks/", nil, &list)
}

// Webhook returns a webhook with its latest attempts.
func (c *Client) Webhook(ctx context.Context, id string) (w WebhookLog, err error) {
	return w, c.do(ctx, http.MethodGet, webhookPath(id, ""), nil, &w)
}

// AddWebhook makes a webhook.
func (c *Client) AddWebhook(ctx context.Context, name agreement.Name, address string, hmac bool, party string) (w Webhook, err error) {
	return w, c.do(ctx, http.MethodPost, "webhooks/", newWebhook{Agreement: string(name), URL: address, HMAC: hmac, Party: party}, &w)
}

// RemoveWebhook removes a webhook.
func (c *Client) RemoveWebhook(ctx context.Context, id string) (w Webhook, err error) {
	return w, c.do(ctx, http.MethodPost, webhookPath(id, "remove/"), nil, &w)
}

// ReplayWebhook has a webhook tell again what happened after a position.
func (c *Client) ReplayWebhook(ctx context.Context, id string, after uint64) (w Webhook, err error) {
	return w, c.do(ctx, http.MethodPost, webhookPath(id, "replay/"), replayWebhook{after}, &w)
}

// TestWebhook sends a test message.
func (c *Client) TestWebhook(ctx context.Context, id string) (a webhook.Attempt, err error) {
	return a, c.do(ctx, http.MethodPost, webhookPath(id, "test/"), nil, &a)
}

func webhookPath(id, rest string) string { return "webhooks/" + url.PathEscape(id) + "/" + rest }

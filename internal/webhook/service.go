package webhook

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Config is what a Service works with. Store is required; zero values are the defaults.
type Config struct {
	Store  *store.Store
	Now    func() time.Time
	Allow  []string       // hosts that may be at a private or loopback address
	Roots  *x509.CertPool // of receivers' certificates; nil: the system's
	Failed func(error)    // called with failures of the server itself

	// Delays are how long to wait after each failed attempt; the last repeats. Each wait is shortened at random by up to a fifth.
	Delays []time.Duration
}

// delays begin within the five seconds that receivers are promised.
var delays = []time.Duration{4 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour}

const (
	lifetime    = 3 * 24 * time.Hour // how long a message is tried
	mostAtOnce  = 16                 // messages that are sent at once
	pauseCheck  = 10 * time.Second   // how often rights that depend on time are looked at again
	mostRetryIn = 24 * time.Hour     // that a receiver can ask for
)

// Service sends the messages of a server's webhooks.
type Service struct {
	config  Config
	allowed allowed
	client  *http.Client
	turns   chan struct{} // capacity is how many are sent at once

	sent, failed atomic.Uint64 // attempts

	mu      sync.Mutex
	runners map[string]*runner // guarded by mu; by id
}

// New returns a Service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	if len(c.Delays) == 0 {
		c.Delays = delays
	}
	return &Service{config: c, allowed: c.Allow, client: newClient(c.Allow, c.Roots), turns: make(chan struct{}, mostAtOnce), runners: map[string]*runner{}}
}

// Counts returns how many attempts succeeded and failed since the start.
func (s *Service) Counts() (sent, failed uint64) { return s.sent.Load(), s.failed.Load() }

// runner sends the messages of one webhook.
type runner struct {
	service *Service
	id      string
	col     *store.Collection
	cancel  context.CancelFunc
	wake    chan struct{} // capacity 1

	scanned journal.Position // entries up to here, after the cursor, have nothing to tell
	from    [2]uint64        // the cursor and the round that scanned is about
	due     time.Time        // of the next attempt; zero: at once
	tried   string           // the message that due is about
}

func (r *runner) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run sends messages until ctx ends, with a goroutine for each webhook.
func (s *Service) Run(ctx context.Context) {
	defer func() { // it may be called again
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.runners)
	}()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		version := s.config.Store.Version()
		registry := s.config.Store.Registry()
		s.mu.Lock()
		for _, w := range registry.Webhooks {
			col, ok := s.config.Store.Collection(w.Agreement)
			if !ok {
				continue // its file cannot be opened now
			}
			if r := s.runners[w.ID]; r == nil || r.col != col { // it is new, or the file was replaced
				if r != nil {
					r.cancel()
				}
				of, cancel := context.WithCancel(ctx)
				r = &runner{service: s, id: w.ID, col: col, cancel: cancel, wake: make(chan struct{}, 1)}
				s.runners[w.ID] = r
				group.Go(func() { r.run(of) })
			}
		}
		for id, r := range s.runners {
			if !slices.ContainsFunc(registry.Webhooks, func(w store.Webhook) bool { return w.ID == id }) {
				r.cancel()
				delete(s.runners, id)
			}
			r.notify() // accounts may have changed
		}
		s.mu.Unlock()
		if err := s.config.Store.Wait(ctx, version); err != nil {
			return
		}
	}
}

func (r *runner) run(ctx context.Context) {
	defer r.cancel()
	col := r.col
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		for p := journal.Position(0); ; {
			stats, err := col.Stats()
			if err != nil {
				return
			}
			p = journal.Position(stats.Entries)
			r.notify()
			if col.Wait(ctx, p) != nil {
				return
			}
		}
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		wait, err := r.advance(ctx, col)
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		if err != nil {
			r.service.config.Failed(fmt.Errorf("webhook %s: %w", r.id, err))
			wait = pauseCheck
		}
		timer.Stop()
		if wait > 0 {
			timer.Reset(wait)
		}
	}
}

// advance sends what is to be sent now, and returns how long to wait for the next attempt; 0: until something happens.
func (r *runner) advance(ctx context.Context, col *store.Collection) (wait time.Duration, err error) {
	for ctx.Err() == nil {
		w, ok := r.service.config.Store.Registry().Webhook(r.id)
		if !ok {
			return 0, nil
		}
		var st state
		err := col.Snapshot(func(s *store.Snapshot) (err error) {
			st, err = readState(s, r.id)
			return err
		})
		if err != nil || st.End != nil {
			return 0, err
		}
		if r.service.mayRead(w, col) != nil {
			return pauseCheck, nil
		}
		if st.pending == nil {
			if from := [2]uint64{uint64(st.cursor), st.Round}; from != r.from {
				r.from, r.scanned = from, 0
			}
			p, to, err := r.service.next(col, r.id, &st, r.scanned)
			if err != nil {
				return 0, err
			}
			if p == nil {
				r.scanned = to
				if to < st.length {
					continue
				}
				return 0, nil
			}
			if err := r.keep(ctx, col, st.turn, p); err != nil {
				if errors.Is(err, store.ErrStale) {
					continue
				}
				return 0, err
			}
			st.pending, r.due = p, time.Time{}
		}
		if st.pending.ID == r.tried && time.Until(r.due) > 0 {
			return time.Until(r.due), nil
		}
		if err := r.attempt(ctx, w, col, st.pending); err != nil {
			return 0, err
		}
	}
	return 0, ctx.Err()
}

// keep keeps a message before it is sent, if the state is still that which it was made of.
func (r *runner) keep(ctx context.Context, col *store.Collection, turn uint64, p *pending) error {
	return change(ctx, col, r.id, func(st *state) (*Attempt, error) {
		if st.turn != turn {
			return nil, store.ErrStale
		}
		st.pending = p
		return nil, nil
	})
}

// attempt sends a message once and keeps what came of it. The rights are judged again when its turn has come.
func (r *runner) attempt(ctx context.Context, w store.Webhook, col *store.Collection, p *pending) error {
	s := r.service
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.mayRead(w, col) != nil {
		return nil
	}
	a, after := s.send(ctx, w, p.ID, []byte(p.Body))
	if ctx.Err() != nil {
		return ctx.Err() // the server stops: it is sent again
	}
	a.From, a.To, a.Attempt = p.From, p.To, p.Attempts+1
	r.tried, r.due = p.ID, time.Now().Add(max(s.delay(p.Attempts), min(after, mostRetryIn)))
	return change(ctx, col, r.id, func(st *state) (*Attempt, error) {
		if st.pending == nil || st.pending.ID != p.ID {
			return &a, nil // it was replayed meanwhile
		}
		switch {
		case a.OK():
			st.cursor, st.pending = st.pending.To, nil
			return &a, nil
		case a.Status == http.StatusGone:
			st.End = &End{Gone, a.At}
		}
		st.pending.Attempts++
		st.pending.Last = a.Error
		if st.pending.Since.IsZero() {
			st.pending.Since = a.At
		}
		if st.End == nil && a.At.Sub(st.pending.Since) >= lifetime {
			st.End = &End{Failed, a.At}
		}
		return &a, nil
	})
}

// send sends a message once.
func (s *Service) send(ctx context.Context, w store.Webhook, id string, body []byte) (a Attempt, after time.Duration) {
	began := time.Now()
	a = Attempt{At: s.config.Now().UTC().Truncate(time.Millisecond), Message: id, Attempt: 1}
	status, after, err := s.post(ctx, w, id, body)
	a.Status, a.Millis = status, time.Since(began).Milliseconds()
	switch {
	case err != nil:
		a.Error = clipped(err.Error())
	case status/100 != 2:
		a.Error = fmt.Sprintf("the receiver answered %d %s", status, http.StatusText(status))
	}
	if a.OK() {
		s.sent.Add(1)
	} else {
		s.failed.Add(1)
	}
	return a, after
}

// clipped bounds what an error says: it may repeat what a receiver sent.
func clipped(text string) string {
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// delay is how long to wait after a number of earlier failures.
func (s *Service) delay(earlier int) time.Duration {
	d := s.config.Delays[min(earlier, len(s.config.Delays)-1)]
	return d - rand.N(d/5+1)
}

// mayRead says why a webhook's owner may not read the agreement now.
func (s *Service) mayRead(w store.Webhook, col *store.Collection) error {
	return MayRead(s.config.Store, w, col, s.config.Now())
}

// MayRead says why the owner of a webhook may not read its agreement: nothing is sent then.
func MayRead(s *store.Store, w store.Webhook, col *store.Collection, now time.Time) error {
	caller := agreement.Caller{Account: w.Account, Party: w.Party}
	if w.Local {
		caller.Operator = w.Party == "" // an operator at the machine, for itself or for a party
	} else {
		account, known := s.Registry().Account(string(w.Account))
		switch {
		case !known || account.Disabled || account.Expired(now):
			return fmt.Errorf("the account %s is disabled, deleted or has expired", w.Account)
		case account.Party != string(w.Party):
			return fmt.Errorf("the account %s no longer belongs to the party %s", w.Account, cmp.Or(w.Party, "of operators"))
		}
		caller.Operator, caller.ReadOnly = account.Operator, account.ReadOnly()
	}
	return agreement.Permit(col.Agreement(), caller, agreement.Read, now)
}

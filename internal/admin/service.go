package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/internal/live"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/internal/push"
	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// AtTheMachine is the account that is recorded for what was done at the command line, where the rights to the data
// folder are the login, if nothing more is known; see operatorAt. No account can have this name.
const AtTheMachine agreement.AccountName = "(operator)"

// Config is what a Service works on.
type Config struct {
	Store *store.Store
	Now   func() time.Time // nil: time.Now

	// Deliveries, if set, has the deliveries of the store.
	Deliveries *delivery.Log

	// Index, if set, answers searches.
	Index *index.Index

	// Live, if set, answers with events.
	Live *live.Service

	// Pushes, if set, pushes from outboxes.
	Pushes *push.Manager

	// Mirrors, if set, runs the mirrors.
	Mirrors *mirror.Manager

	// Webhooks, if set, sends the messages of webhooks.
	Webhooks *webhook.Service

	// Logins, if set, knows when accounts logged in, and from where.
	Logins *auth.Logins

	// Limits of an object's text, when a refused one is tried again.
	Limits ijson.Limits

	// Running is set by the server that serves the store; nil: it is stopped.
	Running *Running

	// Failed, if set, is called with each failure of the server itself, whose cause the caller is not told.
	Failed func(*http.Request, error)

	// Acted, if set, is called with each administrative act.
	Acted func(Act)

	// Cosigned, when set, returns the newest head of the server's own journal that witnesses have cosigned; nil: none.
	Cosigned func() []byte
}

// Service administers an open store. There is one for each store.
type Service struct {
	store  *store.Store
	now    func() time.Time
	failed func(*http.Request, error)
	tell   func(Act) // nil: none is told
	audit  audit.Source
	index  func() (*index.Index, error)
	live   *live.Service // nil: none
	logins *auth.Logins
	limits ijson.Limits

	webhooks *webhook.Service // nil: no server sends messages
	mirrors  *mirror.Manager  // nil: no server visits
	pushes   *push.Manager    // nil: no server pushes

	running *Running // nil: no server serves the store

	stats sync.Map // collection id -> keptStats

	openAPI func() ([]byte, error)
	asked   func() *http.ServeMux // see Ask

	// changing is held from reading what a change is made of until the change is in the store: a plan, or an account
	// read earlier, holds only as long as nothing else changes.
	changing sync.Mutex
}

// mostPlans is how often a change is planned because another node of the cluster was faster.
const mostPlans = 3

// planned carries out a change that do plans on a revision of accord.db, and plans it again if what it was planned on has
// changed meanwhile, on another node.
func (s *Service) planned(do func(revision uint64) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	for try := 1; ; try++ {
		err := do(s.store.Registry().Revision)
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		if try == mostPlans {
			return refuse("others are changing the same; nothing was changed, try again: %v", err)
		}
	}
}

// New returns the service of an open store.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logins == nil {
		c.Logins = auth.NewLogins()
	}
	s := &Service{store: c.Store, now: c.Now, logins: c.Logins, running: c.Running, failed: c.Failed, tell: c.Acted, index: theIndex(c.Index), live: c.Live, webhooks: c.Webhooks, mirrors: c.Mirrors, pushes: c.Pushes, limits: c.Limits,
		audit:   audit.Source{Store: c.Store, Deliveries: c.Deliveries, Now: c.Now, Cosigned: c.Cosigned, Upstream: upstream(c.Mirrors), Acknowledged: acknowledged},
		openAPI: sync.OnceValues(func() ([]byte, error) { return openAPIText(routes) })}
	s.asked = sync.OnceValue(s.askable)
	return s
}

// errNoIndex is the answer of a server without an index.
var errNoIndex = fmt.Errorf("%w: the server was started with --no-index", index.ErrUnavailable)

// theIndex returns an index that is open, or errNoIndex.
func theIndex(x *index.Index) func() (*index.Index, error) {
	return func() (*index.Index, error) {
		if x == nil {
			return nil, errNoIndex
		}
		return x, nil
	}
}

// putTerms puts new terms of an agreement in force, in the place of those that they were planned on.
func (s *Service) putTerms(ctx context.Context, by store.Actor, a *agreement.Agreement, on journal.Digest, act, reason string) error {
	col, ok := s.store.Collection(a.Name)
	if !ok {
		return notFound("there is no agreement %s", a.Name)
	}
	_, err := col.Append(ctx, store.Batch{
		Actor: by, Terms: on,
		Changes: []store.Change{{Terms: &store.TermsChange{Agreement: a, Act: act, Reason: reason}}},
	})
	if err != nil {
		return fmt.Errorf("%s agreement %s: %w", act, a.Name, err)
	}
	return nil
}

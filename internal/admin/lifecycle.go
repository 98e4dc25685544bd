package admin

import (
	"context"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// Renew moves the end of an agreement's term. The collection, its objects and every client's place in it stay. An
// agreement that has expired runs again at once; one that is suspended stays so.
func (s *Service) Renew(ctx context.Context, by store.Actor, name agreement.Name, until time.Time) error {
	return s.alter(ctx, by, name, "renew", "", func(a *agreement.Agreement) error {
		switch {
		case a.Term.Until.IsZero():
			return refuse("the agreement %s has no end: there is nothing to renew", name)
		case !until.After(s.now()):
			return refuse("%s is not ahead: the agreement %s would have ended already", agreement.FormatDate(until), name)
		case !until.After(a.Term.Until):
			return refuse("the agreement %s runs until %s, a renewal must go beyond %s; an earlier end is a change of terms, for the apply file",
				name, agreement.FormatDate(a.Term.Until), agreement.FormatDate(until))
		}
		a.Term.Until = until
		return nil
	})
}

// Suspend stops an agreement for a time: it serves only auditors and operators until it is resumed.
func (s *Service) Suspend(ctx context.Context, by store.Actor, name agreement.Name, reason string) error {
	return s.alter(ctx, by, name, "suspend", reason, func(a *agreement.Agreement) error {
		if a.Suspended != nil {
			return refuse("the agreement %s is suspended already, since %s by %s", name, a.Suspended.At.Format(time.RFC3339), a.Suspended.By)
		}
		if state := a.State(s.now()); state == agreement.Expired {
			return refuse("the agreement %s is %s: it serves no objects in any case", name, state)
		}
		a.Suspended = &agreement.Mark{At: s.now(), By: by.Account, Reason: reason}
		return nil
	})
}

// Resume ends a suspension.
func (s *Service) Resume(ctx context.Context, by store.Actor, name agreement.Name) error {
	return s.alter(ctx, by, name, "resume", "", func(a *agreement.Agreement) error {
		if a.Suspended == nil {
			return refuse("the agreement %s is not suspended but %s", name, a.State(s.now()))
		}
		a.Suspended = nil
		return nil
	})
}

// Terminate ends an agreement for good. withdraw takes back what was released onward from it; that may also be asked for
// afterwards.
func (s *Service) Terminate(ctx context.Context, by store.Actor, name agreement.Name, withdraw bool, reason string) error {
	col, ok := s.store.Collection(name)
	if !ok {
		return s.missing(name)
	}
	if was := col.Agreement().Terminated; was != nil && (was.Withdraw || !withdraw) {
		return refuse("the agreement %s is terminated already, since %s by %s", name, was.At.Format(time.RFC3339), was.By)
	}
	if reason == "" {
		return refuse("the agreement %s is terminated with a reason, which its parties are shown; there is none", name)
	}
	return s.change(ctx, by, name, "terminate", reason, func(a *agreement.Agreement) error {
		if a.Terminated == nil {
			a.Terminated = &agreement.Mark{At: s.now(), By: by.Account, Reason: reason}
		}
		a.Terminated.Withdraw = withdraw
		return nil
	})
}

// alter is change for an agreement that is not terminated.
func (s *Service) alter(ctx context.Context, by store.Actor, name agreement.Name, act, reason string, with func(*agreement.Agreement) error) error {
	return s.change(ctx, by, name, act, reason, func(a *agreement.Agreement) error {
		if a.Terminated != nil {
			return refuse("the agreement %s is terminated, since %s by %s, and that is final", name, a.Terminated.At.Format(time.RFC3339), a.Terminated.By)
		}
		return with(a)
	})
}

// change puts a copy of the agreement in force, altered by with.
func (s *Service) change(ctx context.Context, by store.Actor, name agreement.Name, act, reason string, with func(*agreement.Agreement) error) error {
	return s.planned(func(uint64) error {
		col, ok := s.store.Collection(name)
		if !ok {
			return s.missing(name)
		}
		a, terms := col.Terms()
		a = a.Clone()
		if err := with(a); err != nil {
			return err
		}
		return s.putTerms(ctx, by, a.Canonical(), terms, act, reason)
	})
}

// missing says why there is no such agreement to work with.
func (s *Service) missing(name agreement.Name) error {
	for _, u := range s.store.Unavailable() {
		if u.Name == name {
			return refuse("the agreement %s cannot be opened: %v", name, u.Reason)
		}
	}
	return notFound("there is no agreement %s", name)
}

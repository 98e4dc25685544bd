package admin

import (
	"context"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// Renew moves the end of an agreement's term. The collection, its objects and every client's place in it stay. An
// agreement that has expired runs again at once; one that is suspended stays so.
func Renew(ctx context.Context, s *store.Store, by store.Actor, name agreement.Name, until, now time.Time) error {
	return alter(ctx, s, by, name, "renew", "", func(a *agreement.Agreement) error {
		switch {
		case a.Term.Until.IsZero():
			return refuse("the agreement %s has no end: there is nothing to renew", name)
		case !until.After(now):
			return refuse("%s is not ahead: the agreement %s would have ended already", agreement.FormatDate(until), name)
		case !until.After(a.Term.Until):
			return refuse("the agreement %s runs until %s, a renewal must go beyond %s; an earlier end is a change of terms, for the apply file",
				name, agreement.FormatDate(a.Term.Until), agreement.FormatDate(until))
		}
		a.Term.Until = until
		return nil
	})
}

// Suspend stops an agreement for a time: it serves nobody but auditors and operators until it is resumed.
func Suspend(ctx context.Context, s *store.Store, by store.Actor, name agreement.Name, reason string, now time.Time) error {
	return alter(ctx, s, by, name, "suspend", reason, func(a *agreement.Agreement) error {
		if a.Suspended != nil {
			return refuse("the agreement %s is suspended already, since %s by %s", name, a.Suspended.At.Format(time.RFC3339), a.Suspended.By)
		}
		if state := a.State(now); state == agreement.Expired {
			return refuse("the agreement %s is %s: it serves nobody as it is", name, state)
		}
		a.Suspended = &agreement.Mark{At: now, By: by.Account, Reason: reason}
		return nil
	})
}

// Resume ends a suspension.
func Resume(ctx context.Context, s *store.Store, by store.Actor, name agreement.Name, now time.Time) error {
	return alter(ctx, s, by, name, "resume", "", func(a *agreement.Agreement) error {
		if a.Suspended == nil {
			return refuse("the agreement %s is not suspended but %s", name, a.State(now))
		}
		a.Suspended = nil
		return nil
	})
}

// Terminate ends an agreement for good. withdraw takes back what was released onward from it; that may also be asked for
// afterwards.
func Terminate(ctx context.Context, s *store.Store, by store.Actor, name agreement.Name, withdraw bool, reason string, now time.Time) error {
	col, ok := s.Collection(name)
	if !ok {
		return missing(s, name)
	}
	if was := col.Agreement().Terminated; was != nil && (was.Withdraw || !withdraw) {
		return refuse("the agreement %s is terminated already, since %s by %s", name, was.At.Format(time.RFC3339), was.By)
	}
	return change(ctx, s, by, name, "terminate", reason, func(a *agreement.Agreement) error {
		if a.Terminated == nil {
			a.Terminated = &agreement.Mark{At: now, By: by.Account, Reason: reason}
		}
		a.Terminated.Withdraw = withdraw
		return nil
	})
}

// alter is change for an agreement that is not terminated.
func alter(ctx context.Context, s *store.Store, by store.Actor, name agreement.Name, act, reason string, with func(*agreement.Agreement) error) error {
	return change(ctx, s, by, name, act, reason, func(a *agreement.Agreement) error {
		if a.Terminated != nil {
			return refuse("the agreement %s is terminated, since %s by %s, and that is final", name, a.Terminated.At.Format(time.RFC3339), a.Terminated.By)
		}
		return with(a)
	})
}

// change puts a copy of the agreement in force, altered by with.
func change(ctx context.Context, s *store.Store, by store.Actor, name agreement.Name, act, reason string, with func(*agreement.Agreement) error) error {
	applying.Lock()
	defer applying.Unlock()
	col, ok := s.Collection(name)
	if !ok {
		return missing(s, name)
	}
	a := col.Agreement().Clone()
	if err := with(a); err != nil {
		return err
	}
	return putTerms(ctx, s, by, a.Canonical(), act, reason)
}

// missing says why there is no such agreement to work with.
func missing(s *store.Store, name agreement.Name) error {
	for _, u := range s.Unavailable() {
		if u.Name == name {
			return refuse("the agreement %s cannot be opened: %v", name, u.Reason)
		}
	}
	return notFound("there is no agreement %s", name)
}

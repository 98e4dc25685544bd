package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// Explanation says what an account may do with an agreement, and whether it would receive an object, each with the reason.
// The answers come from the code that decides.
type Explanation struct {
	Account   string         `json:"account"`
	Agreement agreement.Name `json:"agreement"`
	Answers   []Answer       `json:"answers"`
}

// Answer is one question with its answer.
type Answer struct {
	Question string `json:"question"` // log in, see, read, add, delete, audit, receive
	Yes      bool   `json:"yes"`
	Reason   string `json:"reason"`
}

// Explain answers for an account and an agreement at this moment; object may be "".
func (s *Service) Explain(ctx context.Context, account string, name agreement.Name, object stix.ID) (Explanation, error) {
	a, ok := s.store.Registry().Account(account)
	if !ok {
		return Explanation{}, notFound("there is no account %s", account)
	}
	col, ok := s.store.Collection(name)
	if !ok {
		return Explanation{}, s.missing(name)
	}
	if object != "" {
		if _, err := stix.ParseID(string(object)); err != nil {
			return Explanation{}, &badRequest{err}
		}
	}
	now := s.now()
	e := Explanation{Account: account, Agreement: name}
	caller := callerOf(a)
	e.add("log in", !a.Disabled && !a.Expired(now), "the account is enabled", "the account is disabled or has expired")
	for _, act := range []agreement.Act{agreement.See, agreement.Read, agreement.Add, agreement.Delete, agreement.Audit} {
		reason, err := agreement.PermitWhy(col.Agreement(), caller, act, now)
		e.Answers = append(e.Answers, Answer{Question: act.String(), Yes: err == nil, Reason: reason})
	}
	if object == "" {
		return e, nil
	}
	err := e.receives(ctx, s.store, col, object, a.Disabled, agreement.Permit(col.Agreement(), caller, agreement.Read, now))
	return e, err
}

func (e *Explanation) add(question string, yes bool, because, becauseNot string) {
	reason := because
	if !yes {
		reason = becauseNot
	}
	e.Answers = append(e.Answers, Answer{Question: question, Yes: yes, Reason: reason})
}

// receives answers whether the account would be given an object: it must be here, and the account must be let read.
func (e *Explanation) receives(ctx context.Context, s *store.Store, col *store.Collection, object stix.ID, disabled bool, read error) error {
	there, err := whereItIs(col, object)
	if err != nil {
		return err
	}
	switch {
	case there == "":
		reasons, err := whyNotHere(ctx, s, col, object)
		if err != nil {
			return err
		}
		for _, reason := range reasons {
			e.add("receive", false, "", reason)
		}
	case disabled:
		e.add("receive", false, "", "it is here, but the account is disabled")
	case read != nil:
		e.add("receive", false, "", "it is here, but the account may not read: "+read.Error())
	default:
		e.add("receive", true, there, "")
	}
	return nil
}

// whereItIs says which versions of an object an agreement has, and where they came from; "" when it has none.
func whereItIs(col *store.Collection, object stix.ID) (text string, err error) {
	err = col.Snapshot(func(l *store.Snapshot) error {
		vs, err := l.Versions(object)
		if err != nil || len(vs) == 0 {
			return err
		}
		last := vs[len(vs)-1]
		from := "added by " + last.Entry.Account
		if !last.Entry.Source.IsZero() {
			from = fmt.Sprintf("released from the collection %s", last.Entry.Source.Collection)
		}
		text = fmt.Sprintf("the agreement has %d version(s) of it, the last one %s on %s", len(vs), from, last.Added.Format(time.RFC3339))
		return nil
	})
	return text, err
}

// whyNotHere says what becomes of an object in the releases that lead here.
func whyNotHere(ctx context.Context, s *store.Store, col *store.Collection, object stix.ID) ([]string, error) {
	name := col.Agreement().Name
	var reasons []string
	for _, source := range s.Collections() {
		if _, ok := source.Agreement().ReleaseTo(name); !ok {
			continue
		}
		ds, err := follow.Preview(ctx, s, source.Agreement().Name, name, object)
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			reasons = append(reasons, fmt.Sprintf("%s has version %s of it: %s", d.Source, d.Version, DecisionText(d)))
		}
	}
	if len(reasons) == 0 {
		reasons = []string{"neither the agreement nor any that releases to it has the object"}
	}
	return reasons, nil
}

// DecisionText is a decision about a version in words.
func DecisionText(d follow.Decision) string {
	switch d.Verdict {
	case follow.Goes:
		return "it goes" + notesText(d.Reasons)
	case follow.There:
		return "it is there" + notesText(d.Reasons)
	case follow.Waits:
		return fmt.Sprintf("it waits until %s has gone", d.Missing)
	case follow.Gone:
		return "it was there and was removed: a release does not bring it back"
	case follow.Held:
		return strings.Join(append([]string{"it waits"}, d.Reasons...), ": ")
	case follow.Corrected:
		return "its text was corrected at the source: the new one is judged instead"
	case follow.Deleted:
		return "it has been deleted at the source"
	case follow.Blocked:
		if len(d.Reasons) == 0 {
			return "it stays, because a later version may not go"
		}
		return "it is taken back: " + d.Reasons[0]
	}
	text := "it stays"
	for i, r := range d.Reasons {
		if i == 0 {
			text += ", because of " + r
		} else {
			text += "; " + r
		}
	}
	return text
}

// notesText says how a version that goes differs from the original.
func notesText(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return ", changed on the way: " + strings.Join(notes, "; ")
}

// PreviewRelease says what becomes of everything in an agreement in its release to another one, or in all of its releases
// when to is "".
func (s *Service) PreviewRelease(ctx context.Context, name, to agreement.Name) ([]follow.Decision, error) {
	col, ok := s.store.Collection(name)
	if !ok {
		return nil, s.missing(name)
	}
	a := col.Agreement()
	if _, ok := a.ReleaseTo(to); !ok && to != "" {
		return nil, refuse("the agreement %s does not release to %s", name, to)
	}
	if len(a.Release) == 0 {
		return nil, refuse("the agreement %s releases to no other", name)
	}
	var all []follow.Decision
	var errs []error
	for _, rule := range a.Release {
		if to != "" && rule.To != to {
			continue
		}
		ds, err := follow.Preview(ctx, s.store, name, rule.To, "")
		errs = append(errs, err)
		all = append(all, ds...)
	}
	return all, errors.Join(errs...)
}

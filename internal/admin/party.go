package admin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// PartyStanding is a party with what it takes part in, for operators.
type PartyStanding struct {
	agreement.Party
	Agreements []PartyAgreement `json:"agreements"`
	Accounts   []Account        `json:"accounts"`
}

// PartyAgreement is an agreement that a party is in, or that holds what it added.
type PartyAgreement struct {
	Agreement agreement.Name   `json:"agreement"`
	Roles     []agreement.Role `json:"roles,omitempty"` // none: it is a party no longer
	State     agreement.State  `json:"state"`
	Until     time.Time        `json:"until,omitzero"`
	Added     uint64           `json:"added"`   // versions that it added, ever
	Present   uint64           `json:"present"` // of them, those that are there
	Received  uint64           `json:"received"`
	LastRead  time.Time        `json:"last_read,omitzero"`
	LastAdded time.Time        `json:"last_added,omitzero"`

	Months []PartyMonth `json:"months,omitempty"` // in which it added or was given something, the oldest first
}

// PartyMonth counts what a party added, and was given, in a month.
type PartyMonth struct {
	Month    string `json:"month"` // such as 2026-03
	Added    uint64 `json:"added"`
	Bytes    uint64 `json:"bytes"`    // of what it added
	Received uint64 `json:"received"` // versions, each time that it was given them
}

// PartyStanding says what a party takes part in. It reads the journals of all agreements.
func (s *Service) PartyStanding(ctx context.Context, name agreement.PartyName) (PartyStanding, error) {
	party, ok := s.store.Registry().Party(name)
	if !ok {
		return PartyStanding{}, notFound("there is no party %s", name)
	}
	p := PartyStanding{Party: party, Agreements: []PartyAgreement{}, Accounts: []Account{}}
	for _, a := range s.Accounts() {
		if a.Party == string(name) {
			p.Accounts = append(p.Accounts, a)
		}
	}
	for _, col := range s.store.Collections() {
		one, err := s.partyIn(ctx, col, string(name), "")
		if err != nil {
			return PartyStanding{}, err
		}
		if len(one.Roles) > 0 || one.Added > 0 {
			p.Agreements = append(p.Agreements, one)
		}
	}
	return p, nil
}

// partyIn says what a party, or one account of it, has done in an agreement.
func (s *Service) partyIn(ctx context.Context, col *store.Collection, party, account string) (one PartyAgreement, err error) {
	a := col.Agreement()
	one = PartyAgreement{Agreement: a.Name, State: a.State(s.now()), Until: a.Term.Until}
	if m, ok := a.Member(agreement.PartyName(party)); ok {
		one.Roles = m.Roles
	}
	own, used := make(map[journal.Position]bool), make(usages)
	defer func() {
		for _, u := range used.list() {
			one.Months = append(one.Months, PartyMonth{u.Month, u.Added, u.Bytes, u.Received})
		}
	}()
	err = col.Entries(1, math.MaxInt, func(p journal.Position, e journal.Entry, _ []byte) bool {
		switch e.Kind {
		case journal.Added:
			if e.Source.IsZero() && e.Party == party && (account == "" || e.Account == account) {
				own[p] = true
				one.Added++
				one.LastAdded = e.At
				used.added(e)
			}
		case journal.Deleted, journal.Withdrawn:
			delete(own, e.Of)
		}
		return ctx.Err() == nil
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return one, err
	}
	one.Present = uint64(len(own))
	if s.audit.Deliveries == nil {
		return one, nil
	}
	if err := s.audit.Deliveries.EachGiven(col.ID(), party, func(g delivery.Given) {
		if account == "" || g.Account == account {
			used.given(g)
		}
	}); err != nil {
		return one, err
	}
	list, _, err := s.audit.Deliveries.Consumers(col.ID())
	for _, c := range list {
		if c.Party == party && (account == "" || c.Account == account) {
			one.Received += c.Positions
			if c.LastPoll.After(one.LastRead) {
				one.LastRead = c.LastPoll
			}
		}
	}
	return one, err
}

// Deletion says what becomes of what an account or a party leaves, and whether it was deleted.
type Deletion struct {
	Subject string   `json:"subject"` // such as "account vendor-push"
	Effects []string `json:"effects"`
	Deleted bool     `json:"deleted"`
}

// DeleteAccount deletes an account; with dryRun it says what that would do. Its name is not given again: journals have it.
func (s *Service) DeleteAccount(ctx context.Context, by store.Actor, name, reason string, dryRun bool) (d Deletion, err error) {
	err = s.planned(func(revision uint64) error {
		d, err = s.deleteAccount(ctx, by, revision, name, reason, dryRun)
		return err
	})
	return d, err
}

func (s *Service) deleteAccount(ctx context.Context, by store.Actor, revision uint64, name, reason string, dryRun bool) (Deletion, error) {
	a, ok := s.store.Registry().Account(name)
	if !ok {
		return Deletion{}, notFound("there is no account %s", name)
	}
	if string(by.Account) == name {
		return Deletion{}, refuse("an account does not delete itself; another operator can")
	}
	d := Deletion{Subject: "account " + name, Effects: []string{
		fmt.Sprintf("it logs in no more: its password, %d tokens and %d certificates are gone", len(a.Tokens), len(a.Certificates)),
		"its name stays in the journals, and is not given to another account",
	}}
	if a.Party != "" {
		for _, col := range s.store.Collections() {
			one, err := s.partyIn(ctx, col, a.Party, name)
			if err != nil {
				return Deletion{}, err
			}
			if one.Present > 0 {
				d.Effects = append(d.Effects, fmt.Sprintf("%s: the %d versions that it added stay, and are the party %s's", one.Agreement, one.Present, a.Party))
			}
		}
	}
	if dryRun {
		return d, nil
	}
	if err := s.store.ChangeOn(ctx, by, revision, []store.RegistryChange{{DeleteAccount: name, Reason: reason}}); err != nil {
		return Deletion{}, fmt.Errorf("delete account %s: %w", name, err)
	}
	d.Deleted = true
	return d, nil
}

// DeleteParty deletes a party that has no account and no role; with dryRun it says what that would do.
func (s *Service) DeleteParty(ctx context.Context, by store.Actor, name agreement.PartyName, reason string, dryRun bool) (d Deletion, err error) {
	err = s.planned(func(revision uint64) error {
		d, err = s.deleteParty(ctx, by, revision, name, reason, dryRun)
		return err
	})
	return d, err
}

func (s *Service) deleteParty(ctx context.Context, by store.Actor, revision uint64, name agreement.PartyName, reason string, dryRun bool) (Deletion, error) {
	p, err := s.PartyStanding(ctx, name)
	if err != nil {
		return Deletion{}, err
	}
	if len(p.Accounts) > 0 {
		names := make([]string, len(p.Accounts))
		for i, a := range p.Accounts {
			names[i] = a.Name
		}
		return Deletion{}, refuse("the party %s has the accounts %s: delete them first", name, strings.Join(names, ", "))
	}
	d := Deletion{Subject: "party " + string(name), Effects: []string{"its name stays in the journals, and is not given to another party"}}
	var in []string
	for _, one := range p.Agreements {
		if len(one.Roles) > 0 && one.State != agreement.Terminated {
			in = append(in, string(one.Agreement))
		}
		if one.Present > 0 {
			d.Effects = append(d.Effects, fmt.Sprintf("%s: the %d versions that it added stay, and are no party's any more: only an operator removes them", one.Agreement, one.Present))
		}
	}
	if len(in) > 0 {
		slices.Sort(in)
		return Deletion{}, refuse("the party %s is in the agreements %s: take it out of the apply file's first", name, strings.Join(in, ", "))
	}
	if dryRun {
		return d, nil
	}
	if err := s.store.ChangeOn(ctx, by, revision, []store.RegistryChange{{DeleteParty: name, Reason: reason}}); err != nil {
		return Deletion{}, fmt.Errorf("delete party %s: %w", name, err)
	}
	d.Deleted = true
	return d, nil
}

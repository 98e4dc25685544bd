package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// authority is who makes a batch, from where, and by what right.
type authority struct {
	by                    Actor
	address               string // "": not by a request of an account
	administers, onBehalf bool
}

// authorize says why the author of a batch may not make it, by accord.db as it is now. Authors that are no accounts, such as
// the operator at the machine, were given their rights elsewhere.
func (s *Store) authorize(a authority) error {
	contents, by := s.now.Load(), a.by
	if by.Account == "" || contents == nil {
		return nil
	}
	account, known := contents.registry.Account(string(by.Account))
	switch {
	case !known && contents.deleted[string(by.Account)]:
		return &RejectedError{by.Account, "was deleted"}
	case !known:
		return nil
	case account.Disabled:
		return &RejectedError{by.Account, "is disabled"}
	case account.Expired(s.opts.Now()):
		return &RejectedError{by.Account, "has expired"}
	case a.address != "" && account.Bounds(a.address, s.opts.Now()) != nil:
		return &RejectedError{by.Account, "may not be used from this address"}
	case (a.administers || a.onBehalf) && !account.Operator:
		return &RejectedError{by.Account, "is no operator"}
	case by.Party != "" && !a.onBehalf && account.Party != string(by.Party):
		return &RejectedError{by.Account, "no longer belongs to the party " + string(by.Party)}
	}
	return nil
}

// identityOf returns the STIX identity that a party declares.
func (s *Store) identityOf(name agreement.PartyName) stix.ID {
	contents := s.now.Load()
	if contents == nil {
		return ""
	}
	party, _ := contents.registry.Party(name)
	return party.Identity
}

// alignIdentities puts terms in force in which members have the identities that their parties declare now, where those in
// force have others: the owners of objects follow from them. A crash before it is made good when the folder is opened again.
func (s *Store) alignIdentities(ctx context.Context, by Actor) error {
	var errs []error
	for _, col := range s.now.Load().collections {
		for {
			a, digest := col.Terms()
			changed := agreement.PartyName("")
			for _, m := range a.Parties {
				if s.identityOf(m.Party) != m.Identity {
					changed = m.Party
				}
			}
			if changed == "" || a.Terminated != nil {
				break
			}
			_, err := col.Append(ctx, Batch{Actor: by, Terms: digest, Changes: []Change{{Terms: &TermsChange{
				Agreement: a, Act: "change", Reason: fmt.Sprintf("the party %s declares another identity", changed),
			}}}})
			if errors.Is(err, ErrStale) {
				continue
			}
			errs = append(errs, err)
			break
		}
	}
	return errors.Join(errs...)
}

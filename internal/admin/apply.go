package admin

import (
	"context"
	"fmt"
	"sync"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// AtTheMachine is the account that is recorded for what was done at the command line, where the rights to the data
// folder are the login. No account can be named so.
const AtTheMachine agreement.AccountName = "(operator)"

// applying is held by whoever plans and applies: a plan holds only as long as nobody else changes what it was made of.
var applying sync.Mutex

// Apply brings a store to what a file says, and says what became of each thing in it, in the file's order by kind.
// Everything is looked at first: with a fault anywhere (a *FileError) nothing is applied. What the file does not mention
// stays as it is. A crash or a failing disk may leave the first part applied; applying the file again does the rest.
func Apply(ctx context.Context, s *store.Store, by store.Actor, f *File) ([]Line, error) {
	applying.Lock()
	defer applying.Unlock()
	steps, err := plan(s, f)
	if err != nil {
		return nil, err
	}
	var changes []store.RegistryChange
	for _, st := range steps {
		if st.registry != nil {
			changes = append(changes, *st.registry)
		}
	}
	if len(changes) > 0 {
		if err := s.Change(ctx, by, changes); err != nil {
			return nil, fmt.Errorf("apply %s: %w", f.Name, err)
		}
	}
	lines := make([]Line, 0, len(steps))
	for _, st := range steps {
		if err := st.doAgreement(ctx, s, by); err != nil {
			return nil, fmt.Errorf("apply %s: %w", f.Name, err)
		}
		lines = append(lines, st.Line)
	}
	return lines, nil
}

// doAgreement does what a step wants of an agreement, if anything.
func (st *step) doAgreement(ctx context.Context, s *store.Store, by store.Actor) error {
	if st.create != nil {
		_, err := s.CreateAgreement(ctx, by, st.create)
		return err
	}
	if st.terms == nil {
		return nil
	}
	return putTerms(ctx, s, by, st.terms, "change", "")
}

// putTerms puts new terms of an agreement in force.
func putTerms(ctx context.Context, s *store.Store, by store.Actor, a *agreement.Agreement, act, reason string) error {
	col, ok := s.Collection(a.Name)
	if !ok {
		return notFound("there is no agreement %s", a.Name)
	}
	_, err := col.Append(ctx, store.Batch{
		Actor:   by,
		Changes: []store.Change{{Terms: &store.TermsChange{Agreement: a, Act: act, Reason: reason}}},
	})
	if err != nil {
		return fmt.Errorf("%s agreement %s: %w", act, a.Name, err)
	}
	return nil
}

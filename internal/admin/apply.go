package admin

import (
	"context"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Apply brings the store to what a file says, and says what became of each thing in it, in the file's order by kind.
// With a fault anywhere in the file (an *applyfile.Error) nothing is applied. What the file does not mention stays as it
// is. A crash or a failing disk may leave the first part applied; applying the file again does the rest.
func (s *Service) Apply(ctx context.Context, by store.Actor, f *applyfile.File) (lines []applyfile.Line, err error) {
	err = s.planned(func(revision uint64) error {
		on := s.basisOf(revision)
		plan, err := applyfile.NewPlan(s.store, f)
		if err != nil {
			return err
		}
		lines, err = s.carryOutPlan(ctx, by, plan, on)
		return err
	})
	return lines, err
}

// basis is what a plan was made on: a revision of accord.db, and the terms of each agreement.
type basis struct {
	revision uint64
	terms    map[agreement.Name]termsInForce
}

type termsInForce struct {
	*agreement.Agreement
	digest journal.Digest
}

// basisOf must be called before the plan is made: what changes in between makes it stale.
func (s *Service) basisOf(revision uint64) basis {
	on := basis{revision, make(map[agreement.Name]termsInForce)}
	for _, col := range s.store.Collections() {
		a, terms := col.Terms()
		on.terms[a.Name] = termsInForce{a, terms}
	}
	return on
}

// termsNow returns the digest of the terms in force, if they are those that the plan was made on, or differ only by identities
// that parties have declared since: the plan itself may have these changed.
func (s *Service) termsNow(name agreement.Name, on basis) (journal.Digest, error) {
	col, ok := s.store.Collection(name)
	if !ok {
		return journal.Digest{}, notFound("there is no agreement %s", name)
	}
	now, terms := col.Terms()
	if before, ok := on.terms[name]; ok && (terms == before.digest || sameButIdentities(now, before.Agreement)) {
		return terms, nil
	}
	return journal.Digest{}, store.ErrStale
}

func sameButIdentities(a, b *agreement.Agreement) bool {
	documents := [2]string{}
	for i, one := range [...]*agreement.Agreement{a, b} {
		one = one.Clone()
		for j := range one.Parties {
			one.Parties[j].Identity = ""
		}
		text, err := one.Document()
		if err != nil {
			return false
		}
		documents[i] = string(text)
	}
	return documents[0] == documents[1]
}

func (s *Service) carryOutPlan(ctx context.Context, by store.Actor, plan *applyfile.Plan, on basis) ([]applyfile.Line, error) {
	if err := s.carryOut(ctx, by, plan, on); err != nil {
		return nil, fmt.Errorf("apply %s: %w", plan.File, err)
	}
	return plan.Lines(), nil
}

// ApplyWith is Apply as far as consent goes: a file that would withdraw objects, shorten a term or end an agreement is
// applied only with a yes, or with the plan that an earlier answer has shown. The outcome says what would be done.
func (s *Service) ApplyWith(ctx context.Context, by store.Actor, f *applyfile.File, consent applyfile.Consent) (applyfile.Outcome, error) {
	plan, err := applyfile.NewPlan(s.store, f)
	if err != nil {
		return applyfile.Outcome{}, err
	}
	out := applyfile.Outcome{Lines: plan.Lines()}
	shown := consent.Plan
	if consent.DryRun || !consent.Yes && shown == "" {
		if out.Effects, out.Confirm, err = s.effects(ctx, plan); err != nil {
			return applyfile.Outcome{}, err
		}
		if out.Plan, err = plan.Digest(); err != nil {
			return applyfile.Outcome{}, err
		}
		if consent.DryRun || len(out.Confirm) > 0 {
			return out, nil
		}
		shown = out.Plan
	}
	begun := false
	err = s.planned(func(revision uint64) error {
		if begun {
			return refuse("the agreements have changed while %s was applied, which may be in part; apply the file again, it does the rest", plan.File)
		}
		on := s.basisOf(revision)
		plan, err := applyfile.NewPlan(s.store, f)
		if err != nil {
			return err
		}
		digest, err := plan.Digest()
		if err != nil {
			return err
		}
		if shown != "" && digest != shown {
			return refuse("the agreements have changed since it was shown what %s would do; nothing was applied", plan.File)
		}
		begun = true
		out.Lines, err = s.carryOutPlan(ctx, by, plan, on)
		return err
	})
	if err != nil && !begun {
		return applyfile.Outcome{}, err
	}
	out.Applied = err == nil
	return out, err
}

func (s *Service) carryOut(ctx context.Context, by store.Actor, plan *applyfile.Plan, on basis) error {
	var changes, own []store.RegistryChange
	for _, st := range plan.Steps {
		switch r := st.Registry; {
		case r == nil:
		case r.Account != nil && by.Account != "" && r.Account.Name == string(by.Account):
			own = append(own, *r) // last: it may take the right to do the rest
		default:
			changes = append(changes, *r)
		}
	}
	if len(changes) > 0 {
		if err := s.store.ChangeOn(ctx, by, on.revision, changes); err != nil {
			return err
		}
	}
	for _, st := range plan.Steps {
		var err error
		switch {
		case st.Create != nil:
			_, err = s.store.CreateAgreement(ctx, by, st.Create)
		case st.Terms != nil:
			var terms journal.Digest
			if terms, err = s.termsNow(st.Terms.Name, on); err == nil {
				err = s.putTerms(ctx, by, st.Terms, terms, "change", "")
			}
		}
		if err != nil {
			return err
		}
	}
	if len(own) > 0 {
		return s.store.Change(ctx, by, own)
	}
	return nil
}

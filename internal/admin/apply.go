package admin

import (
	"context"
	"fmt"

	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/store"
)

// Apply brings the store to what a file says, and says what became of each thing in it, in the file's order by kind.
// With a fault anywhere in the file (an *applyfile.Error) nothing is applied. What the file does not mention stays as it
// is. A crash or a failing disk may leave the first part applied; applying the file again does the rest.
func (s *Service) Apply(ctx context.Context, by store.Actor, f *applyfile.File) ([]applyfile.Line, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	plan, err := applyfile.NewPlan(s.store, f)
	if err != nil {
		return nil, err
	}
	return s.carryOutPlan(ctx, by, plan)
}

func (s *Service) carryOutPlan(ctx context.Context, by store.Actor, plan *applyfile.Plan) ([]applyfile.Line, error) {
	if err := s.carryOut(ctx, by, plan); err != nil {
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
	s.changing.Lock()
	defer s.changing.Unlock()
	if plan, err = applyfile.NewPlan(s.store, f); err != nil {
		return applyfile.Outcome{}, err
	}
	if digest, err := plan.Digest(); err != nil {
		return applyfile.Outcome{}, err
	} else if shown != "" && digest != shown {
		return applyfile.Outcome{}, refuse("the agreements have changed since it was shown what %s would do; nothing was applied", plan.File)
	}
	out.Lines, err = s.carryOutPlan(ctx, by, plan)
	out.Applied = err == nil
	return out, err
}

func (s *Service) carryOut(ctx context.Context, by store.Actor, plan *applyfile.Plan) error {
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
		if err := s.store.Change(ctx, by, changes); err != nil {
			return err
		}
	}
	for _, st := range plan.Steps {
		var err error
		switch {
		case st.Create != nil:
			_, err = s.store.CreateAgreement(ctx, by, st.Create)
		case st.Terms != nil:
			err = s.putTerms(ctx, by, st.Terms, "change", "")
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

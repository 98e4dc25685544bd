package admin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/store"
)

// judgeAtMost bounds how many entries a dry run judges in all; of longer journals a part is drawn.
const judgeAtMost = 150_000

// effects returns what a plan does to the objects that agreements hold, and why it needs a yes, if it does.
func (s *Service) effects(ctx context.Context, plan *applyfile.Plan) (list []applyfile.Effect, confirm []string, err error) {
	f := forecast{service: s, after: make(map[agreement.Name]*agreement.Agreement)}
	before, after := plan.Changed()
	for _, a := range after {
		f.after[a.Name] = a
	}
	defer f.close()
	proposals, err := f.proposals(ctx, plan)
	if err != nil {
		return nil, nil, err
	}
	f.most = max(judgeAtMost/max(len(proposals)+len(after), 1), judgeAtMost/40)
	for i := range after {
		if err := f.own(ctx, before[i], after[i]); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range proposals {
		effect, err := follow.EffectOf(ctx, s.store, p, f.most)
		if err == nil {
			err = f.released(ctx, p.Source, p.Target, effect, 0)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return f.list, f.confirm, nil
}

// forecast collects the effects of a plan.
type forecast struct {
	service *Service
	after   map[agreement.Name]*agreement.Agreement // that the plan changes
	most    int                                     // entries that are judged for one release
	list    []applyfile.Effect
	confirm []string
	scratch *store.Store // has agreements that do not exist yet; nil: none
}

// terms returns the terms that an agreement would have.
func (f *forecast) terms(now *agreement.Agreement) *agreement.Agreement {
	if a, changed := f.after[now.Name]; changed {
		return a
	}
	return now
}

// proposals lists the releases that the plan changes, by their own terms or by those of their target.
func (f *forecast) proposals(ctx context.Context, plan *applyfile.Plan) (list []follow.Proposal, err error) {
	for _, source := range f.service.store.Collections() {
		now := source.Agreement()
		will := f.terms(now)
		var targets []agreement.Name
		for _, r := range slices.Concat(now.Release, will.Release) {
			if !slices.Contains(targets, r.To) {
				targets = append(targets, r.To)
			}
		}
		for _, name := range targets {
			target, ok := f.service.store.Collection(name)
			if !ok {
				if target, err = f.notYet(ctx, plan, name); err != nil {
					return nil, err
				}
			}
			if target == nil {
				continue // it cannot be opened
			}
			p := follow.Proposal{Source: source, Target: target, Terms: f.terms(target.Agreement()), From: will}
			p.Rule, p.Ruled = will.ReleaseTo(name)
			changes, err := p.Changes()
			if err != nil {
				return nil, err
			}
			if changes {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

// notYet returns an empty collection in the place of one that the plan creates; nil if it creates none.
func (f *forecast) notYet(ctx context.Context, plan *applyfile.Plan, name agreement.Name) (*store.Collection, error) {
	i := slices.IndexFunc(plan.Steps, func(st applyfile.Step) bool { return st.Create != nil && st.Create.Name == name })
	if i < 0 {
		return nil, nil
	}
	if f.scratch == nil {
		dir, err := os.MkdirTemp("", "accord-dry-run-")
		if err != nil {
			return nil, fmt.Errorf("effects of new terms: %w", err)
		}
		if f.scratch, err = store.Open(filepath.Join(dir, "data"), store.Options{Now: f.service.now}); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	if col, made := f.scratch.Collection(name); made {
		return col, nil
	}
	alone := plan.Steps[i].Create.Clone()
	alone.Release = nil
	return f.scratch.CreateAgreement(ctx, store.Actor{}, alone)
}

// close removes what notYet made.
func (f *forecast) close() {
	if f.scratch != nil {
		f.scratch.Close()
		os.RemoveAll(filepath.Dir(f.scratch.Dir()))
	}
}

func (f *forecast) needYes(format string, args ...any) {
	f.confirm = append(f.confirm, fmt.Sprintf(format, args...))
}

// own adds what an agreement's new terms do to its own objects.
func (f *forecast) own(ctx context.Context, now, will *agreement.Agreement) error {
	s, name := f.service, now.Name
	col, ok := s.store.Collection(name)
	if !ok {
		return nil
	}
	e := applyfile.Effect{Agreement: name}
	if !reflect.DeepEqual(now.Canonical().Accept, will.Canonical().Accept) {
		refused, err := follow.RefusedBy(ctx, s.store, col, will, f.most)
		if err != nil {
			return fmt.Errorf("effects of new terms on %s: %w", name, err)
		}
		e.Refused, e.ByTerm = refused.Withdrawn, byTerm(refused)
		e.Sampled, e.Of = refused.Sampled, refused.Of
	}
	if now.Retention != will.Retention {
		deleted, err := follow.DeletedBy(ctx, col, will.Retention, s.now(), f.most)
		if err != nil {
			return fmt.Errorf("effects of another retention on %s: %w", name, err)
		}
		if e.Expired = deleted.Withdrawn; e.Expired > 0 {
			f.needYes("retention would delete versions of %d objects of %s", e.Expired, name)
		}
		e.Sampled, e.Of = max(e.Sampled, deleted.Sampled), max(e.Of, deleted.Of)
	}
	if err := f.term(col, now, will, &e); err != nil {
		return err
	}
	if !e.None() {
		f.list = append(f.list, e)
	}
	return nil
}

// term adds what a shorter term does.
func (f *forecast) term(col *store.Collection, now, will *agreement.Agreement, e *applyfile.Effect) error {
	from, until := !will.Term.From.Equal(now.Term.From) && will.Term.From.After(now.Term.From), !will.Term.Until.Equal(now.Term.Until) && !will.Term.Until.IsZero() &&
		(now.Term.Until.IsZero() || will.Term.Until.Before(now.Term.Until))
	if until {
		f.needYes("the term of %s would end earlier, on %s", now.Name, agreement.FormatDate(will.Term.Until))
	}
	if from {
		f.needYes("the term of %s would begin later, on %s", now.Name, agreement.FormatDate(will.Term.From))
	}
	at := f.service.now()
	if now.State(at) != agreement.Active || will.State(at) == agreement.Active {
		return nil
	}
	stats, err := col.Stats()
	if err != nil {
		return err
	}
	e.Expired = stats.Objects
	f.needYes("%s would not be active any more: its %d objects would no longer be served", now.Name, stats.Objects)
	return nil
}

// longestWay bounds how far withdrawals are followed from agreement to agreement: releases make no circles.
const longestWay = 64

// released adds what becomes of a release, and of what its target releases in turn.
func (f *forecast) released(ctx context.Context, source, target *store.Collection, effect follow.Effect, way int) error {
	from, to := source.Agreement().Name, target.Agreement().Name
	if i := slices.IndexFunc(f.list, func(e applyfile.Effect) bool { return e.Agreement == from && e.To == to }); i >= 0 {
		f.list[i].Withdrawn += effect.Withdrawn
		f.list[i].Onward += effect.Goes
		f.list[i].ByTerm = append(f.list[i].ByTerm, byTerm(effect)...)
	} else if way == 0 || effect.Withdrawn+effect.Goes > 0 {
		f.list = append(f.list, applyfile.Effect{
			Agreement: from, To: to, Onward: effect.Goes, Withdrawn: effect.Withdrawn,
			Sampled: effect.Sampled, Of: effect.Of, ByTerm: byTerm(effect),
		})
	}
	if effect.Withdrawn+effect.Goes == 0 || way == longestWay {
		return nil
	}
	if effect.Withdrawn > 0 {
		f.needYes("%d objects that %s released to %s would be withdrawn there", effect.Withdrawn, from, to)
	}
	for _, r := range f.terms(target.Agreement()).Release {
		next, ok := f.service.store.Collection(r.To)
		if !ok {
			continue
		}
		for _, passes := range []func() (follow.Effect, error){
			func() (follow.Effect, error) { return follow.Onward(ctx, effect, target, next) },
			func() (follow.Effect, error) {
				return follow.Further(ctx, f.service.store, effect, follow.Proposal{Source: target, Target: next, Rule: r, Ruled: true,
					Terms: f.terms(next.Agreement()), From: f.terms(target.Agreement())})
			},
		} {
			effect, err := passes()
			if err == nil && effect.Withdrawn+effect.Goes > 0 {
				err = f.released(ctx, target, next, effect, way+1)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func byTerm(e follow.Effect) (list []applyfile.TermEffect) {
	for _, r := range e.Reasons {
		list = append(list, applyfile.TermEffect{Term: r.Term, Objects: r.Objects, Examples: r.Examples})
	}
	return list
}

package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// goingObject is an object that would go, and where its newest version was added.
type goingObject struct {
	id stix.ID
	at journal.Position
}

// hop is a release on the way of what goes, under the terms that it would have.
type hop struct {
	rule  agreement.Release
	terms *agreement.Agreement // of its target
}

// Further returns how many of the objects that an effect sends into an agreement go on from there in one of its releases. They are judged
// by the terms of the release and of its target, as they would come there; what refers to something that does not go on stays. Objects
// that the release changes are not followed beyond it.
func Further(ctx context.Context, s *store.Store, e Effect, next Proposal) (Effect, error) {
	if len(e.going) == 0 {
		return Effect{}, nil
	}
	further := Effect{from: e.from, hops: append(slices.Clone(e.hops), hop{next.Rule, next.Terms})}
	f := forecast{proposal: e.from, route: route{source: e.from.Source, target: e.from.Target, rule: e.from.Rule, ruled: true, name: store.ReleaseFollower(e.from.Source.ID())}}
	b, err := f.batch(s)
	if err != nil {
		return Effect{}, err
	}
	b.observe = nil
	candidates, aids := make(map[stix.ID]*furtherObject), make(map[stix.ID]*furtherObject) // by identifier there
	for part := range slices.Chunk(e.going, sampleChunk) {
		err := f.within(ctx, b, func() error {
			for _, g := range part {
				o, err := b.goesFurther(g, e.hops, next)
				switch {
				case err != nil:
					return err
				case o == nil:
				case o.aids:
					aids[o.id] = o
				default:
					candidates[o.id] = o
				}
			}
			return nil
		})
		if err != nil {
			return Effect{}, fmt.Errorf("effect on the release from %s to %s: %w", next.Source.Agreement().Name, next.Target.Agreement().Name, err)
		}
	}
	if err := dropLacking(candidates, aids, next); err != nil {
		return Effect{}, err
	}
	for _, o := range candidates {
		further.Goes++
		if next.Rule.Change == nil {
			further.going = append(further.going, o.from)
		}
	}
	further.scaleAs(e)
	return further, nil
}

// furtherObject is an object that goes on in a release, as it is there.
type furtherObject struct {
	from              goingObject
	id                stix.ID
	key               string // see versionKey
	references, needs []stix.ID
	aids              bool // it goes if another one needs it
}

// goesFurther judges an object by a release that follows some hops; nil: it stays.
func (b *batch) goesFurther(g goingObject, hops []hop, next Proposal) (*furtherObject, error) {
	e, err := readEntry(b.source, g.at)
	if err != nil || !e.present {
		return nil, err
	}
	c, err := b.base(e)
	if err != nil || c.out == nil {
		return nil, err
	}
	o := c.out.object
	judge := agreement.Candidate{Object: o, Level: b.judge(e, true).Level, Warnings: e.recorded.Warnings, Added: e.recorded.At, Definitions: b.definitionsFor(e), Now: b.now}
	for _, h := range hops {
		judge.Level = h.rule.Judge(h.terms, judge, true).Level
	}
	judge.Consent = next.from().ConsentOf(o, "", judge.Definitions)
	found := &furtherObject{from: g, id: o.ID, key: c.out.key, needs: needs(o)}
	if len(next.Rule.Judge(next.Terms, judge, false).Refusals) > 0 {
		found.aids = canAid(o.Type) && len(next.Rule.Judge(next.Terms, judge, true).Refusals) == 0
		if !found.aids {
			return nil, nil
		}
	}
	for _, ref := range c.out.references {
		found.references = append(found.references, b.ids.to(ref))
	}
	return found, nil
}

// dropLacking takes out of some objects those whose version a release's target has, and those that refer to what it neither has nor gets, and adds
// those that they need.
func dropLacking(candidates, aids map[stix.ID]*furtherObject, next Proposal) error {
	return next.Target.Snapshot(func(l *store.Snapshot) error {
		there := make(map[stix.ID]bool)
		dropPresent := func(some map[stix.ID]*furtherObject) error {
			for id, o := range some {
				versions, err := l.Versions(id)
				if err != nil {
					return err
				}
				there[id] = len(versions) > 0
				if slices.ContainsFunc(versions, func(v store.StoredVersion) bool { return versionKey(v.Entry) == o.key }) {
					delete(some, id)
				}
			}
			return nil
		}
		if err := errors.Join(dropPresent(candidates), dropPresent(aids)); err != nil {
			return err
		}
		for dropped := !next.Rule.Cuts(); dropped; {
			dropped = false
			for id, o := range candidates {
				if slices.ContainsFunc(o.references, func(ref stix.ID) bool {
					return candidates[ref] == nil && !there[ref] && !l.Holds(ref)
				}) {
					delete(candidates, id)
					dropped = true
				}
			}
		}
		needed := make(map[stix.ID]bool)
		for _, o := range candidates {
			for _, id := range o.needs {
				needed[id] = true
			}
		}
		for id, aid := range aids {
			if needed[id] || there[id] {
				candidates[id] = aid
			}
		}
		return nil
	})
}

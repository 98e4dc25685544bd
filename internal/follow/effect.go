package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Proposal is a release as it would be under other terms.
type Proposal struct {
	Source, Target *store.Collection
	Rule           agreement.Release
	Ruled          bool                 // the source would have the rule
	Terms          *agreement.Agreement // of the target
	From           *agreement.Agreement // terms of the source; nil: those in force
}

func (p Proposal) from() *agreement.Agreement {
	if p.From != nil {
		return p.From
	}
	return p.Source.Agreement()
}

// Effect is what becomes of what a release has passed on, and of what it has not, under other terms. The numbers are of
// objects of which at least one version is concerned.
type Effect struct {
	Goes, Withdrawn uint64
	Sampled, Of     uint64 // versions that were judged, of so many, if not all were: the numbers are estimates
	Reasons         []Reason

	taken []takenVersion
	going []goingObject // as far as they go on from the target; see Further
	from  Proposal      // that the objects come by
	hops  []hop         // that follow it
}

// Reason is how many objects one term takes from a target, with a few of them.
type Reason struct {
	Term     string
	Objects  uint64
	Examples []stix.ID
}

// Changes reports whether the terms of the release or what its target accepts would be others.
func (p Proposal) Changes() (bool, error) {
	rule, ruled := p.Source.Agreement().ReleaseTo(p.Target.Agreement().Name)
	if !ruled || !p.Ruled {
		return ruled != p.Ruled, nil
	}
	now, err := fingerprint(rule, p.Target.Agreement(), p.Source.Agreement())
	if err != nil {
		return false, err
	}
	then, err := fingerprint(p.Rule, p.Terms, p.from())
	return !bytes.Equal(now, then), err
}

// takenVersion is a version that would leave a target.
type takenVersion struct {
	id  stix.ID
	key string // see versionKey
}

// mostExamples bounds the examples of a Reason.
const mostExamples = 3

// EffectOf returns what a release would do under other terms, by the code that does it. If the source's journal has more
// than most entries, that many are drawn at random and judged with what they refer to. It changes nothing.
func EffectOf(ctx context.Context, s *store.Store, p Proposal, most int) (Effect, error) {
	f := forecast{
		proposal: p, most: most, goes: make(map[stix.ID]journal.Position), withdrawn: make(map[stix.ID]bool), left: make(map[takenVersion]string),
		route: route{source: p.Source, target: p.Target, rule: p.Rule, ruled: true, name: store.ReleaseFollower(p.Source.ID())},
	}
	stats, err := p.Source.Stats()
	if err == nil {
		now, _ := p.Source.Agreement().ReleaseTo(p.Target.Agreement().Name)
		switch {
		case !p.Ruled:
			err = f.end(ctx, byEnd)
		case idsWord(now) != idsWord(p.Rule):
			err = f.renamed(ctx, s, stats)
		case stats.Entries <= uint64(most):
			err = f.all(ctx, s)
		default:
			err = f.sample(ctx, s, stats)
		}
	}
	if err != nil {
		return Effect{}, fmt.Errorf("effect of other terms on the release from %s to %s: %w", p.Source.Agreement().Name, p.Target.Agreement().Name, err)
	}
	f.effect.from = p
	return f.effect, nil
}

// forecast collects an effect.
type forecast struct {
	proposal Proposal
	route    route
	most     int
	effect   Effect

	goes      map[stix.ID]journal.Position // where each was added
	withdrawn map[stix.ID]bool
	left      map[takenVersion]string // that have left, by which term
	last      []string                // reasons of the refusal reported last, and
	lastOf    stix.ID                 // of which object
}

// batch returns a batch that judges everything again under the proposed terms, and changes nothing.
func (f *forecast) batch(s *store.Store) (b *batch, err error) {
	b = newBatch(s, f.route, nil, nil, time.Now())
	b.from = f.proposal.from()
	b.terms, b.reset, b.judgedTo = f.proposal.Terms, true, math.MaxInt64
	key, err := previewKey(f.route)
	if err != nil {
		return nil, err
	}
	b.setKey(key)
	b.observe = func(_ journal.Position, e *journal.Entry, _ Verdict, reasons []string, _ stix.ID) {
		if e != nil {
			f.last, f.lastOf = reasons, stix.ID(e.Object)
		}
	}
	return b, nil
}

// look gives a batch snapshots to read. The judgements that the follower keeps do not count: the terms change.
func (f *forecast) look(b *batch, source, target *store.Snapshot) {
	b.read(source, target)
	if b.state.snapshot == nil {
		b.state = newState(target, f.route.name)
		for _, prefix := range judgements {
			b.state.empty[prefix[0]] = true
		}
	}
	b.state.snapshot = target
}

// within calls do with the batch inside a read transaction of both files.
func (f *forecast) within(ctx context.Context, b *batch, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.route.target.Snapshot(func(target *store.Snapshot) error {
		return f.route.source.Snapshot(func(source *store.Snapshot) error {
			f.look(b, source, target)
			return do()
		})
	})
}

// all judges every entry of the source.
func (f *forecast) all(ctx context.Context, s *store.Store) error {
	const entries, size = 500, 2 << 20
	b, err := f.batch(s)
	if err != nil {
		return err
	}
	f.watch(b)
	for from := journal.Position(1); ; {
		c, err := readChunk(f.route.source, from, entries, size)
		if err != nil {
			return err
		}
		if len(c.entries) == 0 {
			break
		}
		from += journal.Position(len(c.entries))
		err = f.within(ctx, b, func() error {
			for _, e := range c.entries {
				if err := errors.Join(b.apply(e), f.settle(b, prefixLate)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	err = f.within(ctx, b, func() error {
		err := f.settle(b, prefixLast)
		if err == nil && len(f.route.rule.Types) > 0 {
			_, err = b.dropAids(never)
		}
		return errors.Join(err, f.settle(b, prefixLast))
	})
	f.sum()
	return err
}

func never() bool { return false }

// settle does what follows from what a batch has done.
func (f *forecast) settle(b *batch, prefix string) error {
	if _, err := b.runTasks(never); err != nil {
		return err
	}
	_, err := b.runLate(prefix, never)
	return err
}

// watch counts what a batch decides. What leaves and comes again stays; what only takes another form stays, too.
func (f *forecast) watch(b *batch) {
	replaced := make(map[journal.Position]bool)
	b.took = func(id stix.ID, v *targetVersion, w withdrawal) {
		switch {
		case w.replaced:
			replaced[v.from] = true
		case v.position == 0: // it would have gone
			delete(f.goes, id)
		case v.others: // it stays in the target
		default:
			f.take(id, v.key, f.termOf(id, w.reason))
		}
	}
	reported := b.observe
	b.observe = func(p journal.Position, e *journal.Entry, v Verdict, reasons []string, missing stix.ID) {
		reported(p, e, v, reasons, missing)
		if e == nil || v != Goes {
			return
		}
		id := stix.ID(e.Object)
		switch {
		case replaced[p]:
			delete(replaced, p)
		case f.back(id, versionKey(*e)):
		default:
			f.goes[id] = p
		}
	}
}

// take notes a version that leaves the target, and back one that comes again.
func (f *forecast) take(id stix.ID, key, term string) {
	f.left[takenVersion{id, key}] = term
	f.effect.taken = append(f.effect.taken, takenVersion{id, key})
}

func (f *forecast) back(id stix.ID, key string) bool {
	_, was := f.left[takenVersion{id, key}]
	delete(f.left, takenVersion{id, key})
	return was
}

// sum counts what has gone and what has left.
func (f *forecast) sum() {
	f.effect.taken = slices.DeleteFunc(f.effect.taken, func(v takenVersion) bool {
		term, left := f.left[v]
		if left && !f.withdrawn[v.id] {
			f.withdrawn[v.id] = true
			f.reason(term, v.id)
		}
		return !left
	})
	for id, at := range f.goes {
		f.effect.going = append(f.effect.going, goingObject{id, at})
	}
	f.effect.Goes, f.effect.Withdrawn = uint64(len(f.goes)), uint64(len(f.withdrawn))
}

func (f *forecast) reason(term string, id stix.ID) {
	i := slices.IndexFunc(f.effect.Reasons, func(r Reason) bool { return r.Term == term })
	if i < 0 {
		i = len(f.effect.Reasons)
		f.effect.Reasons = append(f.effect.Reasons, Reason{Term: term})
	}
	r := &f.effect.Reasons[i]
	r.Objects++
	if len(r.Examples) < mostExamples {
		r.Examples = append(r.Examples, id)
	}
}

// What withdraws an object other than a term of the release or of its target.
const (
	byReferences = "what it refers to is withdrawn"
	byNewer      = "a later version of it is refused"
	byEnd        = "the release ends"
	byNames      = "release.change.author" // all copies go again, under other identifiers
)

// termOf returns the term that withdraws an object, from the refusal that was reported with it.
func (f *forecast) termOf(id stix.ID, reason string) string {
	switch {
	case f.lastOf == id && len(f.last) > 0:
		term, _, _ := strings.Cut(f.last[0], ": ")
		return term
	case f.lastOf == id:
		return byNewer
	case strings.HasPrefix(reason, "its type "):
		return "release.types"
	}
	return byReferences
}

// renamed counts what leaves because the release names its objects in another way, and what goes then.
func (f *forecast) renamed(ctx context.Context, s *store.Store, stats store.Stats) error {
	if err := f.end(ctx, byNames); err != nil {
		return err
	}
	g := forecast{proposal: f.proposal, most: f.most, route: f.route, goes: make(map[stix.ID]journal.Position), withdrawn: make(map[stix.ID]bool), left: make(map[takenVersion]string)}
	do := g.all
	if stats.Entries > uint64(f.most) {
		do = func(ctx context.Context, s *store.Store) error { return g.sample(ctx, s, stats) }
	}
	err := do(ctx, s)
	f.effect.Goes, f.effect.going = g.effect.Goes, g.effect.going
	f.effect.Sampled, f.effect.Of = max(f.effect.Sampled, g.effect.Sampled), max(f.effect.Of, g.effect.Of)
	return err
}

// end counts what the release has brought: all of it leaves, for a reason.
func (f *forecast) end(ctx context.Context, why string) error {
	stats, err := f.route.target.Stats()
	if err != nil {
		return err
	}
	if stats.Entries > uint64(f.most) {
		return f.sampleEnd(ctx, stats, why)
	}
	var from []byte
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 0
		err := f.route.target.Snapshot(func(target *store.Snapshot) error {
			return target.Walk(from, func(v store.StoredVersion, next []byte) bool {
				h := targetVersionOf(v, f.route.source.ID())
				if h.ours && !h.others {
					f.take(v.ID, h.key, why)
				}
				from, more = slices.Clone(next), next != nil
				n++
				return n < 5000
			})
		})
		if err != nil {
			return err
		}
		more = more && n > 0
	}
	f.sum()
	return nil
}

// Onward returns what becomes, in a target, of versions that another effect takes from the target's source, under the terms
// that both have now.
func Onward(ctx context.Context, taken Effect, source, target *store.Collection) (Effect, error) {
	f := forecast{withdrawn: make(map[stix.ID]bool), left: make(map[takenVersion]string)}
	there := func(id stix.ID) stix.ID { return id }
	if rule, _ := source.Agreement().ReleaseTo(target.Agreement().Name); rule.Hides() {
		key, err := copyKey(source)
		if err != nil {
			return Effect{}, err
		}
		space := agreement.Namespace(key)
		there = func(id stix.ID) stix.ID {
			if rule.KeepsID(id) {
				return id
			}
			return agreement.DerivedID(space, id)
		}
	}
	for part := range slices.Chunk(taken.taken, 1000) {
		if err := ctx.Err(); err != nil {
			return Effect{}, err
		}
		err := target.Snapshot(func(l *store.Snapshot) error {
			for _, t := range part {
				id := there(t.id)
				versions, err := l.Versions(id)
				if err != nil {
					return err
				}
				for _, v := range versions {
					if h := targetVersionOf(v, source.ID()); h.ours && !h.others && h.key == t.key {
						f.take(id, t.key, "it is withdrawn from "+string(source.Agreement().Name))
					}
				}
			}
			return nil
		})
		if err != nil {
			return Effect{}, fmt.Errorf("effect on the release from %s to %s: %w", source.Agreement().Name, target.Agreement().Name, err)
		}
	}
	f.sum()
	f.effect.scaleAs(taken)
	return f.effect, nil
}

// scaleAs makes the numbers of an effect that follows from a sampled one estimates, too.
func (e *Effect) scaleAs(from Effect) {
	if from.Sampled == 0 {
		return
	}
	e.Sampled, e.Of = from.Sampled, from.Of
	e.scale()
}

// scale makes numbers of a sample those of all.
func (e *Effect) scale() {
	up := func(n uint64) uint64 { return uint64(float64(n)*float64(e.Of)/float64(max(e.Sampled, 1)) + 0.5) }
	e.Goes, e.Withdrawn = up(e.Goes), up(e.Withdrawn)
	for i := range e.Reasons {
		e.Reasons[i].Objects = up(e.Reasons[i].Objects)
	}
}

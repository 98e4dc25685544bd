package follow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// Holder is an agreement that has an object, or a copy of it.
type Holder struct {
	Agreement agreement.Name `json:"agreement"`
	Object    stix.ID        `json:"object"` // as it is there
	Versions  int            `json:"versions"`
	Added     time.Time      `json:"added"`             // the newest of them
	Account   string         `json:"account,omitempty"` // that added it; "": a release or a mirror did
	Source    agreement.Name `json:"source,omitempty"`  // the agreement that a release brought it from, if it is here
}

// Way is how one release stands to one version of an object.
type Way struct {
	Decision
	There    stix.ID  `json:"there"`              // the object as it is, or would be, in the target
	Lets     []string `json:"lets,omitempty"`     // terms that let it through, each with what was compared; only where it is not refused
	Paused   string   `json:"paused,omitempty"`   // why the release does not run now
	Foreseen bool     `json:"foreseen,omitempty"` // the source does not have it yet: judged by the terms alone, as it would come there
}

// Ways returns the agreements that have an object, in the order in which it reaches them, and how each release from there stands to
// it, as far as it could go. Where it goes under another identifier, it is followed under that. What is still on its way is judged
// further by the terms alone.
func Ways(ctx context.Context, s *store.Store, id stix.ID, now time.Time) (places []Holder, ways []Way, err error) {
	w := walk{store: s, now: now, seen: make(map[walked]bool)}
	for _, origin := range []bool{true, false} { // those that it came from first
		for _, col := range s.Collections() {
			if p, there, err := w.place(col, id); err != nil {
				return nil, nil, err
			} else if !there || origin && p.Source != "" {
				continue
			}
			if err := w.visit(ctx, col, id); err != nil {
				return nil, nil, err
			}
		}
	}
	return w.places, w.ways, nil
}

// walk follows an object from agreement to agreement.
type walk struct {
	store  *store.Store
	now    time.Time
	seen   map[walked]bool
	places []Holder
	ways   []Way
}

// walked is an object in an agreement.
type walked struct {
	agreement agreement.Name
	id        stix.ID
}

// visit follows an object from an agreement on, if it is there and was not followed from there before.
func (w *walk) visit(ctx context.Context, col *store.Collection, id stix.ID) error {
	a := col.Agreement()
	if w.seen[walked{a.Name, id}] {
		return nil
	}
	p, there, err := w.place(col, id)
	if err != nil || !there {
		return err
	}
	w.seen[walked{a.Name, id}] = true
	w.places = append(w.places, p)
	for _, rule := range a.Release {
		if err := ctx.Err(); err != nil {
			return err
		}
		target, ok := w.store.Collection(rule.To)
		if !ok {
			w.ways = append(w.ways, Way{Decision: Decision{Source: a.Name, Target: rule.To, Object: id, Verdict: Waits, Reasons: []string{"release.to: the agreement cannot be opened"}}})
			continue
		}
		if err := w.release(ctx, col, target, rule, id); err != nil {
			return fmt.Errorf("the way of %s from %s to %s: %w", id, a.Name, rule.To, err)
		}
	}
	return nil
}

// place says what an agreement has of an object.
func (w *walk) place(col *store.Collection, id stix.ID) (p Holder, there bool, err error) {
	err = col.Snapshot(func(l *store.Snapshot) error {
		versions, err := l.Versions(id)
		if err != nil || len(versions) == 0 {
			return err
		}
		last := versions[len(versions)-1]
		p, there = Holder{Agreement: col.Agreement().Name, Object: id, Versions: len(versions), Added: last.Added, Account: last.Entry.Account}, true
		for _, from := range w.store.Collections() {
			if from.ID() == last.Entry.Source.Collection {
				p.Source = from.Agreement().Name
			}
		}
		return nil
	})
	return p, there, err
}

// release judges an object in one release, and follows it into the target.
func (w *walk) release(ctx context.Context, source, target *store.Collection, rule agreement.Release, id stix.ID) error {
	r := route{source: source, target: target, rule: rule, ruled: true, name: store.ReleaseFollower(source.ID())}
	there := id
	err := target.Snapshot(func(to *store.Snapshot) error {
		return source.Snapshot(func(from *store.Snapshot) error {
			p, err := newPreviewing(w.store, r, id, w.now)
			if err != nil {
				return err
			}
			if err := p.one(from, to); err != nil {
				return err
			}
			decisions := p.decisions()
			if err := p.exemplifyIn(decisions); err != nil {
				return err
			}
			there = p.ids.to(id)
			return w.judged(p.batch, decisions, there)
		})
	})
	if err != nil {
		return err
	}
	return w.visit(ctx, target, there)
}

// judged adds what a release decides, and what would come of the versions that are on their way.
func (w *walk) judged(b *batch, decisions []Decision, there stix.ID) error {
	_, paused := b.route.phase(w.now)
	for _, d := range decisions {
		way := Way{Decision: d, There: there, Paused: paused}
		e, err := readEntry(b.source, d.Position)
		if err != nil {
			return err
		}
		goes := d.Verdict == Goes || d.Verdict == Held
		if !e.present || !goes && d.Verdict != There && d.Verdict != Waits {
			w.ways = append(w.ways, way)
			continue
		}
		level := b.judge(e, true).Level
		way.Lets = lets(b.route.rule, b.terms, e.object.Type, level)
		w.ways = append(w.ways, way)
		c, err := b.base(e)
		if err != nil {
			return err
		}
		if goes && c.out != nil {
			w.foresee(b, e, c.out.object, level, b.terms, []agreement.Name{b.route.source.Agreement().Name})
		}
	}
	return nil
}

// foresee judges a version by the terms of the releases from an agreement that it has yet to reach. Where one changes it, it is
// followed no further: how it goes on is known when it is there.
func (w *walk) foresee(b *batch, e *entry, o stix.Object, level stix.TLP, from *agreement.Agreement, before []agreement.Name) {
	for _, rule := range from.Release {
		target, ok := w.store.Collection(rule.To)
		if !ok || slices.Contains(before, rule.To) {
			continue
		}
		terms := target.Agreement()
		c := agreement.Candidate{Object: o, Level: level, Warnings: e.recorded.Warnings, Added: e.recorded.At, Definitions: b.definitionsFor(e), Now: b.now}
		c.Consent = from.ConsentOf(o, "", c.Definitions)
		judged := rule.Judge(terms, c, false)
		way := Way{There: o.ID, Foreseen: true, Decision: Decision{
			Source: from.Name, Target: rule.To, Position: e.position, Object: o.ID, Version: o.Version, Verdict: Goes}}
		if rule.Hides() {
			way.There = ""
		}
		for _, refusal := range judged.Refusals {
			way.Verdict, way.Reasons = Refused, append(way.Reasons, refusal.String())
		}
		if way.Verdict == Goes {
			way.Lets = lets(rule, terms, o.Type, judged.Level)
		}
		w.ways = append(w.ways, way)
		if way.Verdict == Goes && rule.Change == nil {
			w.foresee(b, e, o, judged.Level, terms, append(before, from.Name))
		}
	}
}

// lets says which terms of a release, and of the agreement that it leads to, an object of a type and level meets.
func lets(rule agreement.Release, target *agreement.Agreement, typ string, level stix.TLP) (list []string) {
	say := func(term, format string, args ...any) { list = append(list, term+": "+fmt.Sprintf(format, args...)) }
	if rule.MaxTLP != 0 {
		say("release.max_tlp", "it counts as TLP:%s, the release to %s passes on at most TLP:%s", level, rule.To, rule.MaxTLP)
	}
	if len(rule.Types) > 0 {
		say("release.types", "it is of type %s, the release to %s passes on %s", typ, rule.To, strings.Join(rule.Types, ", "))
	}
	if rule.Where != nil {
		say("release.where", "it is %s", rule.Where)
	}
	if target.Accept.MaxTLP != 0 {
		say("accept.max_tlp", "the agreement %s takes at most TLP:%s", target.Name, target.Accept.MaxTLP)
	}
	if len(target.Accept.Types) > 0 {
		say("accept.types", "the agreement %s takes %s", target.Name, strings.Join(target.Accept.Types, ", "))
	}
	if len(list) == 0 {
		say("release.to", "the release to %s passes on everything", rule.To)
	}
	return list
}

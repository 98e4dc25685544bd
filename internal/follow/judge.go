package follow

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Verdict is what becomes of a version in a release.
type Verdict string

// The verdicts.
const (
	Goes    Verdict = "goes"    // it will be added to the target
	There   Verdict = "there"   // it is there
	Waits   Verdict = "waits"   // it goes when what it refers to has gone
	Refused Verdict = "refused" // a term does not allow it
	Blocked Verdict = "blocked" // it might go or have gone, but is taken back: a later version is above the ceiling, or such
	Gone    Verdict = "gone"    // the target had it and lost it: a release never brings it back
	Deleted Verdict = "deleted" // the source no longer has it
)

// judge holds an added version to the rule of the release and the terms of the target. aid says that it goes because
// something else needs it.
func (w *work) judge(it *item, aid bool) []agreement.Refusal {
	if !it.present {
		return w.flow.rule.RefusesUnseen(stix.TLP(it.entry.TLP), it.entry.Warnings)
	}
	if _, known := w.passed.level(it); known && !aid {
		return nil
	}
	o := w.offer(it)
	refusals := append(w.flow.rule.Refuses(o, aid), w.terms.RefusesReleased(o, it.entry.At)...)
	if len(refusals) == 0 && !aid {
		w.passed.note(it, w.terms.ReleasedLevel(o))
	}
	return refusals
}

// level is what a version that goes counts as in the target.
func (w *work) level(it *item) stix.TLP {
	if level, known := w.passed.level(it); known {
		return level
	}
	return w.terms.ReleasedLevel(w.offer(it))
}

// passed remembers which items of a chunk a rule and terms let pass, and what they count as where they go. Most targets
// of a source have the same, and each item is judged once for all of them. The zero passed remembers nothing.
type passed struct {
	from   journal.Position
	levels []atomic.Uint32 // of the items from there on: 0 when nobody knows, else 1 + level
}

func (p passed) of(it *item) *atomic.Uint32 {
	if i := it.position - p.from; it.position >= p.from && i < journal.Position(len(p.levels)) {
		return &p.levels[i]
	}
	return nil
}

func (p passed) level(it *item) (level stix.TLP, known bool) {
	if l := p.of(it); l != nil {
		n := l.Load()
		return stix.TLP(n - 1), n > 0
	}
	return 0, false
}

func (p passed) note(it *item, level stix.TLP) {
	if l := p.of(it); l != nil {
		l.Store(1 + uint32(level))
	}
}

// passedUnder is what is remembered of a chunk's items under the rule and terms of a flow. Where a term looks at more than
// the item, at who the party is that created it, nothing is; nor is it where there are so few that it costs more.
func (c *chunk) passedUnder(f flow) (passed, error) {
	const few = 8
	accept := f.target.Agreement().Accept
	if len(c.items) < few || accept.CreatedBy == agreement.CreatedByParty {
		return passed{}, nil
	}
	rule := f.rule
	rule.To = "" // the same for all targets
	print, err := fingerprint(rule, f.target.Agreement())
	if err != nil {
		return passed{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.passed[string(print)]
	if !known {
		p = passed{from: c.from, levels: make([]atomic.Uint32, len(c.items))}
		if c.passed == nil {
			c.passed = make(map[string]passed)
		}
		c.passed[string(print)] = p
	}
	return p, nil
}

func (w *work) offer(it *item) agreement.Offer {
	o := agreement.Offer{Object: it.object, Level: stix.TLP(it.entry.TLP), Warnings: it.entry.Warnings}
	if it.object.Type == "marking-definition" {
		o.Level, _ = it.object.EffectiveTLP() // it says how others are marked, and counts as nothing itself
	}
	if w.terms.Accept.CreatedBy == agreement.CreatedByParty {
		o.Party = w.producer(it)
	}
	return o
}

// producer is the party that added a version where it came into the exchange first: a version that was released there is
// looked for where it came from.
func (w *work) producer(it *item) agreement.Party {
	e := it.entry
	for range longestChain {
		if e.Source.IsZero() {
			party, _ := w.store.Registry().Party(agreement.PartyName(e.Party))
			return party
		}
		i := slices.IndexFunc(w.store.Collections(), func(c *store.Collection) bool { return c.ID() == e.Source.Collection })
		if i < 0 {
			break
		}
		var err error
		if e, _, err = w.store.Collections()[i].Entry(e.Source.Position); err != nil {
			break
		}
	}
	return agreement.Party{}
}

// longestChain bounds how far back a release is followed.
const longestChain = 64

// references are the objects that a relationship object is about: domain objects and observables, not its author or its
// markings.
func references(o stix.Object) []stix.ID {
	if o.Category() != stix.SRO {
		return nil
	}
	var ids []stix.ID
	t := o.Tree
	see := func(node int) {
		id, err := stix.ParseID(t.Str(node))
		if err == nil && stix.CategoryOf(id.Type()) != stix.SMO && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for name, value := range t.Members(t.Root()) {
		switch property := t.Str(name); {
		case property == "created_by_ref" || property == "object_marking_refs":
		case strings.HasSuffix(property, "_ref"):
			see(value)
		case strings.HasSuffix(property, "_refs"):
			for item := range t.Items(value) {
				see(item)
			}
		}
	}
	return ids
}

// needs are the objects without which one cannot be understood: its creator's identity and its marking definitions.
func needs(o stix.Object) []stix.ID {
	ids := o.Markings()
	t := o.Tree
	if id, err := stix.ParseID(t.Str(t.Member(t.Root(), "created_by_ref"))); err == nil {
		ids = append(ids, id)
	}
	return ids
}

// canAid says whether objects of a type can be what others need.
func canAid(typ string) bool { return typ == "identity" || typ == "marking-definition" }

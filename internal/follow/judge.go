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

// Verdict is a release's decision about a version.
type Verdict string

// The verdicts.
const (
	Goes    Verdict = "goes"    // it will be added to the target
	There   Verdict = "there"   // the target has it
	Waits   Verdict = "waits"   // it goes once the objects it refers to have gone
	Refused Verdict = "refused" // a term refuses it
	Blocked Verdict = "blocked" // the terms allow it, but something else takes it back, such as a later version above the ceiling
	Gone    Verdict = "gone"    // the target had it and removed it: a release never restores it
	Deleted Verdict = "deleted" // the source no longer has it
)

// judge checks an added version against the rule of the release and the terms of the target. aid means that it goes
// because a released object needs it.
func (b *batch) judge(e *entry, aid bool) []agreement.Refusal {
	if !e.present {
		return b.route.rule.RefusesUnseen(stix.TLP(e.recorded.TLP), e.recorded.Warnings)
	}
	if _, known := b.judged.level(e); known && !aid {
		return nil
	}
	o := b.submission(e)
	refusals := append(b.route.rule.Refuses(o, aid), b.terms.RefusesReleased(o, e.recorded.At)...)
	if len(refusals) == 0 && !aid {
		b.judged.observe(e, b.terms.ReleasedLevel(o))
	}
	return refusals
}

// level returns the TLP level that a released version counts as in the target.
func (b *batch) level(e *entry) stix.TLP {
	if level, known := b.judged.level(e); known {
		return level
	}
	return b.terms.ReleasedLevel(b.submission(e))
}

// judged caches which entries of a chunk a rule and terms allow, and the level they count as in the target. Most targets of
// a source have the same terms, so each entry is judged once for all of them. The zero judged caches nothing.
type judged struct {
	from   journal.Position
	levels []atomic.Uint32 // of the entries from there on: 0 if unknown, else 1 + level
}

func (p judged) s(e *entry) *atomic.Uint32 {
	if i := e.position - p.from; e.position >= p.from && i < journal.Position(len(p.levels)) {
		return &p.levels[i]
	}
	return nil
}

func (p judged) level(e *entry) (level stix.TLP, known bool) {
	if l := p.s(e); l != nil {
		n := l.Load()
		return stix.TLP(n - 1), n > 0
	}
	return 0, false
}

func (p judged) observe(e *entry, level stix.TLP) {
	if l := p.s(e); l != nil {
		l.Store(1 + uint32(level))
	}
}

// judgedUnder returns the cache of a chunk for the rule and terms of a route. It is empty where a term depends on more than
// the entry (on the party that created it), and where the chunk is too short to be worth it.
func (c *chunk) judgedUnder(r route) (judged, error) {
	const few = 8
	accept := r.target.Agreement().Accept
	if len(c.entries) < few || accept.CreatedBy == agreement.CreatedByParty {
		return judged{}, nil
	}
	rule := r.rule
	rule.To = "" // the same for all targets
	print, err := fingerprint(rule, r.target.Agreement())
	if err != nil {
		return judged{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.judged[string(print)]
	if !known {
		p = judged{from: c.from, levels: make([]atomic.Uint32, len(c.entries))}
		if c.judged == nil {
			c.judged = make(map[string]judged)
		}
		c.judged[string(print)] = p
	}
	return p, nil
}

func (b *batch) submission(e *entry) agreement.Candidate {
	o := agreement.Candidate{Object: e.object, Level: stix.TLP(e.recorded.TLP), Warnings: e.recorded.Warnings}
	if e.object.Type == "marking-definition" {
		o.Level, _ = e.object.EffectiveTLP() // accept.default_tlp is not meant for marking definitions
	}
	if b.terms.Accept.CreatedBy == agreement.CreatedByParty {
		o.Party = b.producer(e)
	}
	return o
}

// producer returns the party that added a version where it entered the exchange, following releases back to their source.
func (b *batch) producer(e *entry) agreement.Party {
	rec := e.recorded
	for range longestChain {
		if rec.Source.IsZero() {
			party, _ := b.store.Registry().Party(agreement.PartyName(rec.Party))
			return party
		}
		i := slices.IndexFunc(b.store.Collections(), func(c *store.Collection) bool { return c.ID() == rec.Source.Collection })
		if i < 0 {
			break
		}
		var err error
		if rec, _, err = b.store.Collections()[i].Entry(rec.Source.Position); err != nil {
			break
		}
	}
	return agreement.Party{}
}

// longestChain bounds how many releases are followed back.
const longestChain = 64

// references returns the objects that a relationship or sighting is about, without its author and its markings.
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
			for ref := range t.Items(value) {
				see(ref)
			}
		}
	}
	return ids
}

// needs returns the objects that o cannot be understood without: its creator's identity and its marking definitions.
func needs(o stix.Object) []stix.ID {
	ids := o.Markings()
	t := o.Tree
	if id, err := stix.ParseID(t.Str(t.Member(t.Root(), "created_by_ref"))); err == nil {
		ids = append(ids, id)
	}
	return ids
}

// canAid reports whether objects of a type can be needed by others.
func canAid(typ string) bool { return typ == "identity" || typ == "marking-definition" }

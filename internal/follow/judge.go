package follow

import (
	"bytes"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
)

// Verdict is a release's decision about a version.
type Verdict string

// The verdicts.
const (
	Goes      Verdict = "goes"      // it will be added to the target
	There     Verdict = "there"     // the target has it
	Waits     Verdict = "waits"     // it goes once the objects it refers to have gone
	Refused   Verdict = "refused"   // a term refuses it
	Blocked   Verdict = "blocked"   // the terms allow it, but something else takes it back, such as a later version above the ceiling
	Gone      Verdict = "gone"      // the target had it and removed it: a release never restores it
	Deleted   Verdict = "deleted"   // the source no longer has it
	Corrected Verdict = "corrected" // the source has another text of this version, which is judged in its place
	Held      Verdict = "held"      // it waits for a time, or for approval

	Conflicts Verdict = "conflict" // the target has other content under this version
)

// judge decides about an added version under the rule of the release and the terms of the target. aid means that it goes
// because a released object needs it.
func (b *batch) judge(e *entry, aid bool) agreement.Decision {
	if !e.present {
		return agreement.Decision{Refusals: b.route.rule.RefusesUnseen(e.id().Type(), stix.TLP(e.recorded.TLP), e.recorded.Warnings)}
	}
	cached := e.under(b.judging)
	if level, known := cached.known(); known && !aid {
		return agreement.Decision{Level: level}
	}
	d := b.route.rule.Judge(b.terms, b.candidate(e), aid)
	if len(d.Refusals) == 0 && len(d.Depends) == 0 && !aid {
		cached.keep(d.Level)
	}
	return d
}

func (b *batch) candidate(e *entry) agreement.Candidate {
	c := agreement.Candidate{
		Object: e.object, Level: stix.TLP(e.recorded.TLP), Warnings: e.recorded.Warnings, Added: e.recorded.At,
		Definitions: b.definitionsFor(e), TargetDefinitions: b.targetDefinitionsFor(e), Now: b.now,
	}
	c.Consent = b.from.ConsentOf(e.object, agreement.PartyName(e.recorded.Party), c.Definitions)
	if e.object.Type == "marking-definition" && len(e.object.Markings()) == 0 {
		c.Level = 0 // accept.default_tlp is not meant for marking definitions
	}
	if b.terms.Accept.CreatedBy == agreement.CreatedByParty {
		c.Party = b.producer(e)
	}
	if copied, err := b.base(e); err == nil && copied.out != nil { // otherwise it is refused when it is placed
		c.Copy = copied.out.object
	}
	return c
}

// definitionsFor returns the marking definitions of the source that count for a version. A marking whose meaning a stranger
// can choose is none: those of other parties count only if the sender had vouched for them.
func (b *batch) definitionsFor(e *entry) agreement.Definitions {
	return func(id stix.ID) (agreement.Definition, bool) {
		d := b.definitions(b.ids.from(id)) // a copy has the marking under the identifier of the target
		if d == nil {
			return agreement.Definition{}, false
		}
		counts := d.Definition
		counts.Foreign = !b.vouched(e, d)
		return counts, true
	}
}

// targetDefinitionsFor returns the definitions of the target that count for a version: what the release brought, or what says
// the same as the definition of the source.
func (b *batch) targetDefinitionsFor(e *entry) agreement.Definitions {
	return func(id stix.ID) (agreement.Definition, bool) {
		d := b.targetDefinitions(id)
		if d == nil {
			return agreement.Definition{}, false
		}
		counts := d.Definition
		there := b.definitions(b.ids.from(id))
		counts.Foreign = !d.Of("", b.route.source.ID()) && (there == nil || !d.Same(there)) || there != nil && !b.vouched(e, there)
		return counts, true
	}
}

// vouched reports whether the sender of a version stands for a definition in the source: it is its own, or was there and meant
// when the version came. For what a release brought, the agreement that it comes from is asked, too.
func (b *batch) vouched(e *entry, d *ingest.Definition) bool {
	from := e.recorded.Source
	if d.Of(agreement.PartyName(e.recorded.Party), from.Collection) {
		return true
	}
	if from.IsZero() {
		return d.Position < e.position && agreement.VouchesForDefinitions(e.recorded.Warnings)
	}
	i := slices.IndexFunc(b.store.Collections(), func(c *store.Collection) bool { return c.ID() == from.Collection })
	if i < 0 {
		return false
	}
	same := false
	err := b.store.Collections()[i].Snapshot(func(l *store.Snapshot) error {
		there := ingest.Definitions(l)(d.ID)
		same = there != nil && there.Same(d)
		return nil
	})
	return same && err == nil
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

// owner returns the party for which the source has a version: the one that added it where it first came in.
func (b *batch) owner(e *entry) agreement.PartyName {
	if e.recorded.Source.IsZero() {
		return agreement.PartyName(e.recorded.Party)
	}
	return b.producer(e).Name
}

// longestChain bounds how many releases are followed back.
const longestChain = 64

// references returns the objects that o speaks of, each once: the values of its properties that end in _ref or _refs, at
// any depth, which is how the Standard and custom properties name objects (STIX 2.1, section 3.1). Its author and its
// markings are not among them; see needs.
func references(o stix.Object) []stix.ID {
	f := finder{tree: o.Tree}
	for name, value := range o.Tree.Members(o.Tree.Root()) {
		switch f.tree.Str(name) {
		case "created_by_ref", "object_marking_refs", "granular_markings":
		default:
			f.property(name, value)
		}
	}
	return f.ids
}

// finder collects references.
type finder struct {
	tree *ijson.Tree
	ids  []stix.ID
	seen map[stix.ID]bool // once there are many
}

// few is how many are so few that a map costs more than it saves.
const few = 8

func (f *finder) property(name, value int) {
	t := f.tree
	switch t.Kind(value) {
	case ijson.String:
		if bytes.HasSuffix(t.Bytes(name), []byte("_ref")) {
			f.see(value)
		}
	case ijson.Array:
		list := bytes.HasSuffix(t.Bytes(name), []byte("_refs"))
		for item := range t.Items(value) {
			if list && t.Kind(item) == ijson.String {
				f.see(item)
			} else {
				f.property(name, item)
			}
		}
	case ijson.Object:
		for name, value := range t.Members(value) {
			f.property(name, value)
		}
	}
}

func (f *finder) see(node int) {
	id, err := stix.ParseID(f.tree.Str(node))
	if err != nil || id.Type() == "marking-definition" || id.Type() == "extension-definition" || f.known(id) {
		return
	}
	f.ids = append(f.ids, id)
	switch {
	case f.seen != nil:
		f.seen[id] = true
	case len(f.ids) > few:
		f.seen = make(map[stix.ID]bool, 4*few)
		for _, id := range f.ids {
			f.seen[id] = true
		}
	}
}

func (f *finder) known(id stix.ID) bool {
	if f.seen != nil {
		return f.seen[id]
	}
	return slices.Contains(f.ids, id)
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

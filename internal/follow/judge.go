package follow

import (
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
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
	o := w.offer(it)
	return append(w.flow.rule.Refuses(o, aid), w.terms.RefusesReleased(o, it.entry.At)...)
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

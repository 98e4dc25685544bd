package follow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// Feedback on a release is a route of its own the other way round: its source is the release's target, where sightings, opinions
// and notes are added, and its target is the release's source. It passes on what members added there and what speaks of something
// that the release brought, under the identifiers that this has where it came from. Everything else is as in a release: what is
// withdrawn, deleted or corrected reaches the copy, and the terms of the agreement that it comes back to decide.
//
// Nothing goes back to where it came from: an entry that came through an agreement does not go into it again, however long the way.

// feedbackInto returns the feedback from a release's target into its source.
func feedbackInto(source, target *store.Collection, rule agreement.Release) route {
	back, ruled := rule.FeedbackRule(source.Agreement().Name)
	return route{source: target, target: source, rule: back, ruled: ruled, name: store.FeedbackFollower(target.ID()), forward: &rule}
}

// passedOver says why an entry is none that a route is for; "" if it is.
func (b *batch) passedOver(e *entry) (string, error) {
	from, err := b.cameThrough(e)
	if err != nil {
		return "", err
	}
	if from {
		return "it came from there", nil
	}
	if b.route.forward == nil || !e.present || !slices.Contains(b.route.rule.Types, e.object.Type) {
		return "", nil
	}
	for _, id := range e.references {
		if _, is := b.broughtFrom(id); is {
			return "", nil
		}
	}
	return fmt.Sprintf("it speaks of nothing that came from %s", b.terms.Name), nil
}

// cameThrough reports whether an entry came from the route's target, or through it.
func (b *batch) cameThrough(e *entry) (bool, error) {
	if e.recorded.Source.IsZero() || !b.returnExists() {
		return false, nil
	}
	rec := e.recorded
	for range longestChain {
		if rec.Source.IsZero() {
			return false, nil
		}
		if rec.Source.Collection == b.route.target.ID() {
			return true, nil
		}
		col := b.collection(rec.Source.Collection)
		if col == nil {
			return false, nil
		}
		var err error
		if rec, _, err = col.Entry(rec.Source.Position); err != nil {
			return false, err
		}
	}
	return true, nil // too long a way to tell
}

func (b *batch) collection(id uuid.UUID) *store.Collection {
	for _, col := range b.store.Collections() {
		if col.ID() == id {
			return col
		}
	}
	return nil
}

// returnExists reports whether any release takes feedback or hides authors: without, nothing goes back to where it came from under
// another identifier.
func (b *batch) returnExists() bool {
	if b.returns == nil {
		exists := false
		for _, col := range b.store.Collections() {
			exists = exists || slices.ContainsFunc(col.Agreement().Release, func(r agreement.Release) bool { return r.Feedback != nil || r.Hides() })
		}
		b.returns = &exists
	}
	return *b.returns
}

// broughtFrom returns what an object of the route's source was where the release that it speaks of took it from.
func (b *batch) broughtFrom(id stix.ID) (stix.ID, bool) {
	if b.route.forward == nil || b.source == nil {
		return id, false
	}
	origin := b.route.target.ID()
	if key := b.target.State(store.CopiesFollower, store.CopiesKey); id == agreement.ActingIdentity(agreement.Namespace(key), origin) {
		return id, false
	}
	versions, err := b.source.Versions(id)
	if err != nil {
		return id, false // the next question about it reports it
	}
	for _, v := range versions {
		if v.Entry.Source.Collection == origin {
			if e, err := b.target.Entry(v.Entry.Source.Position); err == nil {
				return stix.ID(e.Object), true
			}
		}
		if slices.Contains(v.Sources, origin) && !b.route.forward.Hides() {
			return id, true
		}
	}
	return id, false
}

// FeedbackOn counts the feedback on an object that came back to an agreement, by type.
func FeedbackOn(s *store.Store, col *store.Collection, id stix.ID) (counts map[string]int, err error) {
	counts = make(map[string]int)
	for _, rule := range col.Agreement().Release {
		target, ok := s.Collection(rule.To)
		if !ok || rule.Feedback == nil {
			continue
		}
		back := feedbackInto(col, target, rule)
		key, err := copyKey(col)
		if err != nil {
			return nil, err
		}
		there := id
		if rule.Hides() && !rule.KeepsID(id) {
			there = agreement.DerivedID(agreement.Namespace(key), id)
		}
		backKey, err := copyKey(target)
		if err != nil {
			return nil, err
		}
		seen := make(map[string]bool)
		err = col.Snapshot(func(l *store.Snapshot) error {
			l.EachState(back.name, []byte(referList(there)), func(rest, _ []byte) {
				word, _, _ := strings.Cut(string(rest), "\x00")
				seen[word] = true
			})
			for word := range seen {
				here := stix.ID(word)
				if back.rule.Hides() {
					here = agreement.DerivedID(agreement.Namespace(backKey), here)
				}
				if l.Holds(here) {
					counts[here.Type()]++
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// sweepAtOnce is the most versions that one transaction of a sweep deletes.
const sweepAtOnce = 500

// Sweep deletes the versions that an agreement's retention no longer keeps and returns how many. It acts as the system, in
// small transactions with a reason for each version, at the given pace. Age alone does not delete an object that a kept
// relationship or sighting refers to. Retention runs in every state of the agreement.
func Sweep(ctx context.Context, col *store.Collection, now time.Time, pace *Pace) (deleted int, err error) {
	a, terms := col.Terms()
	rule := a.Retention
	if rule == (agreement.Retention{}) {
		return 0, nil
	}
	referred, err := keptReferences(col, rule, now)
	if err != nil {
		return 0, err
	}
	s := &sweep{rule: rule, now: now, referred: referred}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return deleted, err
		}
		began := time.Now()
		var changes []store.Change
		if changes, more, err = s.next(col, pace.burst(sweepAtOnce)); err != nil {
			return deleted, err
		}
		if len(changes) == 0 {
			continue
		}
		r, err := col.Append(ctx, store.Batch{Terms: terms, Changes: changes})
		if errors.Is(err, store.ErrStale) {
			return deleted, nil // the next sweep goes by the new terms
		}
		if err != nil {
			return deleted, fmt.Errorf("retention of %s: %w", col.Agreement().Name, err)
		}
		for _, o := range r.Outcomes {
			deleted += len(o.Positions)
		}
		pace.rest(ctx, time.Since(began))
	}
	return deleted, nil
}

// sweep is one sweep through a collection, object by object.
type sweep struct {
	rule     agreement.Retention
	now      time.Time
	referred map[stix.ID]bool // by relationships and sightings that stay
	from     []byte
}

// next plans the next transaction and reports whether another may follow.
func (s *sweep) next(col *store.Collection, most int) (changes []store.Change, more bool, err error) {
	err = col.Snapshot(func(l *store.Snapshot) error {
		return eachObject(l, s.from, func(vs []store.StoredVersion, next []byte) bool {
			changes = append(changes, dropped(s.rule, vs, s.now, s.referred[vs[0].ID])...)
			s.from, more = next, next != nil
			return len(changes) < most
		})
	})
	return changes, more, err
}

// eachObject calls visit with all versions of each object in turn, starting at a place, until visit returns false. next is
// the place of the following object, nil after the last.
func eachObject(l *store.Snapshot, from []byte, visit func(vs []store.StoredVersion, next []byte) bool) error {
	var group []store.StoredVersion
	var at []byte // place of the current version
	stopped := false
	err := l.Walk(from, func(v store.StoredVersion, next []byte) bool {
		if len(group) > 0 && group[0].ID != v.ID {
			if !visit(group, at) {
				stopped = true
				return false
			}
			group = group[:0]
		}
		group = append(group, v)
		at = slices.Clone(next)
		return true
	})
	if err == nil && !stopped && len(group) > 0 {
		visit(group, nil)
	}
	return err
}

// dropped returns the removals of the versions of one object that a retention does not keep. A referred object is kept
// whatever its age.
func dropped(rule agreement.Retention, vs []store.StoredVersion, now time.Time, referred bool) []store.Change {
	var changes []store.Change
	newer := make(map[store.Owner]int) // newer versions by contributor, so that one contributor's versions do not displace another's
	for _, v := range slices.Backward(vs) {
		by := store.Owner{Party: agreement.PartyName(v.Entry.Party), Source: v.Entry.Source.Collection}
		later := newer[by]
		newer[by]++
		reason := ""
		switch {
		case rule.Versions > 0 && later >= rule.Versions:
			reason = fmt.Sprintf("retention: newer versions are kept, up to %d", rule.Versions)
		case rule.MaxAgeDays > 0 && !referred && v.Added.Before(now.AddDate(0, 0, -rule.MaxAgeDays)):
			reason = fmt.Sprintf("retention: kept for %d days", rule.MaxAgeDays)
		default:
			continue
		}
		r := &store.Removal{ID: v.ID, Specs: []string{v.Spec}, Reason: reason}
		if v.Unversioned {
			r.Digest = v.Entry.Digest
		} else {
			r.Versions = store.Versions{Exact: []stix.Instant{v.Instant}}
		}
		changes = append(changes, store.Change{Remove: r})
	}
	slices.Reverse(changes) // oldest first
	return changes
}

// keptReferences returns the objects that kept relationships and sightings refer to. These are kept because they are young
// enough, or because another kept one refers to them.
func keptReferences(col *store.Collection, rule agreement.Retention, now time.Time) (map[stix.ID]bool, error) {
	referred := make(map[stix.ID]bool)
	if rule.MaxAgeDays == 0 {
		return referred, nil
	}
	old := make(map[stix.ID][]stix.ID) // references of those that are too old by themselves
	var from []byte
	for more := true; more; {
		seen := 0
		err := col.Snapshot(func(l *store.Snapshot) error {
			var failed error
			err := eachObject(l, from, func(vs []store.StoredVersion, next []byte) bool {
				from, more = next, next != nil
				seen++
				if typ := vs[0].ID.Type(); stix.CategoryOf(typ) == stix.SRO || stix.CategoryOf(typ) == stix.Unknown {
					refs, err := referencesOf(l, vs)
					if err != nil {
						failed = err
						return false
					}
					if len(dropped(agreement.Retention{MaxAgeDays: rule.MaxAgeDays}, vs, now, false)) == len(vs) {
						old[vs[0].ID] = refs
						return seen < 10*sweepAtOnce
					}
					for _, id := range refs {
						referred[id] = true
					}
				}
				return seen < 10*sweepAtOnce
			})
			return errors.Join(err, failed)
		})
		if err != nil {
			return nil, err
		}
		more = more && from != nil
	}
	for again := true; again; {
		again = false
		for id, refs := range old {
			if !referred[id] {
				continue
			}
			delete(old, id)
			for _, ref := range refs {
				referred[ref] = true
			}
			again = true
		}
	}
	return referred, nil
}

// referencesOf returns what the versions of a relationship object refer to.
func referencesOf(l *store.Snapshot, vs []store.StoredVersion) (ids []stix.ID, err error) {
	for _, v := range vs {
		e, err := readEntry(l, v.Position)
		if err != nil {
			return nil, err
		}
		if e.present && e.object.Category() == stix.SRO {
			ids = append(ids, e.references...)
		}
	}
	return ids, nil
}

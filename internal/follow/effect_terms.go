package follow

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// RefusedBy returns how many of the objects that members have added to an agreement its present terms would take again and
// other terms would not. Of a journal with more than most entries that many are drawn.
func RefusedBy(ctx context.Context, s *store.Store, col *store.Collection, will *agreement.Agreement, most int) (Effect, error) {
	f := forecast{withdrawn: make(map[stix.ID]bool)}
	stats, err := col.Stats()
	if err != nil {
		return Effect{}, err
	}
	was, registry := col.Agreement(), s.Registry()
	at := func(n uint64) journal.Position { return journal.Position(n + 1) }
	total, judged := stats.Entries, uint64(0)
	if total > uint64(most) {
		at = func(uint64) journal.Position { return journal.Position(1 + rand.Uint64N(stats.Entries)) }
		total = uint64(max(most/sampleCost, 1))
	}
	for n := uint64(0); n < total; {
		if err := ctx.Err(); err != nil {
			return Effect{}, err
		}
		err := col.Snapshot(func(l *store.Snapshot) error {
			found := ingest.Definitions(l)
			defs := func(id stix.ID) (agreement.Definition, bool) {
				if d := found(id); d != nil {
					return d.Definition, true
				}
				return agreement.Definition{}, false
			}
			for end := min(n+sampleChunk, total); n < end; n++ {
				e, err := readEntry(l, at(n))
				if err != nil {
					return err
				}
				if !e.present || !e.recorded.Source.IsZero() {
					continue
				}
				judged++
				party, _ := registry.Party(agreement.PartyName(e.recorded.Party))
				if rule := newlyRefused(was, will, e, party, defs); rule != "" && !f.withdrawn[e.id()] {
					f.withdrawn[e.id()] = true
					f.reason(rule, e.id())
				}
			}
			return nil
		})
		if err != nil {
			return Effect{}, err
		}
	}
	f.effect.Withdrawn = uint64(len(f.withdrawn))
	if total < stats.Entries {
		f.effect.Sampled, f.effect.Of = judged, stats.Objects
		f.effect.scale()
	}
	return f.effect, nil
}

// newlyRefused returns the term by which a version is refused under other terms but not under the present ones, if any.
func newlyRefused(was, will *agreement.Agreement, e *entry, party agreement.Party, defs agreement.Definitions) string {
	var found []validate.Finding
	for _, rule := range e.recorded.Warnings {
		if _, tolerated := agreement.ToleratedRule(rule); !tolerated {
			found = append(found, validate.Finding{Rule: rule, Severity: validate.Warning})
		}
	}
	term := func(a *agreement.Agreement) string {
		for _, f := range a.Accepts(e.object, party, found, defs, e.recorded.At).Findings {
			if f.Severity == validate.Error {
				return termOfRule(f.Rule)
			}
		}
		return ""
	}
	if refused := term(will); refused != "" && term(was) == "" {
		return refused
	}
	return ""
}

// termOfRule returns the term that a rule of acceptance checks.
func termOfRule(id string) string {
	rules := agreement.Rules()
	if i := slices.IndexFunc(rules, func(r agreement.Rule) bool { return r.ID == id }); i >= 0 && rules[i].Term != "" {
		return rules[i].Term
	}
	return id
}

// DeletedBy returns how many objects would lose versions by a retention. Of a collection with more than most objects only
// the first are judged.
func DeletedBy(ctx context.Context, col *store.Collection, rule agreement.Retention, now time.Time, most int) (Effect, error) {
	var effect Effect
	stats, err := col.Stats()
	if err != nil || rule == (agreement.Retention{}) {
		return effect, err
	}
	referred := map[stix.ID]bool{}
	if stats.Objects <= uint64(most) {
		if referred, err = keptReferences(col, rule, now); err != nil {
			return Effect{}, err
		}
	}
	var from []byte
	judged := 0
	for more := true; more && judged < most; {
		if err := ctx.Err(); err != nil {
			return Effect{}, err
		}
		n := 0
		err := col.Snapshot(func(l *store.Snapshot) error {
			return eachObject(l, from, func(vs []store.StoredVersion, next []byte) bool {
				n++
				judged++
				if len(dropped(rule, vs, now, referred[vs[0].ID])) > 0 {
					effect.Withdrawn++
				}
				from, more = next, next != nil
				return n < sweepAtOnce && judged < most
			})
		})
		if err != nil {
			return Effect{}, err
		}
		more = more && n > 0
	}
	if uint64(judged) < stats.Objects {
		effect.Sampled, effect.Of = uint64(judged), stats.Objects
		effect.scale()
	}
	return effect, nil
}

package store

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// correct replaces the stored text of a version if what was found there is other content and the addition may correct it. The
// outcome is set already: it stays what it is where it may not. See doc/decisions/0049.
func (a *applier) correct(id idKey, ch *preparedChange, near neighbours, lastAddition bool) error {
	if a.out.Kind != Conflict {
		return nil
	}
	v := *near.next
	may, err := a.mayCorrect(id, ch, v)
	if err != nil || !may {
		return err
	}
	removed, err := a.entryOf(v)
	if err != nil {
		return err
	}
	old, err := a.dropText(v)
	if err != nil {
		return err
	}
	if err := a.unlink([]version{v}); err != nil {
		return err
	}
	kind, source := journal.Deleted, ch.Add.Source
	if !source.IsZero() {
		kind = journal.Withdrawn
	}
	a.nextTime(false)
	position := a.addEntry(journal.Entry{
		Kind: kind, Object: removed.Object, Version: removed.Version, SpecVersion: removed.SpecVersion,
		Of: old, Source: source, Act: journal.ActCorrect,
	}, ch)
	if err := a.removals.Put(removalKey(id, position), nil); err != nil {
		return fmt.Errorf("correct %s: %w", removed.Object, err)
	}
	if near.prev, near.next, err = a.neighbours(v); err != nil {
		return err
	}
	of := version{origin: v.origin}
	if near.any() == nil { // as a rebuild has it
		of.creator = 0
		if ch.creator != "" {
			if of.creator, err = a.contributor(identityKey(ch.creator)); err != nil {
				return err
			}
		}
	}
	if err := a.store(id, ch, near, &of, true, journal.ActCorrect, lastAddition); err != nil {
		return err
	}
	a.out.Kind, a.out.Positions = Corrected, []journal.Position{old}
	return nil
}

// mayCorrect reports whether an addition may replace the text of a version. A release that is one of several sources of the text
// is no longer a source of it.
func (a *applier) mayCorrect(id idKey, ch *preparedChange, v version) (bool, error) {
	source := ch.Add.Source.Collection
	if source == (uuid.UUID{}) {
		if a.terms == nil || a.terms.Accept.Corrections != agreement.CorrectionsAccept || a.contradicts(id, ch) {
			return false, nil
		}
	} else if !ch.Add.Correction {
		return false, nil
	}
	if kind, err := a.mayAdd(id, ch, &v); err != nil || kind != 0 {
		return false, err
	}
	if source == (uuid.UUID{}) {
		own, err := a.ownVersions([]version{v}, a.actor.Party)
		return len(own) == 1, err
	}
	list, err := a.sourcesOf(v)
	if err != nil || !slices.Contains(list, source) {
		return false, err
	}
	alone, err := a.dropSource([]version{v}, source)
	return len(alone) == 1, err
}

// contradicts reports whether an earlier addition of the same batch is of the same version: two texts of one version in one
// envelope are no correction.
func (a *applier) contradicts(id idKey, ch *preparedChange) bool {
	name := func(ch *preparedChange) string {
		o := &ch.Add.Object
		return string(o.ID) + "\x00" + string(o.Instant.AppendKey(nil)) + string(rune(ch.form))
	}
	if a.earliest == nil {
		a.earliest = make(map[string]int)
		for i := range a.batch.changes {
			if other := &a.batch.changes[i]; other.Add != nil && other.form&formUnversioned == 0 {
				if _, known := a.earliest[name(other)]; !known {
					a.earliest[name(other)] = i
				}
			}
		}
	}
	first, known := a.earliest[name(ch)]
	return known && first < a.place
}

package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// removeVersions removes the versions that a removal selects: their texts, their index entries, and leaves an entry and a
// tombstone for each.
func (a *applier) removeVersions(ch *preparedChange) error {
	r := ch.Remove
	*a.out = Outcome{Kind: Missing}
	typ, known := a.typeOf(r.ID.Type())
	id, ok := appendIDKey(nil, typ, r.ID)
	if !known || !ok {
		return nil
	}
	held, err := versionsOf(a.versionKeys, id)
	if err != nil {
		return err
	}
	selected := selectVersions(held, r)
	if selected, err = a.narrowSelection(selected, r); err != nil {
		return err
	}
	if len(selected) == 0 {
		return nil
	}
	kept := 0
	if r.OnlyBy != "" {
		kept = len(selected)
		if selected, err = a.ownVersions(selected, r.OnlyBy); err != nil {
			return err
		}
		if kept -= len(selected); len(selected) == 0 {
			*a.out = Outcome{Kind: NotTheirs, Kept: kept}
			return nil
		}
	}
	slices.SortFunc(selected, func(a, b version) int { return cmp.Compare(a.added, b.added) })
	entries := make([]journal.Entry, len(selected))
	for i, v := range selected {
		if entries[i], err = a.entryOf(v); err != nil {
			return err
		}
	}
	*a.out = Outcome{Kind: Removed, Positions: make([]journal.Position, len(selected)), Kept: kept}
	for i, v := range selected {
		if err := a.removeVersion(ch, id, v, entries[i], i); err != nil {
			return fmt.Errorf("remove %s: %w", r.ID, err)
		}
	}
	if err := a.unlink(selected); err != nil {
		return err
	}
	if len(selected) == len(held) {
		return a.emptied(id, held)
	}
	return nil
}

// emptied keeps the owner of an object of which nothing is left, unless the last removal gave it up.
func (a *applier) emptied(id idKey, held []version) error {
	err := a.formerOwners.Delete(id)
	i := slices.IndexFunc(held, versioned)
	if err == nil && i >= 0 && !givesUp(a.drafts[len(a.drafts)-1].entry) {
		err = a.formerOwners.Put(id, binary.AppendUvarint(nil, held[i].adder))
	}
	if err != nil {
		return fmt.Errorf("keep owner: %w", err)
	}
	return nil
}

// removeVersion removes the text of one version and records it; i is its place among those of the removal.
func (a *applier) removeVersion(ch *preparedChange, id idKey, v version, of journal.Entry, i int) error {
	added, err := a.dropText(v)
	if err != nil {
		return err
	}
	a.out.Positions[i] = added
	a.out.At = timeOf(a.nextTime(false))
	source := ch.Remove.Source
	if source.IsZero() {
		source.Collection = ch.Remove.OnlyFrom
	}
	position := a.addEntry(journal.Entry{
		Kind: cmp.Or(ch.Remove.Kind, journal.Deleted), Object: of.Object, Version: of.Version, SpecVersion: of.SpecVersion,
		Of: added, Source: source, Act: actOf(ch.Remove), Reason: ch.Remove.Reason,
	}, ch)
	tombstone, err := tombstoneKeyOf(id, of)
	if err != nil {
		return err
	}
	if err := a.removals.Put(removalKey(id, position), nil); err != nil {
		return err
	}
	return a.tombstones.Put(tombstone, positionKey(position))
}

// dropText removes the text of a version, which stays in the indexes, and returns where it was added.
func (a *applier) dropText(v version) (added journal.Position, err error) {
	r, err := readRecord(a.objects, v.added)
	if err != nil {
		return 0, err
	}
	a.deletes = true
	a.stats.versions--
	a.stats.bytes -= uint64(len(r.text))
	return r.position, errors.Join(a.objects.Delete(addedKey(v.added)), a.sources.Delete(v.key))
}

func actOf(r *Removal) string {
	switch {
	case r.Bar:
		return journal.ActBar
	case r.Operator:
		return journal.ActRemove
	case r.MayReturn:
		return journal.ActTerms
	}
	return ""
}

// selectVersions picks from an object's versions, which are given in order. First and last are those of the object's owner,
// also where only some spec versions are selected.
func selectVersions(all []version, r *Removal) []version {
	own := ownOf(all) // nil: all are
	var held []version
	first, last := -1, -1
	for i, v := range all {
		if len(r.Specs) > 0 && !slices.Contains(r.Specs, v.form().spec()) {
			continue
		}
		if own == nil || own[i] {
			if first < 0 {
				first = len(held)
			}
			last = len(held)
		}
		held = append(held, v)
	}
	w := r.Versions
	if w.All || !w.First && !w.Last && len(w.Exact) == 0 {
		return held
	}
	exact := make(map[string]bool, len(w.Exact))
	for _, in := range w.Exact {
		exact[string(in.AppendKey(nil))] = true
	}
	var selected []version
	for i, v := range held {
		if w.First && i == first || w.Last && i == last || exact[string(v.instant())] {
			selected = append(selected, v)
		}
	}
	return selected
}

// narrowSelection keeps the selected versions that match a removal's Digest and OnlyFrom.
func (a *applier) narrowSelection(selected []version, r *Removal) ([]version, error) {
	if r.Digest != (journal.Digest{}) {
		var same []version
		for _, v := range selected {
			e, err := a.entryOf(v)
			if err != nil {
				return nil, err
			}
			if e.Digest == r.Digest {
				same = append(same, v)
			}
		}
		selected = same
	}
	if r.OnlyFrom != (uuid.UUID{}) {
		return a.dropSource(selected, r.OnlyFrom)
	}
	return selected, nil
}

// entryOf is the entry with which a version was added.
func (a *applier) entryOf(v version) (journal.Entry, error) {
	r, err := readRecord(a.objects, v.added)
	if err != nil {
		return journal.Entry{}, err
	}
	return a.entryAt(r.position)
}

// entryAt is the entry at a position, also one that the group adds.
func (a *applier) entryAt(p journal.Position) (journal.Entry, error) {
	if fresh := uint64(p) - a.stats.entries; uint64(p) > a.stats.entries {
		if fresh > uint64(len(a.drafts)) {
			return journal.Entry{}, fmt.Errorf("the entry %d is missing", p)
		}
		return a.drafts[fresh-1].entry, nil
	}
	e, err := journal.ParseEntry(a.journal.Get(positionKey(p)))
	if err != nil {
		return journal.Entry{}, fmt.Errorf("entry %d: %w", p, err)
	}
	return e, nil
}

// tombstoneKey is the key of a removed version's tombstone: followers do not bring it back. Versioned objects go by
// their version, others by their content.
func tombstoneKey(dst []byte, id idKey, f form, instant stix.Instant, digest journal.Digest) []byte {
	key := append(dst, id...)
	if f&formUnversioned == 0 {
		key = instant.AppendKey(key)
	} else {
		key = append(key, digest[:]...)
	}
	return append(key, byte(f))
}

// tombstoneKeyOf returns the key of a version's tombstone, from the entry that had added it.
func tombstoneKeyOf(id idKey, added journal.Entry) ([]byte, error) {
	var f form
	if added.SpecVersion == spec21 {
		f |= formSpec21
	}
	if added.Version == "" {
		return tombstoneKey(nil, id, f|formUnversioned, stix.Instant{}, added.Digest), nil
	}
	instant, err := stix.ParseInstant(added.Version)
	if err != nil {
		return nil, fmt.Errorf("the version of %s: %w", added.Object, err)
	}
	return tombstoneKey(nil, id, f, instant, added.Digest), nil
}

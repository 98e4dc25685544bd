package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// addObject stores an object unless it is stored already, or is not its contributor's to add.
func (a *applier) addObject(ch *preparedChange, lastAddition bool) error {
	o := &ch.Add.Object
	typ, known := a.typeOf(o.ID.Type())
	id, _ := appendIDKey(make([]byte, 0, idKeySize), typ, o.ID)
	near, err := a.near(id, ch, known)
	if err != nil {
		return err
	}
	if near.found {
		return a.correct(id, ch, near, lastAddition)
	}
	of, err := a.originFrom(id, near.any(), ch.form)
	if err != nil {
		return err
	}
	kind, err := a.mayAdd(id, ch, of)
	if err != nil {
		return err
	}
	var tombstone []byte
	if kind == 0 && known {
		tombstone = tombstoneKey(a.scratch[:0], id, ch.form, o.Instant, ch.digest)
		a.scratch = tombstone
		if kind, err = a.barred(tombstone, ch); err != nil {
			return err
		}
	}
	if kind != 0 {
		*a.out = Outcome{Kind: kind, Version: o.Version}
		return nil
	}
	return a.store(id, ch, near, of, known, "", lastAddition)
}

// barred reports whether a tombstone keeps a version from being added: Barred, Gone, or 0 after it has dropped the tombstone.
func (a *applier) barred(tombstone []byte, ch *preparedChange) (OutcomeKind, error) {
	v := a.tombstoneKeys.get(tombstone)
	if v == nil {
		return 0, nil
	}
	removal, err := a.entryAt(journal.Position(binary.BigEndian.Uint64(v)))
	if err != nil {
		return 0, err
	}
	switch source := ch.Add.Source.Collection; {
	case bars(removal, source) && source == uuid.UUID{}:
		return Barred, nil
	case bars(removal, source):
		return Gone, nil
	}
	if err := a.tombstones.Delete(tombstone); err != nil {
		return 0, fmt.Errorf("delete tombstone of %s: %w", ch.Add.Object.ID, err)
	}
	return 0, nil
}

// store stores an object that is not there.
func (a *applier) store(id idKey, ch *preparedChange, near neighbours, of *version, known bool, act string, lastAddition bool) error {
	o := &ch.Add.Object
	if !known {
		if err := a.newType(o.ID.Type()); err != nil {
			return err
		}
	}
	contributor := contributorKey(a.actor.Party, ch.Add.Source.Collection)
	if _, err := a.contributor(contributor); err != nil {
		return err
	}
	from := origin{}
	if of != nil && ch.form&formUnversioned == 0 {
		from = of.origin
	} else {
		var err error
		if from, err = a.originBy(contributor, ch.creator); err != nil {
			return err
		}
		if of == nil && known && ch.form&formUnversioned == 0 {
			if err := a.formerOwners.Delete(id); err != nil {
				return fmt.Errorf("drop former owner of %s: %w", o.ID, err)
			}
		}
	}
	added := a.nextTime(lastAddition)
	position := a.addEntry(journal.Entry{
		Kind: journal.Added, Object: string(o.ID), Version: o.Version, SpecVersion: o.SpecVersion,
		Size: uint64(len(o.Raw())), TLP: uint8(ch.Add.TLP), Status: a.status, Warnings: ch.Add.Warnings,
		Source: ch.Add.Source, Digest: ch.digest, Before: ch.Add.Original, Act: act,
	}, ch)
	a.stats.versions++
	a.stats.bytes += uint64(len(o.Raw()))
	*a.out = Outcome{Kind: Added, Position: position, At: timeOf(added), Version: o.Version}
	if ch.form&formUnversioned != 0 {
		a.out.Version = taxiiTime(added)
	}
	v, err := a.putObject(ch, id, from, position, added)
	if err != nil {
		return err
	}
	if ch.form&formUnversioned != 0 {
		return a.link(v)
	}
	return a.linkBetween(v, near.prev, near.next)
}

// putObject writes an object's record and returns its version, which is not linked into the indexes.
func (a *applier) putObject(ch *preparedChange, id idKey, from origin, position journal.Position, added uint64) (version, error) {
	o := &ch.Add.Object
	text := o.Raw()
	b := make([]byte, 0, len(text)+len(o.ID)+len(o.Version)+24+recordSum)
	b = appendRecord(b, record{position: position, form: ch.form, id: []byte(o.ID), version: []byte(o.Version), text: text}, ch.idSpan, ch.versionSpan)
	if err := a.objects.Put(addedKey(added), b); err != nil {
		return version{}, fmt.Errorf("keep %s: %w", o.ID, err)
	}
	v := newVersion(id, o.Instant, ch.form, added)
	v.content, v.origin = ch.content, from
	return v, nil
}

// neighbours are the versions of an object around one that is to be added.
type neighbours struct {
	prev, next *version
	found      bool // the version itself is stored, and the outcome is set
}

// any is one of the object's versions, nil for none.
func (n neighbours) any() *version {
	if n.prev != nil {
		return n.prev
	}
	return n.next
}

// near finds where an addition goes among the stored versions of its object. If the version is stored already it sets the
// outcome.
func (a *applier) near(id idKey, ch *preparedChange, typeKnown bool) (near neighbours, err error) {
	if !typeKnown {
		return near, nil
	}
	if ch.form&formUnversioned == 0 {
		v := newVersion(id, ch.Add.Object.Instant, ch.form, 0)
		near.prev, near.next, err = a.neighbours(v)
		if err != nil || near.next == nil || !bytes.Equal(near.next.key, v.key) {
			return near, err
		}
		near.found = true
		_, err = a.compareContent(*near.next, ch, Conflict)
		return near, err
	}
	vs, err := versionsOf(a.versionKeys, id)
	if err != nil {
		return near, err
	}
	for i := range vs {
		if vs[i].form() != ch.form || vs[i].content != ch.content {
			continue
		}
		if near.found, err = a.compareContent(vs[i], ch, 0); near.found || err != nil {
			return near, err
		}
	}
	if len(vs) > 0 {
		near.prev = &vs[len(vs)-1]
	}
	return near, nil
}

// compareContent compares an addition with a stored version and sets the outcome: Already when the content is the same, other
// when it is not, unless that is 0. A further release becomes a source of what another has brought; nothing else gives a
// hold on a version.
func (a *applier) compareContent(v version, ch *preparedChange, other OutcomeKind) (same bool, err error) {
	r, err := readRecord(a.objects, v.added)
	if err != nil {
		return false, err
	}
	kind := other
	if same = stix.SameContent(r.text, ch.Add.Object.Raw()); same {
		kind = Already
		if source := ch.Add.Source.Collection; source != (uuid.UUID{}) {
			if err := a.addSource(v, source); err != nil {
				return false, err
			}
		}
	}
	if kind != 0 {
		*a.out = Outcome{Kind: kind, Position: r.position, At: timeOf(v.added), Version: r.versionText(v.added)}
	}
	return same, nil
}

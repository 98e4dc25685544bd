package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// applier applies one commitGroup. It reads no clock and draws no random number: the same group on the same file
// gives the same content, the same date_added and the same tree head.
type applier struct {
	*buckets
	actor  Actor
	status uuid.UUID // of the batch
	out    *Outcome  // of the current change
	newest uint64    // time of the newest entry so far
	drafts []entryDraft
	result groupResult
}

// entryDraft is an entry that is not yet written: its time may still move, see writeEntries.
type entryDraft struct {
	entry  journal.Entry
	out    *Outcome
	change *preparedChange
}

// apply makes a group's changes, in order, and writes nothing but what they change. It is the only code that writes
// objects, entries and indexes.
//
// The times given are later than any before, at most a millisecond after the group's, and such that the last object that
// is added gets a whole millisecond: a client that cuts date_added to milliseconds and asks for what came after comes to
// rest.
func apply(t *buckets, g commitGroup) (groupResult, error) {
	a := &applier{buckets: t, newest: t.stats.lastAt}
	n, lastAddition := 0, [2]int{-1, -1}
	for i, b := range g.batches {
		n += len(b.changes)
		for j := range b.changes {
			if b.changes[j].Add != nil {
				lastAddition = [2]int{i, j}
			}
		}
	}
	if g.now > uint64(n) {
		a.newest = max(a.newest, g.now-uint64(n))
	}
	a.drafts = make([]entryDraft, 0, n)
	a.result.outcomes = make([][]Outcome, len(g.batches))
	for i := range g.batches {
		b := &g.batches[i]
		a.actor, a.status = b.actor, uuid.UUID{}
		if b.status != nil {
			a.status = b.status.ID
		}
		outcomes := make([]Outcome, len(b.changes))
		a.result.outcomes[i] = outcomes
		for j := range b.changes {
			a.out = &outcomes[j]
			if err := a.change(&b.changes[j], lastAddition == [2]int{i, j}); err != nil {
				return groupResult{}, fmt.Errorf("change %d of %d: %w", j+1, len(b.changes), err)
			}
		}
	}
	if err := a.writeEntries(); err != nil {
		return groupResult{}, err
	}
	for i := range g.batches {
		if err := a.putExtras(&g.batches[i], a.result.outcomes[i], g.now); err != nil {
			return groupResult{}, err
		}
	}
	a.result.entries, a.result.newest = t.stats.entries, t.stats.lastAdded
	return a.result, nil
}

func (a *applier) change(ch *preparedChange, lastAddition bool) error {
	switch {
	case ch.Add != nil:
		return a.addObject(ch, lastAddition)
	case ch.Remove != nil:
		return a.removeVersions(ch)
	}
	return a.changeTerms(ch)
}

// addEntry adds an entry to those of the group and returns its position.
func (a *applier) addEntry(e journal.Entry, ch *preparedChange) journal.Position {
	e.At = timeOf(a.newest)
	e.Account, e.Party = string(a.actor.Account), string(a.actor.Party)
	a.drafts = append(a.drafts, entryDraft{e, a.out, ch})
	return journal.Position(a.stats.entries) + journal.Position(len(a.drafts))
}

// nextTime returns the time of the next entry; ofLast is for the last addition of the group.
func (a *applier) nextTime(ofLast bool) uint64 {
	a.newest++
	if ofLast {
		a.newest = wholeMillisecond(a.newest)
	}
	return a.newest
}

func wholeMillisecond(added uint64) uint64 { return (added + 999) / 1000 * 1000 }

// addObject stores an object unless it is stored already.
func (a *applier) addObject(ch *preparedChange, lastAddition bool) error {
	o := &ch.Add.Object
	typ, known := a.typeOf(o.ID.Type())
	id, _ := appendIDKey(make([]byte, 0, idKeySize), typ, o.ID)
	if known {
		if found, err := a.findStored(id, ch); found || err != nil {
			return err
		}
	}
	tombstone := tombstoneKey(a.scratch[:0], id, ch.form, o.Instant, ch.digest)
	a.scratch = tombstone
	removed := known && a.tombstoneKeys.get(tombstone) != nil
	if removed && !ch.Add.Source.IsZero() {
		*a.out = Outcome{Kind: Gone, Version: o.Version}
		return nil
	}
	if !known {
		if err := a.newType(o.ID.Type()); err != nil {
			return err
		}
	}
	if removed {
		if err := a.tombstones.Delete(tombstone); err != nil {
			return fmt.Errorf("delete tombstone of %s: %w", o.ID, err)
		}
	}
	added := a.nextTime(lastAddition)
	position := a.addEntry(journal.Entry{
		Kind: journal.Added, Object: string(o.ID), Version: o.Version, SpecVersion: o.SpecVersion,
		Size: uint64(len(o.Raw())), TLP: uint8(ch.Add.TLP), Status: a.status, Warnings: ch.Add.Warnings,
		Source: ch.Add.Source, Digest: ch.digest,
	}, ch)
	a.stats.versions++
	a.stats.bytes += uint64(len(o.Raw()))
	*a.out = Outcome{Kind: Added, Position: position, At: timeOf(added), Version: o.Version}
	if ch.form&formUnversioned != 0 {
		a.out.Version = taxiiTime(added)
	}
	return a.putObject(ch, id, position, added)
}

// putObject writes an object's record and links it into the indexes.
func (a *applier) putObject(ch *preparedChange, id idKey, position journal.Position, added uint64) error {
	o := &ch.Add.Object
	text := o.Raw()
	b := make([]byte, 0, len(text)+len(o.ID)+len(o.Version)+24)
	b = appendRecord(b, record{position: position, form: ch.form, id: []byte(o.ID), version: []byte(o.Version), text: text}, ch.idSpan, ch.versionSpan)
	if err := a.objects.Put(addedKey(added), b); err != nil {
		return fmt.Errorf("keep %s: %w", o.ID, err)
	}
	v := newVersion(id, o.Instant, ch.form, added)
	v.content = ch.content
	return a.link(v)
}

// findStored sets the outcome of an addition whose version is stored already, and reports whether it is.
func (a *applier) findStored(id idKey, ch *preparedChange) (bool, error) {
	o := &ch.Add.Object
	if ch.form&formUnversioned == 0 {
		v := newVersion(id, o.Instant, ch.form, 0)
		key, value := a.versionKeys.Seek(v.key)
		if !bytes.Equal(key, v.key) {
			return false, nil
		}
		v, err := parseVersion(v.key, value)
		if err != nil {
			return false, err
		}
		_, err = a.compareContent(v, ch, Conflict)
		return true, err
	}
	vs, err := versionsOf(a.versionKeys, id)
	if err != nil {
		return false, err
	}
	compared := 0
	for _, v := range vs {
		likely := v.content == ch.content || v.content == ch.plain
		if v.form() != ch.form || !likely && compared == mostCompared {
			continue
		}
		if !likely {
			compared++
		}
		if same, err := a.compareContent(v, ch, 0); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// mostCompared is how many unversioned texts of one object are compared whose hash says that they differ: the hashes of files
// from before [stix.ContentHash] tell spelled defaults apart. Seldom does an object have a second text.
const mostCompared = 4

// compareContent compares an addition with a stored version and sets the outcome: Already when the content is the same, other
// when it is not, unless that is 0.
func (a *applier) compareContent(v version, ch *preparedChange, other OutcomeKind) (same bool, err error) {
	r, err := readRecord(a.objects, v.added)
	if err != nil {
		return false, err
	}
	kind := other
	if same = stix.SameContent(r.text, ch.Add.Object.Raw()); same {
		kind = Already
		if err := a.addSource(v, ch.Add.Source.Collection); err != nil {
			return false, err
		}
	}
	if kind != 0 {
		*a.out = Outcome{Kind: kind, Position: r.position, At: timeOf(v.added), Version: r.versionText(v.added)}
	}
	return same, nil
}

// readRecord reads the record that an index names.
func readRecord(objects *bolt.Bucket, added uint64) (record, error) {
	b := objects.Get(addedKey(added))
	if b == nil {
		return record{}, fmt.Errorf("the object added %s is missing", taxiiTime(added))
	}
	r, err := parseRecord(b)
	if err != nil {
		return record{}, fmt.Errorf("the object added %s: %w", taxiiTime(added), err)
	}
	return r, nil
}

// typeOf is the number of an object type, or the number that it would get.
func (t *buckets) typeOf(name string) (typ uint64, known bool) {
	if typ, known = t.typeNumbers.of(name); known {
		return typ, true
	}
	return t.types.Sequence() + 1, false
}

// newType numbers an object type.
func (t *buckets) newType(name string) error {
	typ, err := t.types.NextSequence()
	if err == nil {
		err = t.types.Put([]byte(name), binary.AppendUvarint(nil, typ))
	}
	if err != nil {
		return fmt.Errorf("number type %s: %w", name, err)
	}
	return nil
}

// changeTerms puts terms in force.
func (a *applier) changeTerms(ch *preparedChange) error {
	document, err := ch.Terms.Agreement.Document()
	if err != nil {
		return err
	}
	digest := journal.Digest(sha256.Sum256(document))
	if err := a.documents.Put(digest[:], document); err != nil {
		return fmt.Errorf("keep terms: %w", err)
	}
	var before journal.Digest
	copy(before[:], a.meta.Get(keyTerms))
	if err := a.meta.Put(keyTerms, digest[:]); err != nil {
		return fmt.Errorf("keep terms: %w", err)
	}
	at := a.nextTime(false)
	position := a.addEntry(journal.Entry{
		Kind: journal.Terms, Act: ch.Terms.Act, Reason: ch.Terms.Reason, Before: before, Digest: digest,
	}, ch)
	if err := a.termed.Put(positionKey(position), digest[:]); err != nil {
		return fmt.Errorf("keep terms: %w", err)
	}
	*a.out = Outcome{Kind: Changed, Position: position, At: timeOf(at)}
	a.result.terms = ch.Terms.Agreement.Canonical()
	return nil
}

// usualEntry is about how many bytes an entry has.
const usualEntry = 256

// writeEntries moves the last added object, and everything after it, up to a whole millisecond, and writes the group's
// entries.
func (a *applier) writeEntries() error {
	for i := len(a.drafts) - 1; i >= 0; i-- {
		p := &a.drafts[i]
		added := uint64(p.entry.At.UnixMicro())
		if p.entry.Kind != journal.Added || a.objects.Get(addedKey(added)) == nil {
			continue // not an object, or removed again in the same group
		}
		if by := wholeMillisecond(added) - added; by > 0 {
			if err := a.moveObject(p, added, added+by); err != nil {
				return err
			}
			a.newest += by
			for j := i; j < len(a.drafts); j++ {
				a.drafts[j].shift(by)
			}
			a.shiftOutcomes(p.out)
		}
		break
	}
	tree, err := newTreeAppender(a.hashes, a.journal, a.stats.entries)
	if err != nil {
		return err
	}
	texts := make([]byte, 0, len(a.drafts)*usualEntry)
	for i := range a.drafts {
		p, start := &a.drafts[i], len(texts)
		p.entry.Reason = journal.CleanText(p.entry.Reason)
		if err := p.entry.Check(); err != nil {
			return fmt.Errorf("write entry %d: %w", a.stats.entries+1, err)
		}
		texts = p.entry.Append(texts)
		b := texts[start:len(texts):len(texts)]
		a.stats.entries++
		if err := a.journal.Put(positionKey(journal.Position(a.stats.entries)), b); err != nil {
			return fmt.Errorf("keep entry %d: %w", a.stats.entries, err)
		}
		if err := tree.add(b); err != nil {
			return err
		}
		if p.entry.Kind == journal.Added {
			a.stats.lastAdded = max(a.stats.lastAdded, uint64(p.entry.At.UnixMicro()))
		}
	}
	if len(a.drafts) == 0 {
		return nil
	}
	a.stats.lastAt = a.newest
	if err := a.putTree(tree); err != nil {
		return err
	}
	return a.putStats()
}

// shift moves an entry and the outcome of its change to a later time.
func (p *entryDraft) shift(by uint64) {
	at := timeOf(uint64(p.entry.At.UnixMicro()) + by)
	p.entry.At = at
	p.out.At = at
	if p.entry.Kind == journal.Added && p.change.form&formUnversioned != 0 {
		p.out.Version = taxiiTime(uint64(at.UnixMicro()))
	}
}

// shiftOutcomes corrects the outcomes of additions that found a version of the same group that has moved.
func (a *applier) shiftOutcomes(moved *Outcome) {
	for _, outcomes := range a.result.outcomes {
		for i := range outcomes {
			if o := &outcomes[i]; (o.Kind == Already || o.Kind == Conflict) && o.Position == moved.Position {
				o.At, o.Version = moved.At, moved.Version
			}
		}
	}
}

// moveObject gives the object of an entry another date_added.
func (a *applier) moveObject(p *entryDraft, from, to uint64) error {
	o := &p.change.Add.Object
	typ, _ := a.typeOf(o.ID.Type())
	id, _ := appendIDKey(nil, typ, o.ID)
	v := newVersion(id, o.Instant, p.change.form, from)
	v, err := parseVersion(v.key, a.versions.Get(v.key))
	if err != nil {
		return err
	}
	if err := a.unlink([]version{v}); err != nil {
		return err
	}
	if err := a.objects.Delete(addedKey(from)); err != nil {
		return fmt.Errorf("move %s: %w", o.ID, err)
	}
	if kept := bytes.Clone(a.sources.Get(v.key)); kept != nil {
		moved := newVersion(id, o.Instant, p.change.form, to)
		if err := errors.Join(a.sources.Delete(v.key), a.sources.Put(moved.key, kept)); err != nil {
			return fmt.Errorf("move %s: %w", o.ID, err)
		}
	}
	return a.putObject(p.change, id, p.out.Position, to)
}

// putExtras stores what a batch keeps besides its changes.
func (a *applier) putExtras(b *preparedBatch, outcomes []Outcome, now uint64) error {
	if b.cursor != nil {
		if err := putCursor(a.cursors, b.cursor.Name, b.cursor.Position); err != nil {
			return fmt.Errorf("keep cursor %s: %w", b.cursor.Name, err)
		}
	}
	if b.follow != nil {
		if err := a.keepFollower(b.follow); err != nil {
			return err
		}
	}
	if b.status == nil {
		return nil
	}
	if b.status.Body == nil {
		return errors.New("a status without a body")
	}
	return a.putStatus(b.status.ID, b.actor, now, b.status.Body(outcomes))
}

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

// applying is one group being applied. It reads no clock and draws no random number: the same group on the same file
// gives the same content, the same date_added and the same tree head.
type applying struct {
	*tables
	actor   Actor
	status  uuid.UUID // of the batch
	out     *Outcome  // of the change
	lastAt  uint64    // time of the newest entry so far
	pending []pendingEntry
	done    done
}

// pendingEntry is an entry whose time is not settled: see settle.
type pendingEntry struct {
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
func apply(t *tables, g group) (done, error) {
	a := &applying{tables: t, lastAt: t.figures.lastAt}
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
		a.lastAt = max(a.lastAt, g.now-uint64(n))
	}
	a.pending = make([]pendingEntry, 0, n)
	a.done.outcomes = make([][]Outcome, len(g.batches))
	for i := range g.batches {
		b := &g.batches[i]
		a.actor, a.status = b.actor, uuid.UUID{}
		if b.status != nil {
			a.status = b.status.ID
		}
		outcomes := make([]Outcome, len(b.changes))
		a.done.outcomes[i] = outcomes
		for j := range b.changes {
			a.out = &outcomes[j]
			if err := a.change(&b.changes[j], lastAddition == [2]int{i, j}); err != nil {
				return done{}, fmt.Errorf("change %d of %d: %w", j+1, len(b.changes), err)
			}
		}
	}
	if err := a.settle(); err != nil {
		return done{}, err
	}
	for i := range g.batches {
		if err := a.keepBeside(&g.batches[i], a.done.outcomes[i], g.now); err != nil {
			return done{}, err
		}
	}
	a.done.entries, a.done.newest = t.figures.entries, t.figures.lastAdded
	return a.done, nil
}

func (a *applying) change(ch *preparedChange, lastAddition bool) error {
	switch {
	case ch.Add != nil:
		return a.add(ch, lastAddition)
	case ch.Remove != nil:
		return a.remove(ch)
	}
	return a.changeTerms(ch)
}

// record adds an entry to those of the group and returns its position.
func (a *applying) record(e journal.Entry, ch *preparedChange) journal.Position {
	e.At = timeOf(a.lastAt)
	e.Account, e.Party = string(a.actor.Account), string(a.actor.Party)
	a.pending = append(a.pending, pendingEntry{e, a.out, ch})
	return journal.Position(a.figures.entries) + journal.Position(len(a.pending))
}

// stamp is the time of the next entry; ofLast is for the addition that no other follows.
func (a *applying) stamp(ofLast bool) uint64 {
	a.lastAt++
	if ofLast {
		a.lastAt = wholeMillisecond(a.lastAt)
	}
	return a.lastAt
}

func wholeMillisecond(added uint64) uint64 { return (added + 999) / 1000 * 1000 }

// add stores an object, unless it is there.
func (a *applying) add(ch *preparedChange, lastAddition bool) error {
	o := &ch.Add.Object
	typ, known := a.typeOf(o.ID.Type())
	id, _ := appendIDKey(make([]byte, 0, idKeyRoom), typ, o.ID)
	if known {
		if found, err := a.held(id, ch); found || err != nil {
			return err
		}
	}
	grave := tombstoneKey(a.scratch[:0], id, ch.form, o.Instant, ch.digest)
	a.scratch = grave
	buried := known && a.graves.get(grave) != nil
	if buried && !ch.Add.Source.IsZero() {
		*a.out = Outcome{Kind: Gone, Version: o.Version}
		return nil
	}
	if !known {
		if err := a.newType(o.ID.Type()); err != nil {
			return err
		}
	}
	if buried {
		if err := a.tombstones.Delete(grave); err != nil {
			return fmt.Errorf("delete tombstone of %s: %w", o.ID, err)
		}
	}
	added := a.stamp(lastAddition)
	position := a.record(journal.Entry{
		Kind: journal.Added, Object: string(o.ID), Version: o.Version, SpecVersion: o.SpecVersion,
		Size: uint64(len(o.Raw())), TLP: uint8(ch.Add.TLP), Status: a.status, Warnings: ch.Add.Warnings,
		Source: ch.Add.Source, Digest: ch.digest,
	}, ch)
	a.figures.versions++
	a.figures.bytes += uint64(len(o.Raw()))
	*a.out = Outcome{Kind: Added, Position: position, At: timeOf(added), Version: o.Version}
	if ch.form&formUnversioned != 0 {
		a.out.Version = taxiiTime(added)
	}
	return a.keepObject(ch, id, position, added)
}

// keepObject writes an object's record and links it into the indexes.
func (a *applying) keepObject(ch *preparedChange, id idKey, position journal.Position, added uint64) error {
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

// held answers the addition of a version that is there already.
func (a *applying) held(id idKey, ch *preparedChange) (bool, error) {
	o := &ch.Add.Object
	if ch.form&formUnversioned == 0 {
		v := newVersion(id, o.Instant, ch.form, 0)
		key, value := a.places.Seek(v.key)
		if !bytes.Equal(key, v.key) {
			return false, nil
		}
		v, err := parseVersion(v.key, value)
		if err != nil {
			return false, err
		}
		_, err = a.compare(v, ch, Conflict)
		return true, err
	}
	vs, err := versionsOf(a.places, id)
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
		if same, err := a.compare(v, ch, 0); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// mostCompared is how many unversioned texts of one object are compared whose hash says that they differ: the hashes of files
// from before [stix.ContentHash] tell spelled defaults apart. Seldom does an object have a second text.
const mostCompared = 4

// compare holds an addition against a stored version and sets the outcome: Already when the content is the same, other
// when it is not, unless that is 0.
func (a *applying) compare(v version, ch *preparedChange, other OutcomeKind) (same bool, err error) {
	r, err := readRecord(a.objects, v.added)
	if err != nil {
		return false, err
	}
	kind := other
	if same = stix.SameContent(r.text, ch.Add.Object.Raw()); same {
		kind = Already
		if err := a.vouch(v, ch.Add.Source.Collection); err != nil {
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
func (t *tables) typeOf(name string) (typ uint64, known bool) {
	if typ, known = t.numbers.of(name); known {
		return typ, true
	}
	return t.types.Sequence() + 1, false
}

// newType numbers an object type.
func (t *tables) newType(name string) error {
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
func (a *applying) changeTerms(ch *preparedChange) error {
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
	at := a.stamp(false)
	position := a.record(journal.Entry{
		Kind: journal.Terms, Act: ch.Terms.Act, Reason: ch.Terms.Reason, Before: before, Digest: digest,
	}, ch)
	if err := a.termed.Put(positionKey(position), digest[:]); err != nil {
		return fmt.Errorf("keep terms: %w", err)
	}
	*a.out = Outcome{Kind: Changed, Position: position, At: timeOf(at)}
	a.done.terms = ch.Terms.Agreement.Canonical()
	return nil
}

// usualEntry is about how many bytes an entry has.
const usualEntry = 256

// settle moves the last object that was added up to a whole millisecond, with all that came after it, and writes the
// group's entries.
func (a *applying) settle() error {
	for i := len(a.pending) - 1; i >= 0; i-- {
		p := &a.pending[i]
		added := uint64(p.entry.At.UnixMicro())
		if p.entry.Kind != journal.Added || a.objects.Get(addedKey(added)) == nil {
			continue // not an object, or removed again in the same group
		}
		if by := wholeMillisecond(added) - added; by > 0 {
			if err := a.move(p, added, added+by); err != nil {
				return err
			}
			a.lastAt += by
			for j := i; j < len(a.pending); j++ {
				a.pending[j].shift(by)
			}
			a.shiftFound(p.out)
		}
		break
	}
	tree, err := growTree(a.hashes, a.journal, a.figures.entries)
	if err != nil {
		return err
	}
	texts := make([]byte, 0, len(a.pending)*usualEntry)
	for i := range a.pending {
		p, start := &a.pending[i], len(texts)
		texts = p.entry.Append(texts)
		b := texts[start:len(texts):len(texts)]
		a.figures.entries++
		if err := a.journal.Put(positionKey(journal.Position(a.figures.entries)), b); err != nil {
			return fmt.Errorf("keep entry %d: %w", a.figures.entries, err)
		}
		if err := tree.add(b); err != nil {
			return err
		}
		if p.entry.Kind == journal.Added {
			a.figures.lastAdded = max(a.figures.lastAdded, uint64(p.entry.At.UnixMicro()))
		}
	}
	if len(a.pending) == 0 {
		return nil
	}
	a.figures.lastAt = a.lastAt
	if err := a.keepTree(tree); err != nil {
		return err
	}
	return a.keepFigures()
}

// shift moves an entry and what its change says of it to a later time.
func (p *pendingEntry) shift(by uint64) {
	at := timeOf(uint64(p.entry.At.UnixMicro()) + by)
	p.entry.At = at
	p.out.At = at
	if p.entry.Kind == journal.Added && p.change.form&formUnversioned != 0 {
		p.out.Version = taxiiTime(uint64(at.UnixMicro()))
	}
}

// shiftFound lets the outcomes of additions that found a version of the same group say what it is called now.
func (a *applying) shiftFound(moved *Outcome) {
	for _, outcomes := range a.done.outcomes {
		for i := range outcomes {
			if o := &outcomes[i]; (o.Kind == Already || o.Kind == Conflict) && o.Position == moved.Position {
				o.At, o.Version = moved.At, moved.Version
			}
		}
	}
}

// move gives the object of an entry another date_added.
func (a *applying) move(p *pendingEntry, from, to uint64) error {
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
	if kept := bytes.Clone(a.vouchers.Get(v.key)); kept != nil {
		moved := newVersion(id, o.Instant, p.change.form, to)
		if err := errors.Join(a.vouchers.Delete(v.key), a.vouchers.Put(moved.key, kept)); err != nil {
			return fmt.Errorf("move %s: %w", o.ID, err)
		}
	}
	return a.keepObject(p.change, id, p.out.Position, to)
}

// keepBeside keeps what a batch wants kept with its changes.
func (a *applying) keepBeside(b *preparedBatch, outcomes []Outcome, now uint64) error {
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
	return a.keepStatus(b.status.ID, b.actor, now, b.status.Body(outcomes))
}

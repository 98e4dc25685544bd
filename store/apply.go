package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// applier applies one commitGroup. It reads no clock and draws no random number: the same group on the same file
// gives the same content, the same date_added and the same tree head.
type applier struct {
	*buckets
	terms     *terms            // in force so far; nil before the first
	ownersNow *owners           // by these terms; nil until asked for
	turns     map[string]uint64 // of followers that the group has updated
	actor     Actor
	status    uuid.UUID // of the batch
	out       *Outcome  // of the current change
	batch     *preparedBatch
	place     int            // of the current change in the batch
	earliest  map[string]int // of the batch: where each version comes first; nil until asked for
	newest    uint64         // time of the newest entry so far
	drafts    []entryDraft
	result    groupResult
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
	a := &applier{buckets: t, newest: t.stats.lastAt, terms: g.terms}
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
	a.result.outcomes, a.result.errs = make([][]Outcome, len(g.batches)), make([]error, len(g.batches))
	for i := range g.batches {
		b := &g.batches[i]
		a.actor, a.status, a.batch, a.earliest = b.actor, uuid.UUID{}, b, nil
		if b.status != nil {
			a.status = b.status.ID
		}
		refusal, err := a.refuse(b, g.now)
		if err != nil {
			return groupResult{}, err
		}
		if a.result.errs[i] = refusal; refusal != nil {
			continue
		}
		outcomes := make([]Outcome, len(b.changes))
		a.result.outcomes[i] = outcomes
		for j := range b.changes {
			a.out, a.place = &outcomes[j], j
			if err := a.change(&b.changes[j], lastAddition == [2]int{i, j}); err != nil {
				return groupResult{}, fmt.Errorf("change %d of %d: %w", j+1, len(b.changes), err)
			}
		}
	}
	if err := a.writeEntries(); err != nil {
		return groupResult{}, err
	}
	for i := range g.batches {
		if a.result.errs[i] != nil {
			continue
		}
		if err := a.putExtras(&g.batches[i], a.result.outcomes[i], g.now); err != nil {
			return groupResult{}, err
		}
	}
	a.result.entries, a.result.newest = t.stats.entries, t.stats.lastAdded
	return a.result, nil
}

// refuse says why a batch is not applied to the state that an earlier one has left: it is stale, or its party has no right
// to it at the group's time. Both follow from the file and the group alone.
func (a *applier) refuse(b *preparedBatch, now uint64) (refusal, err error) {
	if b.terms != (journal.Digest{}) && (a.terms == nil || b.terms != a.terms.digest) {
		return ErrStale, nil
	}
	if b.actor.Party != "" && a.terms != nil {
		caller := agreement.Caller{Account: b.actor.Account, Party: b.actor.Party}
		at := timeOf(max(now, a.stats.lastAt))
		for _, need := range [...]struct {
			act  agreement.Act
			does bool
		}{{agreement.Add, b.adds}, {agreement.Delete, b.deletes}} {
			if !need.does {
				continue
			}
			if refusal := agreement.Permit(a.terms.Agreement, caller, need.act, at); refusal != nil && !(need.act == agreement.Add && a.isFeedback(b, caller, at)) {
				return refusal, nil
			}
		}
	}
	if u := b.follow; u != nil {
		turn, updated := a.turns[u.Name]
		if !updated {
			p, err := progressIn(a.cursors, u.Name)
			if err != nil {
				return nil, err
			}
			turn = p.turn
		}
		if u.Turn != turn {
			return ErrStale, nil
		}
		if a.turns == nil {
			a.turns = make(map[string]uint64)
		}
		a.turns[u.Name] = turn + 1
	}
	return nil, nil
}

// isFeedback reports whether all that a batch adds is feedback that its party may add.
func (a *applier) isFeedback(b *preparedBatch, caller agreement.Caller, at time.Time) bool {
	if agreement.Permit(a.terms.Agreement, caller, agreement.AddFeedback, at) != nil {
		return false
	}
	for i := range b.changes {
		if add := b.changes[i].Add; add != nil && agreement.PermitFeedback(a.terms.Agreement, caller, add.Object.Type, at) != nil {
			return false
		}
	}
	return true
}

func (a *applier) change(ch *preparedChange, lastAddition bool) error {
	switch {
	case ch.Add != nil:
		return a.addObject(ch, lastAddition)
	case ch.Remove != nil:
		return a.removeVersions(ch)
	case ch.Decide != nil:
		return a.decide(ch)
	case ch.Forget != nil:
		return a.forgetRefused(ch.Forget)
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
	document := ch.document
	digest := journal.Digest(sha256.Sum256(document))
	if err := a.documents.Put(digest[:], document); err != nil {
		return fmt.Errorf("keep terms: %w", err)
	}
	if err := putOpenings(a.openings, ch.openings); err != nil {
		return err
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
	in, err := readTerms(document, a.openings)
	if err != nil {
		return err
	}
	a.terms, a.ownersNow = &terms{in, digest}, nil
	a.result.terms = a.terms
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
	moved, err := a.putObject(p.change, id, v.origin, p.out.Position, to)
	if err != nil {
		return err
	}
	return a.link(moved)
}

// putExtras stores what a batch keeps besides its changes.
func (a *applier) putExtras(b *preparedBatch, outcomes []Outcome, now uint64) error {
	if b.follow != nil {
		if err := a.putFollower(b, outcomes); err != nil {
			return err
		}
	}
	if b.refused != nil {
		if err := a.keepRefused(b, outcomes, now); err != nil {
			return err
		}
	}
	if b.status == nil {
		return nil
	}
	return a.putStatus(b.status, b.actor, now, outcomes)
}

package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// MaxVersionText is how long the text of an object's version may be, in bytes: it is part of keys. A timestamp with
// nanoseconds has 30.
const MaxVersionText = 256

// Append is the only way to change an agreement's file. It puts b into the commit queue, where it shares a transaction
// with other waiting batches, and returns when that transaction is durable. An error means that nothing of b has happened
// or, after a failed fsync, that the outcome is unknown. If ctx ends before b is in a transaction, nothing happens and the
// error is that of ctx; afterwards Append waits for the outcome. Objects given in b must not change until Append returns.
func (c *Collection) Append(ctx context.Context, b Batch) (Result, error) {
	if c.queue == nil {
		return Result{}, fmt.Errorf("append to collection %s: %w", c.id, c.readOnly())
	}
	prepared, err := c.prepare(b)
	if err != nil {
		return Result{}, fmt.Errorf("append to collection %s: %w", c.id, err)
	}
	p, err := c.queue.enqueue(ctx, prepared)
	if err != nil {
		return Result{}, fmt.Errorf("append to collection %s: %w", c.id, err)
	}
	return Result{Outcomes: p.outcomes, Place: p.place}, nil
}

// preparedBatch is a Batch with what can be computed before the transaction.
type preparedBatch struct {
	actor   Actor
	terms   journal.Digest
	status  *StatusDraft
	refused *RefusalDraft
	follow  *FollowerUpdate
	changes []preparedChange
	bytes   int // of the objects' texts

	adds, deletes, administers bool // what the actor needs the right to
	onBehalf                   bool
	address                    string
}

type preparedChange struct {
	Change
	Facts
	document []byte              // of a TermsChange
	openings []agreement.Opening // of its document
}

// Facts is what the store computes from an object's text alone, before a transaction. A caller that adds one object to
// many collections computes it once.
type Facts struct {
	digest      journal.Digest
	idSpan      span
	versionSpan span
	form        form
	content     uint64  // stix.ContentHash of an unversioned object, which the versions index holds
	creator     stix.ID // created_by_ref, in lower case; "" for none
}

// prepare checks a batch and hashes its objects. It runs in the caller's goroutine, in parallel with other callers.
func (c *Collection) prepare(b Batch) (preparedBatch, error) {
	p := preparedBatch{actor: b.Actor, terms: b.Terms, status: b.Status, refused: b.Refused, onBehalf: b.OnBehalf, address: b.Address, follow: b.Follower, changes: make([]preparedChange, len(b.Changes))}
	for i, ch := range b.Changes {
		change, err := c.prepareChange(ch)
		if err != nil {
			return preparedBatch{}, fmt.Errorf("change %d of %d: %w", i+1, len(b.Changes), err)
		}
		p.changes[i] = change
	}
	p.classify()
	if b.Follower != nil {
		if err := b.Follower.check(); err != nil {
			return preparedBatch{}, err
		}
	}
	return p, nil
}

// classify finds out what rights a batch needs, and how large it is.
func (p *preparedBatch) classify() {
	p.adds = p.status != nil
	for i := range p.changes {
		switch ch := &p.changes[i].Change; {
		case ch.Add != nil:
			p.bytes += len(ch.Add.Object.Raw())
			p.adds = p.adds || ch.Add.Source.IsZero()
		case ch.Decide != nil, ch.Forget != nil:
		case ch.Terms != nil, ch.Remove.Operator:
			p.administers = true
		default:
			p.deletes = true
		}
	}
	if p.refused != nil {
		for _, o := range p.refused.Objects {
			p.bytes += len(o.Text)
		}
	}
}

func (c *Collection) prepareChange(ch Change) (preparedChange, error) {
	if err := ch.check(); err != nil {
		return preparedChange{}, err
	}
	switch {
	case ch.Add != nil:
		return prepareAddition(ch)
	case ch.Terms != nil:
		return c.prepareTerms(ch)
	}
	return preparedChange{Change: ch}, nil
}

// check reports what is wrong with a change, whatever it meets.
func (ch Change) check() error {
	kinds := 0
	for _, is := range []bool{ch.Add != nil, ch.Remove != nil, ch.Terms != nil, ch.Decide != nil, ch.Forget != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("a change is one of Add, Remove, Terms, Decide and Forget")
	}
	if ch.Decide != nil {
		return ch.Decide.check()
	}
	if r := ch.Remove; r != nil {
		if k := r.Kind; k != 0 && k != journal.Deleted && k != journal.Withdrawn {
			return fmt.Errorf("a removal of kind %d, expected Deleted or Withdrawn", k)
		}
		if r.Operator && (r.Reason == "" || r.OnlyBy != "" || r.OnlyFrom != uuid.UUID{}) || r.Bar && !r.Operator {
			return errors.New("an operator's removal needs a reason, and names no party or source")
		}
	}
	return nil
}

// prepareTerms turns terms into the bytes that are kept. Members have the identities that their parties declare.
func (c *Collection) prepareTerms(ch Change) (preparedChange, error) {
	a := ch.Terms.Agreement
	if a == nil {
		return preparedChange{}, errors.New("a change of terms without an agreement")
	}
	if a.Collection.ID != c.id {
		return preparedChange{}, fmt.Errorf("the terms are those of collection %s", a.Collection.ID)
	}
	a = c.opts.withIdentities(a).WithKeys(c.Agreement())
	document, err := a.Document()
	return preparedChange{Change: ch, document: document, openings: a.Openings()}, err
}

func prepareAddition(ch Change) (preparedChange, error) {
	if ch.Add.Facts != nil {
		return preparedChange{Change: ch, Facts: *ch.Add.Facts}, nil
	}
	facts, err := FactsOf(ch.Add.Object)
	return preparedChange{Change: ch, Facts: facts}, err
}

// FactsOf computes an object's Facts. An error means that the object cannot be stored.
func FactsOf(o stix.Object) (Facts, error) {
	if o.Tree == nil || len(o.Raw()) == 0 {
		return Facts{}, errors.New("an object without text")
	}
	if _, err := stix.ParseID(string(o.ID)); err != nil {
		return Facts{}, err
	}
	if len(o.Version) > MaxVersionText {
		return Facts{}, fmt.Errorf("%s has a version of %d characters, more than %d", o.ID, len(o.Version), MaxVersionText)
	}
	f := Facts{digest: sha256.Sum256(o.Raw()), idSpan: spanOf(o, "id"), creator: creatorOf(o)}
	switch o.SpecVersion {
	case spec21:
		f.form |= formSpec21
	case spec20:
	default:
		return Facts{}, fmt.Errorf("%s has the spec version %q, expected 2.0 or 2.1", o.ID, o.SpecVersion)
	}
	if o.Instant.IsZero() {
		f.form |= formUnversioned
		f.content = stix.ContentHash(o.Tree)
		return f, nil
	}
	member := "modified"
	if o.Tree.Member(o.Tree.Root(), member) < 0 {
		member = "created"
	}
	f.versionSpan = spanOf(o, member)
	return f, nil
}

// commitGroup is what one transaction changes.
type commitGroup struct {
	now     uint64 // microseconds since 1970: the clock when the group was put together
	terms   *terms // in force before the group; nil when the file is new
	batches []preparedBatch
}

// terms is an agreement in force, and the digest of its document.
type terms struct {
	*agreement.Agreement
	digest journal.Digest
}

// groupResult is what a commitGroup changed.
type groupResult struct {
	outcomes [][]Outcome // of each batch, one a change
	errs     []error     // of each batch that was not applied
	terms    *terms      // in force now, if the group changed them
	entries  uint64      // in the journal now
	newest   uint64      // date_added ever given
}

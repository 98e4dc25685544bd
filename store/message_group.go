package store

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// groupMessage is a group of batches as the log carries it: everything that their outcome depends on, beside the file. Digests and
// keys of objects are not in it: each node computes them from the texts.
type groupMessage struct {
	id      uuid.UUID
	clock   uint64    // of the proposer, in microseconds since 1970
	entries uint64    // in its journal
	root    tlog.Hash // of its tree
	batches []preparedBatch

	text int // how long the fields are, in bytes
}

func encodeGroup(about uuid.UUID, g *groupMessage) ([]byte, error) {
	text, err := writeFields(g.fields)
	if err != nil {
		return nil, err
	}
	g.text = len(text)
	return encodeMessage(about, g.id, text)
}

// parseGroup reads a message about a collection. Objects are parsed, several at a time.
func parseGroup(about uuid.UUID, message []byte) (*groupMessage, error) {
	h, text, err := openMessage(message)
	if err != nil {
		return nil, err
	}
	if h.About != about {
		return nil, fmt.Errorf("%w: it is about the collection %s, not %s", ErrMessage, h.About, about)
	}
	g := &groupMessage{id: h.Group, text: len(text)}
	if err := readFields(text, g.fields); err != nil {
		return nil, err
	}
	if g.clock == 0 || g.clock > math.MaxInt64 || len(g.batches) == 0 {
		return nil, fmt.Errorf("%w: it has no clock reading, or no batch", ErrMessage)
	}
	if err := g.prepare(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return g, nil
}

func (g *groupMessage) fields(f *fields) {
	uintField(f, 1, &g.clock)
	uintField(f, 2, &g.entries)
	f.fixed(3, g.root[:])
	recordsField(f, 4, &g.batches, (*fields).batch)
}

func (f *fields) batch(b *preparedBatch) {
	f.actor(1, 2, &b.actor)
	f.fixed(3, b.terms[:])
	if f.record(4, b.status != nil, func(f *fields) {
		s := made(f, &b.status)
		f.fixed(1, s.ID[:])
		f.bytes(2, &s.Text)
		f.flag(3, &s.Counted)
	}) && b.status.ID == (uuid.UUID{}) {
		f.fail(4, errors.New("a status without an id"))
	}
	f.record(5, b.refused != nil, func(f *fields) {
		r := made(f, &b.refused)
		textField(f, 1, &r.As)
		recordsField(f, 2, &r.Objects, (*fields).refusedObject)
	})
	f.record(6, b.follow != nil, func(f *fields) {
		u := made(f, &b.follow)
		textField(f, 1, &u.Name)
		uintField(f, 2, &u.Turn)
		uintField(f, 3, &u.Position)
		bytesField(f, 4, &u.Clear)
		bytesField(f, 5, &u.Unset)
		recordsField(f, 6, &u.Set, func(f *fields, kv *KeyValue) {
			f.bytes(1, &kv.Key)
			f.bytes(2, &kv.Value)
		})
		f.maybe(7, &u.Refused)
	})
	recordsField(f, 7, &b.changes, (*fields).change)
}

// made returns what p points to, which it makes when a record is read.
func made[T any](f *fields, p **T) *T {
	if f.reading {
		*p = new(T)
	}
	return *p
}

func (f *fields) actor(account, party byte, by *Actor) {
	textField(f, account, &by.Account)
	textField(f, party, &by.Party)
}

func (f *fields) refusedObject(o *RefusedObject) {
	f.bytes(1, &o.Text)
	textField(f, 2, &o.ID)
	textField(f, 3, &o.Version)
	textField(f, 4, &o.Rule)
	textField(f, 5, &o.Message)
	out := &o.Outcome
	uintField(f, 6, &out.Kind)
	uintField(f, 7, &out.Position)
	f.time(8, &out.At)
	textField(f, 9, &out.Version)
	recordsField(f, 10, &out.Positions, func(f *fields, p *journal.Position) { uintField(f, 1, p) })
	uintField(f, 11, &out.Kept)
}

// time is a moment, to the microsecond.
func (f *fields) time(tag byte, t *time.Time) {
	at := uint64(0)
	if !t.IsZero() {
		at = uint64(t.UnixMicro())
	}
	uintField(f, tag, &at)
	*t = time.Time{}
	if at != 0 {
		*t = timeOf(at)
	}
}

func (f *fields) change(ch *preparedChange) {
	f.record(1, ch.Add != nil, func(f *fields) { f.addition(made(f, &ch.Add)) })
	f.record(2, ch.Remove != nil, func(f *fields) { f.removal(made(f, &ch.Remove)) })
	f.record(3, ch.Terms != nil, ch.termsFields)
	f.record(4, ch.Decide != nil, func(f *fields) {
		d := made(f, &ch.Decide)
		uintField(f, 1, &d.Of)
		f.fixed(2, d.Target[:])
		f.flag(3, &d.Refuse)
		textField(f, 4, &d.Reason)
	})
	f.record(5, ch.Forget != nil, func(f *fields) { f.time(1, &made(f, &ch.Forget).Before) })
}

// termsFields are those of a change of terms.
func (ch *preparedChange) termsFields(f *fields) {
	made(f, &ch.Terms)
	f.bytes(1, &ch.document)
	textField(f, 2, &ch.Terms.Act)
	textField(f, 3, &ch.Terms.Reason)
	recordsField(f, 4, &ch.openings, func(f *fields, o *agreement.Opening) {
		textField(f, 1, &o.ID)
		f.bytes(2, &o.Key)
		textField(f, 3, &o.Name)
	})
}

func (f *fields) source(tag byte, s *journal.Source) {
	f.record(tag, !s.IsZero(), func(f *fields) {
		f.fixed(1, s.Collection[:])
		uintField(f, 2, &s.Position)
	})
}

func (f *fields) addition(a *Addition) {
	var text []byte
	if !f.reading {
		text = a.Object.Raw()
	}
	f.bytes(1, &text)
	if f.reading {
		a.Object.Tree = &ijson.Tree{Text: text} // parsed by prepare
	}
	uintField(f, 2, &a.TLP)
	textsField(f, 3, &a.Warnings)
	f.source(4, &a.Source)
	f.fixed(5, a.Original[:])
	textField(f, 6, &a.Owner)
	f.flag(7, &a.Correction)
}

func (f *fields) removal(r *Removal) {
	textField(f, 1, &r.ID)
	f.flag(2, &r.Versions.All)
	f.flag(3, &r.Versions.First)
	f.flag(4, &r.Versions.Last)
	recordsField(f, 5, &r.Versions.Exact, func(f *fields, in *stix.Instant) {
		text := []byte(in.String())
		f.whole(&text)
		if !f.reading {
			return
		}
		var err error
		if *in, err = stix.ParseInstant(string(text)); err != nil {
			f.fail(0, err)
		}
	})
	textsField(f, 6, &r.Specs)
	uintField(f, 7, &r.Kind)
	textField(f, 8, &r.Reason)
	f.source(9, &r.Source)
	textField(f, 10, &r.OnlyBy)
	f.fixed(11, r.OnlyFrom[:])
	f.flag(12, &r.MayReturn)
	f.flag(13, &r.Operator)
	f.flag(14, &r.Bar)
	f.fixed(15, r.Digest[:])
}

// prepare computes what the message does not carry.
func (g *groupMessage) prepare() error {
	var together errgroup.Group
	together.SetLimit(runtime.GOMAXPROCS(0))
	for i := range g.batches {
		b := &g.batches[i]
		if b.follow != nil {
			if err := b.follow.check(); err != nil {
				return err
			}
		}
		for part := 0; part < len(b.changes); part += objectsAtOnce {
			changes := b.changes[part:min(part+objectsAtOnce, len(b.changes))]
			together.Go(func() error {
				for j := range changes {
					if err := changes[j].complete(); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	if err := together.Wait(); err != nil {
		return err
	}
	for i := range g.batches {
		g.batches[i].classify()
	}
	return nil
}

// objectsAtOnce is how many changes one goroutine completes at a time.
const objectsAtOnce = 64

// complete parses and checks a change that was read from a message.
func (ch *preparedChange) complete() error {
	if err := ch.Change.check(); err != nil {
		return err
	}
	if ch.Terms != nil && ch.document == nil {
		return errors.New("terms without a document")
	}
	if ch.Add == nil {
		return nil
	}
	text := ch.Add.Object.Raw()
	tree := new(ijson.Tree)
	if err := tree.Parse(text, ijson.Limits{Depth: math.MaxInt}); err != nil {
		return fmt.Errorf("an object: %w", err)
	}
	if len(tree.Text) != len(text) {
		return errors.New("an object is not compact")
	}
	ch.Add.Object = stix.FromTree(tree)
	var err error
	ch.Facts, err = FactsOf(ch.Add.Object)
	return err
}

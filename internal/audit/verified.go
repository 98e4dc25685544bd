package audit

import (
	"context"
	"fmt"
	"reflect"

	"github.com/accord-taxii/accord/store/journal"
)

// VerifiedHistory calls visit with the records of an object, or of the whole journal when object is empty, whose entries are
// proven to be under the signed head: what a record says of its entry is what the entry says. The other fields of a record (Terms,
// Changes, Present, Released, Received, names of other agreements) are the server's own account. Entries that were added after
// the head are left out.
func (c *Client) VerifiedHistory(ctx context.Context, v Verification, object string, visit func(Record) error) (Verdict, error) {
	v.Quick = true
	verdict, err := c.Verify(ctx, v)
	if err != nil {
		return Verdict{}, err
	}
	h, err := c.openHead(ctx, v)
	if err != nil {
		return Verdict{}, err
	}
	verdict.Size = h.now.Size
	page := History{More: true}
	for page.More {
		after := page.Next
		if page, err = c.History(ctx, v.Agreement, object, after); err != nil {
			return Verdict{}, err
		}
		if page.More && page.Next <= after {
			return Verdict{}, &EvidenceError{"entry", "the server's history does not end"}
		}
		for _, r := range page.Entries {
			if uint64(r.Position) > h.now.Size {
				return verdict, nil
			}
			if err := c.checkRecord(ctx, v, h.now, object, r); err != nil {
				return Verdict{}, err
			}
			if err := visit(r); err != nil {
				return Verdict{}, err
			}
		}
	}
	return verdict, nil
}

// checkRecord proves that a record tells the entry at its position.
func (c *Client) checkRecord(ctx context.Context, v Verification, now journal.Checkpoint, object string, r Record) error {
	raw, err := c.RawEntry(ctx, v.Agreement, r.Position)
	if err != nil {
		return err
	}
	proof, err := c.EntryProof(ctx, v.Agreement, r.Position, now.Size)
	if err != nil {
		return err
	}
	if err := journal.CheckEntry(raw, r.Position, proof.Hashes, now); err != nil {
		return err
	}
	e, err := journal.ParseEntry(raw)
	if err == nil {
		err = e.Check()
	}
	if err != nil {
		return &journal.EntryError{Position: r.Position, Problem: err.Error()}
	}
	if object != "" && e.Object != object {
		return &journal.EntryError{Position: r.Position, Problem: "it is about another object"}
	}
	if field := differs(r, RecordOf(r.Position, e)); field != "" {
		return &MismatchError{fmt.Sprintf("the server's history and the entry at %d disagree about %s", r.Position, field)}
	}
	return nil
}

// differs returns the name of a field in which a record does not tell an entry, "" for none.
func differs(got, entry Record) string {
	got.Terms, got.Changes, got.Present, got.Released, got.Received = nil, nil, nil, nil, nil
	if got.From != nil {
		from := Elsewhere{Collection: got.From.Collection, Position: got.From.Position}
		got.From = &from
	}
	if !got.At.Equal(entry.At) {
		return "At"
	}
	got.At = entry.At
	a, b := reflect.ValueOf(got), reflect.ValueOf(entry)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			return a.Type().Field(i).Name
		}
	}
	return ""
}

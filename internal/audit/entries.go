package audit

import (
	"context"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store/journal"
)

// RawEntry is an entry as it is hashed.
type RawEntry struct {
	Position journal.Position `json:"position"`
	Bytes    []byte           `json:"bytes"` // canonical, base64 in JSON
}

// RawEntries is a page of a journal.
type RawEntries struct {
	Entries []RawEntry `json:"entries"`
	Size    uint64     `json:"size"` // entries in the journal
	More    bool       `json:"more"`
}

// Entries returns the canonical bytes of at most limit entries after a position, for verification.
func (v *View) Entries(after journal.Position, limit int) (RawEntries, error) {
	page := RawEntries{Entries: []RawEntry{}}
	err := v.Audits("the journal")
	if err == nil {
		err = v.All("the whole journal")
	}
	if err != nil {
		return page, err
	}
	if page.Size, err = v.Size(); err != nil {
		return page, err
	}
	err = v.col.Entries(after+1, limit, func(p journal.Position, _ journal.Entry, raw []byte) bool {
		if uint64(p) > page.Size {
			return false
		}
		page.Entries = append(page.Entries, RawEntry{p, append([]byte(nil), raw...)})
		return true
	})
	if n := len(page.Entries); n > 0 {
		page.More = uint64(page.Entries[n-1].Position) < page.Size
	}
	return page, err
}

// Entry returns the canonical bytes of one entry, to a producer if it is about what its party added.
func (v *View) Entry(p journal.Position) (RawEntry, error) {
	_, raw, err := v.entry(p)
	if err != nil {
		return RawEntry{}, err
	}
	return RawEntry{p, raw}, nil
}

// Content returns the text of the version that was added at a position, to a caller that may read objects or whose party
// added it. That is a delivery, noted before Content returns; the caller calls ended when it knows whether the text was sent.
func (v *View) Content(ctx context.Context, p journal.Position) (text []byte, ended func(whole bool), err error) {
	e, _, err := v.entry(p)
	if err != nil {
		return nil, nil, err
	}
	if v.caller.Party == "" || e.Party != string(v.caller.Party) {
		if err := agreement.Permit(v.col.Agreement(), v.caller, agreement.Read, v.Now()); err != nil {
			return nil, nil, err
		}
	}
	text, ok, err := v.col.ObjectAt(p)
	if err == nil && !ok {
		err = notFound("what the entry %d added is no longer there, or it added nothing", p)
	}
	if err != nil {
		return nil, nil, err
	}
	if v.Source.Deliveries == nil {
		return text, func(bool) {}, nil
	}
	begun, err := v.Source.Deliveries.Begin(ctx, delivery.Delivery{Collection: v.col.ID(), Account: string(v.caller.Account),
		Party: string(v.caller.Party), Way: delivery.Content, Positions: []journal.Position{p}, At: v.Now()})
	if err != nil {
		return nil, nil, fmt.Errorf("note the delivery of entry %d: %w", p, err)
	}
	return text, begun.End, nil
}

// Document returns the document of the terms that the entry at a position put in force, as its digest covers it.
func (v *View) Document(p journal.Position) ([]byte, error) {
	if err := v.All("the terms"); err != nil {
		return nil, err
	}
	e, _, err := v.entry(p)
	if err != nil {
		return nil, err
	}
	if e.Kind != journal.Terms {
		return nil, notFound("the entry %d of %s puts no terms in force", p, v.Agreement())
	}
	_, _, document, err := v.col.TermsAt(p)
	return document, err
}

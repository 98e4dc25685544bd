package audit

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Record is one entry of a journal as people and programs read it.
type Record struct {
	Position journal.Position `json:"position"`
	Kind     string           `json:"kind"` // added, deleted, withdrawn, terms; admin and head in the server's journal
	At       time.Time        `json:"at"`   // of what was added: its date_added
	Account  string           `json:"account,omitempty"`
	Party    string           `json:"party,omitempty"`

	Object      string           `json:"object,omitempty"`
	Version     string           `json:"version,omitempty"`
	SpecVersion string           `json:"spec_version,omitempty"`
	Digest      string           `json:"digest,omitempty"` // SHA-256, hexadecimal
	Size        uint64           `json:"size,omitempty"`
	TLP         string           `json:"tlp,omitempty"`
	Status      string           `json:"status,omitempty"` // id of the status resource
	Warnings    []string         `json:"warnings,omitempty"`
	Of          journal.Position `json:"of,omitempty"`   // what a removal removed
	From        *Elsewhere       `json:"from,omitempty"` // the entry that a release took it from
	Act         string           `json:"act,omitempty"`
	Before      string           `json:"before,omitempty"` // digest of the terms before
	Reason      string           `json:"reason,omitempty"`
	Subject     string           `json:"subject,omitempty"` // in the server's journal: the thing changed
	Changes     []Change         `json:"changes,omitempty"` // of terms
	Terms       *TermsRef        `json:"terms,omitempty"`   // in force at that moment

	// Of one object only, and not part of the entry.
	Present  *bool              `json:"present,omitempty"`  // whether what was added is still there
	Released []Elsewhere        `json:"released,omitempty"` // where it went
	Received []delivery.Receipt `json:"received,omitempty"`
}

// TermsRef names the terms that were in force.
type TermsRef struct {
	Since  journal.Position `json:"since"`
	Digest string           `json:"digest"`
}

// Elsewhere is an entry of another agreement's journal.
type Elsewhere struct {
	Agreement  string           `json:"agreement,omitempty"` // when this server has it
	URL        string           `json:"url,omitempty"`       // of the collection of another server, which a mirror follows
	Collection uuid.UUID        `json:"collection,omitzero"`
	Position   journal.Position `json:"position,omitempty"`
	At         time.Time        `json:"at,omitzero"`
	Withdrawn  *Removed         `json:"withdrawn,omitempty"`
	Hidden     bool             `json:"hidden,omitempty"` // the caller must not know which; the rest is empty
}

// Removed says when and why something was removed.
type Removed struct {
	Position journal.Position `json:"position"`
	At       time.Time        `json:"at"`
	Reason   string           `json:"reason,omitempty"`
}

// History is a page of a journal.
type History struct {
	Agreement string                     `json:"agreement"`
	Object    string                     `json:"object,omitempty"`
	Entries   []Record                   `json:"entries"`
	Next      journal.Position           `json:"next,omitempty"` // the after of the page that follows
	More      bool                       `json:"more"`
	Terms     map[string]json.RawMessage `json:"terms"` // documents, by digest

	Feedback map[string]int `json:"feedback,omitempty"` // of one object: what came back about it from where it was released to, by type

	// Targets has the names of agreements that the caller may know, by the ids that stand for them in documents of terms.
	Targets map[agreement.Name]agreement.Name `json:"targets,omitempty"`
}

// History returns a page of an object's history, or of the whole journal when object is "".
func (v *View) History(object string, after journal.Position, limit int) (History, error) {
	if err := v.Audits("history"); err != nil {
		return History{}, err
	}
	h := &telling{View: v, answer: History{Agreement: string(v.Agreement()), Entries: []Record{}, Terms: map[string]json.RawMessage{}}}
	var err error
	if object != "" {
		err = h.object(object, after, limit)
	} else {
		err = h.journal(after, limit)
	}
	return h.answer, err
}

// telling makes a History.
type telling struct {
	*View
	answer History

	walks   bool               // it walks the journal, so that renewed is complete
	renewed []journal.Position // where the terms changed, as far as it has walked
	known   termsAt            // those of the last entry told
}

// termsAt are the terms in force at a position.
type termsAt struct {
	at, since journal.Position
	digest    string
	document  json.RawMessage
}

// termsOf returns the terms in force at a position. Most entries of a walk have those of the entry before.
func (h *telling) termsOf(p journal.Position) (termsAt, error) {
	changed := !h.walks || h.known.at == 0
	for i := len(h.renewed) - 1; i >= 0 && h.renewed[i] >= h.known.at && !changed; i-- {
		changed = h.renewed[i] <= p
	}
	if !changed {
		return h.known, nil
	}
	since, digest, document, err := h.col.TermsAt(p)
	if err != nil {
		return termsAt{}, err
	}
	h.known = termsAt{at: p, since: since, digest: hex.EncodeToString(digest[:]), document: document}
	return h.known, nil
}

// scanMost bounds how many entries one request looks through for those that concern a producer.
const scanMost = 50_000

// journal adds a page of the whole journal.
func (h *telling) journal(after journal.Position, limit int) error {
	var entries []positioned
	last, looked := after, 0
	for len(entries) < limit && looked < scanMost {
		var some []positioned
		err := h.col.Entries(last+1, limit, func(p journal.Position, e journal.Entry, _ []byte) bool {
			some = append(some, positioned{p, e})
			return true
		})
		if err != nil {
			return err
		}
		if len(some) == 0 {
			break
		}
		for _, one := range some {
			if len(entries) == limit {
				break
			}
			looked, last = looked+1, one.p
			if one.e.Kind == journal.Terms {
				h.renewed = append(h.renewed, one.p)
			}
			ok, err := h.concerns(one.p, one.e)
			if err != nil {
				return err
			}
			if ok {
				entries = append(entries, one)
			}
		}
	}
	size, _, err := h.col.Head()
	if err != nil {
		return err
	}
	if h.answer.More = uint64(last) < size; h.answer.More {
		h.answer.Next = last
	}
	h.walks = true
	for i, one := range entries {
		if i%breath == 0 {
			runtime.Gosched()
		}
		if err := h.tell(one); err != nil {
			return err
		}
	}
	return nil
}

// breath is after how many entries a long answer lets short requests have the processor.
const breath = 64

// positioned is an entry and where it is.
type positioned struct {
	p journal.Position
	e journal.Entry
}

// object adds everything that happened to one object.
func (h *telling) object(id string, after journal.Position, limit int) error {
	if _, err := stix.ParseID(id); err != nil {
		return badQuery("the parameter object: %v", err)
	}
	h.answer.Object = id
	all, err := h.entriesOf(stix.ID(id))
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return notFound("the agreement %s never had an object %s", h.col.Agreement().Name, id)
	}
	elsewhere, err := h.elsewhere(stix.ID(id))
	if err != nil {
		return err
	}
	removed := map[journal.Position]bool{}
	for _, one := range all {
		removed[one.e.Of] = removed[one.e.Of] || one.e.Kind != journal.Decided
	}
	var added []journal.Position
	for _, one := range all {
		if one.p <= after {
			continue
		}
		if len(h.answer.Entries) == limit {
			h.answer.More, h.answer.Next = true, h.answer.Entries[limit-1].Position
			break
		}
		if err := h.tell(one); err != nil {
			return err
		}
		if one.e.Kind == journal.Added {
			last := &h.answer.Entries[len(h.answer.Entries)-1]
			present := !removed[one.p]
			last.Present, last.Released = &present, elsewhere[one.p]
			added = append(added, one.p)
		}
	}
	return h.receipts(added)
}

// entriesOf reads those of an object's entries that the caller may see.
func (h *telling) entriesOf(id stix.ID) ([]positioned, error) {
	list, err := h.col.EntriesOf(id)
	if err != nil {
		return nil, err
	}
	var known []positioned
	for _, p := range list {
		e, _, err := h.col.Entry(p)
		if err != nil {
			return nil, err
		}
		ok, err := h.concerns(p, e)
		if err != nil {
			return nil, err
		}
		if ok {
			known = append(known, positioned{p, e})
		}
	}
	return known, nil
}

// elsewhere finds the entries with which other agreements on this server took over the object's versions, by position here.
func (h *telling) elsewhere(id stix.ID) (map[journal.Position][]Elsewhere, error) {
	found := map[journal.Position][]Elsewhere{}
	derived, err := h.derived(id)
	if err != nil {
		return nil, err
	}
	for _, col := range h.Store.Collections() {
		if col == h.col || !h.sees(col) {
			continue
		}
		list, err := col.EntriesOf(id)
		if err == nil && derived != "" {
			var copies []journal.Position
			copies, err = col.EntriesOf(derived)
			list = append(list, copies...)
		}
		if err != nil {
			return nil, err
		}
		at := map[journal.Position]*Elsewhere{}
		var order []journal.Position
		from := map[journal.Position]journal.Position{}
		for _, p := range list {
			e, _, err := col.Entry(p)
			if err != nil {
				return nil, err
			}
			switch {
			case e.Kind == journal.Added && e.Source.Collection == h.col.ID():
				at[p] = &Elsewhere{Agreement: string(col.Agreement().Name), Collection: col.ID(), Position: p, At: e.At}
				from[p] = e.Source.Position
				order = append(order, p)
			case e.Of != 0 && e.Kind != journal.Decided && at[e.Of] != nil:
				at[e.Of].Withdrawn = &Removed{p, e.At, h.reason(e)}
			}
		}
		for _, p := range order {
			found[from[p]] = append(found[from[p]], *at[p])
		}
	}
	return found, nil
}

// derived returns the identifier of an object in releases that hide authors; "" if the agreement has none.
func (h *telling) derived(id stix.ID) (derived stix.ID, err error) {
	err = h.col.Snapshot(func(l *store.Snapshot) error {
		if key := l.State(store.CopiesFollower, store.CopiesKey); len(key) > 0 {
			derived = agreement.DerivedID(agreement.Namespace(key), id)
		}
		return nil
	})
	return derived, err
}

// receipts adds the receipts of the versions that were added at some positions.
func (h *telling) receipts(added []journal.Position) error {
	if h.Source.Deliveries == nil || len(added) == 0 {
		return nil
	}
	receipts, err := h.Source.Deliveries.Received(h.col.ID(), added)
	if err != nil {
		return err
	}
	receipts = h.View.receipts(receipts)
	for i := range h.answer.Entries {
		record := &h.answer.Entries[i]
		for _, receipt := range receipts {
			if record.Kind == "added" && receipt.Position == record.Position {
				record.Received = append(record.Received, receipt)
			}
		}
	}
	return nil
}

var kindNames = map[journal.Kind]string{
	journal.Added: "added", journal.Deleted: "deleted", journal.Withdrawn: "withdrawn", journal.Terms: "terms", journal.Admin: "admin", journal.Head: "head", journal.Decided: "decided",
}

// tell adds an entry.
func (h *telling) tell(one positioned) error {
	e := one.e
	terms, err := h.termsOf(one.p)
	if err != nil {
		return err
	}
	if h.only == "" {
		if err := h.document(terms); err != nil {
			return err
		}
	}
	record := RecordOf(one.p, e)
	record.Terms = &TermsRef{terms.since, terms.digest}
	if e.Kind == journal.Terms && h.only == "" && e.Before != (journal.Digest{}) {
		if record.Changes, err = h.changes(one.p, terms.document); err != nil {
			return err
		}
	}
	record.Account, record.Party = h.author(e)
	record.Reason, record.From = h.reason(e), h.origin(e.Source)
	if e.Kind == journal.Decided {
		record.From = h.decidedAbout(e.Source.Collection)
	}
	h.answer.Entries = append(h.answer.Entries, record)
	return nil
}

// document adds a document of terms, and the names in it that the caller may know.
func (h *telling) document(terms termsAt) error {
	if _, known := h.answer.Terms[terms.digest]; known {
		return nil
	}
	h.answer.Terms[terms.digest] = terms.document
	names, err := h.targets(terms.document)
	if err != nil {
		return err
	}
	if h.answer.Targets == nil && len(names) > 0 {
		h.answer.Targets = make(map[agreement.Name]agreement.Name)
	}
	maps.Copy(h.answer.Targets, names)
	return nil
}

// RecordOf returns what an entry itself says.
func RecordOf(p journal.Position, e journal.Entry) Record {
	record := Record{
		Position: p, Kind: kindNames[e.Kind], At: e.At, Account: e.Account, Party: e.Party,
		Object: e.Object, Version: e.Version, SpecVersion: e.SpecVersion, Digest: hexDigest(e.Digest), Size: e.Size,
		Warnings: e.Warnings, Of: e.Of, Act: e.Act, Subject: e.Subject, Before: hexDigest(e.Before), Reason: e.Reason,
	}
	if e.TLP != 0 {
		record.TLP = stix.TLP(e.TLP).String()
	}
	if e.Status != (uuid.UUID{}) {
		record.Status = e.Status.String()
	}
	if !e.Source.IsZero() {
		record.From = &Elsewhere{Collection: e.Source.Collection, Position: e.Source.Position}
	}
	return record
}

func hexDigest(d journal.Digest) string {
	if d == (journal.Digest{}) {
		return ""
	}
	return strings.ToLower(hex.EncodeToString(d[:]))
}

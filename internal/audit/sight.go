package audit

import (
	"maps"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// What a caller is shown of an agreement's history beside its own entries is decided here: other agreements are named to
// operators and to members of both, members to those that agreement.SeeMembers allows, and the reasons of a release, which
// may tell of objects that the caller must not know of, to operators.

// may reports whether the caller may do something with the agreement.
func (v *View) may(act agreement.Act) bool {
	return agreement.Permit(v.col.Agreement(), v.caller, act, v.Now()) == nil
}

// sees reports whether the caller may know of another agreement.
func (v *View) sees(other *store.Collection) bool {
	return agreement.Permit(other.Agreement(), v.caller, agreement.See, v.Now()) == nil
}

// origin shows where a release took an entry from, as far as the caller may know it.
func (v *View) origin(s journal.Source) *Elsewhere {
	if s.IsZero() {
		return nil
	}
	if m := v.col.Agreement().Mirror; m != nil && v.only == "" && s.Collection == mirrorSource(m.URL) { // the terms name it, too
		return &Elsewhere{URL: m.URL, Collection: s.Collection, Position: s.Position}
	}
	col := v.collection(s.Collection)
	switch {
	case col != nil && v.sees(col):
		return &Elsewhere{Agreement: string(col.Agreement().Name), Collection: s.Collection, Position: s.Position}
	case v.caller.Operator:
		return &Elsewhere{Collection: s.Collection, Position: s.Position}
	}
	return &Elsewhere{Hidden: true}
}

// targets returns the names that the ids of release targets in documents of terms stand for, if the caller may know them.
func (v *View) targets(documents ...[]byte) (map[agreement.Name]agreement.Name, error) {
	names, err := v.col.TargetsIn(documents...)
	maps.DeleteFunc(names, func(_, name agreement.Name) bool {
		if v.caller.Operator {
			return false
		}
		col, there := v.Store.Collection(name)
		return !there || !v.sees(col)
	})
	return names, err
}

// decidedAbout shows the target of the release that a decision is about, as far as the caller may know it.
func (v *View) decidedAbout(id uuid.UUID) *Elsewhere {
	for _, r := range v.col.Agreement().Release {
		if r.TargetID() != id {
			continue
		}
		if col, ok := v.Store.Collection(r.To); ok && v.sees(col) {
			return &Elsewhere{Agreement: string(r.To), Collection: col.ID()}
		}
	}
	return &Elsewhere{Hidden: true}
}

// collection returns the collection with an id, nil when this server does not have it.
func (v *View) collection(id uuid.UUID) *store.Collection {
	for _, col := range v.Store.Collections() {
		if col.ID() == id {
			return col
		}
	}
	return nil
}

// reason shows why an entry was made. The reasons of a release are for operators.
func (v *View) reason(e journal.Entry) string {
	if e.Kind == journal.Withdrawn && !e.Source.IsZero() && !v.may(agreement.SeeOperators) {
		return ""
	}
	return e.Reason
}

// author shows who made an entry: to auditors as the journal has it, to others if it is their own party.
func (v *View) author(e journal.Entry) (account, party string) {
	if v.only == "" || e.Party == string(v.only) {
		return e.Account, e.Party
	}
	if e.Party != "" && v.may(agreement.SeeMembers) {
		return e.Account, e.Party
	}
	return "", ""
}

// receipts shows who received versions. Without the right to see members, what other parties received is one receipt for
// each version, without names: how many they are is not told either. The list is in the order of positions.
func (v *View) receipts(list []delivery.Receipt) []delivery.Receipt {
	if v.may(agreement.SeeMembers) {
		return list
	}
	var shown, own []delivery.Receipt
	var others *delivery.Receipt // of the position that is being read
	flush := func() {
		if others != nil {
			shown = append(shown, *others)
		}
		shown, own, others = append(shown, own...), nil, nil
	}
	var at journal.Position
	for _, r := range list {
		if r.Position != at {
			flush()
			at = r.Position
		}
		switch {
		case r.Party == string(v.caller.Party):
			own = append(own, r)
		case others == nil:
			others = &delivery.Receipt{Position: r.Position, First: r.First, Last: r.Last, Times: r.Times}
		default:
			others.Times += r.Times
			if r.First.Before(others.First) {
				others.First = r.First
			}
			if r.Last.After(others.Last) {
				others.Last = r.Last
			}
		}
	}
	flush()
	return shown
}

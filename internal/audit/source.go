package audit

import (
	"errors"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Source is where history is read from.
type Source struct {
	Store      *store.Store
	Deliveries *delivery.Log // nil: deliveries are not noted
	Now        func() time.Time

	// Cosigned, when set, returns the newest head of the server's own journal that witnesses have cosigned; nil: none.
	Cosigned func() []byte

	// Acknowledged, when set, returns what other servers said about versions of a collection that were posted to them.
	Acknowledged func(col *store.Collection, added []journal.Position) (map[journal.Position][]Acknowledgement, error)

	// Upstream, when set, asks another server where it has an object from; nil: traces end with this one.
	Upstream Upstream
}

// View is what a caller may see of the history of one agreement.
type View struct {
	Source
	col    *store.Collection
	caller agreement.Caller
	only   agreement.PartyName // restricts the view to what this party added; "" for all
	given  bool                // restricts it further: heads, and the entries of versions that this party received

	elsewhere []delivery.Given // what other nodes gave this party, once it was asked for
	asked     bool
}

// View returns the view of a caller. An agreement that the caller must not know of is ErrNotFound. Every party of the agreement
// has a view: auditors of all, producers of what their party added, others of heads and of what they received.
func (s Source) View(name agreement.Name, caller agreement.Caller) (*View, error) {
	col, ok := s.Store.Collection(name)
	if !ok {
		return nil, notFound("there is no agreement %s", name)
	}
	agreed, now := col.Agreement(), s.Now()
	if agreement.Permit(agreed, caller, agreement.See, now) != nil {
		return nil, notFound("there is no agreement %s", name)
	}
	v := &View{Source: s, col: col, caller: caller}
	if agreement.Permit(agreed, caller, agreement.Audit, now) == nil {
		return v, nil
	}
	v.only, v.given = caller.Party, agreement.Permit(agreed, caller, agreement.AuditOwn, now) != nil
	return v, nil
}

// Audits refuses a party that neither audits nor adds what is for those that do. what names it.
func (v *View) Audits(what string) error {
	if !v.given {
		return nil
	}
	return &agreement.RoleError{Agreement: v.Agreement(), Act: agreement.Audit,
		Reason: what + " needs the role auditor or producer; every party has the signed heads, and proofs about versions that it received"}
}

// Agreement returns the name of the agreement.
func (v *View) Agreement() agreement.Name { return v.col.Agreement().Name }

// All refuses producers what is for auditors. what names it.
func (v *View) All(what string) error {
	if v.only == "" {
		return nil
	}
	return &agreement.RoleError{Agreement: v.Agreement(), Act: agreement.Audit,
		Reason: what + " needs the role auditor; a producer may ask about what it added"}
}

// concerns reports whether the caller may see an entry: a producer sees what its party added, and what became of that.
func (v *View) concerns(p journal.Position, e journal.Entry) (bool, error) {
	switch {
	case v.only == "":
		return true, nil
	case v.given:
		return v.received(p, e)
	case e.Kind == journal.Deleted || e.Kind == journal.Withdrawn:
		added, _, err := v.col.Entry(e.Of)
		return added.Party == string(v.only), err
	}
	return e.Kind == journal.Added && e.Party == string(v.only), nil
}

// received reports whether an entry is about a version that the caller's party was given, and names no party that the caller may
// not know: an entry is hashed with the names in it.
func (v *View) received(p journal.Position, e journal.Entry) (bool, error) {
	if v.Source.Deliveries == nil || !v.named(e) {
		return false, nil
	}
	if e.Kind == journal.Deleted || e.Kind == journal.Withdrawn {
		p = e.Of
	} else if e.Kind != journal.Added {
		return false, nil
	}
	receipts, err := v.Source.Deliveries.ReceivedHere(v.col.ID(), []journal.Position{p})
	for _, r := range receipts {
		if r.Party == string(v.only) {
			return true, err
		}
	}
	if !v.asked {
		v.asked = true
		v.Source.Deliveries.EachGivenElsewhere(v.col.ID(), string(v.only), func(g delivery.Given) { v.elsewhere = append(v.elsewhere, g) })
	}
	return slices.ContainsFunc(v.elsewhere, func(g delivery.Given) bool { return p >= g.First && p < g.First+journal.Position(g.Count) }), err
}

// named reports whether the caller may know who made an entry.
func (v *View) named(e journal.Entry) bool {
	switch e.Party {
	case string(v.only):
		return true
	case "":
		return e.Account == "" || v.may(agreement.SeeOperators)
	}
	return v.may(agreement.SeeMembers)
}

// entry reads the entry at a position, if the caller may see it.
func (v *View) entry(p journal.Position) (journal.Entry, []byte, error) {
	e, raw, err := v.col.Entry(p)
	if errors.Is(err, store.ErrNoEntry) {
		return e, nil, notFound("the journal of %s has no entry at position %d", v.Agreement(), p)
	}
	if err != nil {
		return e, nil, err
	}
	ok, err := v.concerns(p, e)
	if err == nil && !ok {
		if err = v.Audits("this entry"); err == nil {
			err = v.All("the entry of another party")
		}
	}
	return e, raw, err
}

package audit

import (
	"errors"
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
}

// View is what a caller may see of the history of one agreement.
type View struct {
	Source
	col    *store.Collection
	caller agreement.Caller
	only   agreement.PartyName // restricts the view to what this party added; "" for all
}

// View returns the view of a caller. An agreement that the caller must not know of is ErrNotFound; a role that does not
// allow auditing is an error of package agreement.
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
	if err := agreement.Permit(agreed, caller, agreement.AuditOwn, now); err != nil {
		return nil, err
	}
	v.only = caller.Party
	return v, nil
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
func (v *View) concerns(e journal.Entry) (bool, error) {
	switch {
	case v.only == "":
		return true, nil
	case e.Kind == journal.Deleted || e.Kind == journal.Withdrawn:
		added, _, err := v.col.Entry(e.Of)
		return added.Party == string(v.only), err
	}
	return e.Kind == journal.Added && e.Party == string(v.only), nil
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
	ok, err := v.concerns(e)
	if err == nil && !ok {
		err = v.All("the entry of another party")
	}
	return e, raw, err
}

package admin

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// auditRoutes are the paths of history: signed heads, proofs, entries, deliveries. Auditors of the agreement and operators
// reach all of them; producers what concerns the entries that their party added.
var auditRoutes = []route{
	{http.MethodGet, "openapi.json/", accounts, (*API).openAPI},
	{http.MethodGet, "keys/", accounts, (*API).keys},
	{http.MethodPost, "keys/rotate/", local, (*API).rotateKey},
	{http.MethodGet, "agreements/{name}/checkpoint/", accounts, (*API).checkpoint},
	{http.MethodGet, "agreements/{name}/proof/", accounts, (*API).proof},
	{http.MethodGet, "agreements/{name}/entries/", accounts, (*API).entries},
	{http.MethodGet, "agreements/{name}/entry/", accounts, (*API).rawEntry},
	{http.MethodGet, "agreements/{name}/content/", accounts, (*API).content},
	{http.MethodGet, "agreements/{name}/history/", accounts, (*API).history},
	{http.MethodGet, "agreements/{name}/deliveries/", accounts, (*API).deliveries},
}

// Most rows of an answer.
const (
	rowsDefault = 1000
	rowsMost    = 10_000
)

// audited is an agreement and what the caller may know of its history.
type audited struct {
	col  *store.Collection
	only agreement.PartyName // what this party added; "" for all
}

// audit finds the agreement of a request for a caller who may see history, all of it or what the party added.
func (a *API) audit(r *http.Request) (audited, error) {
	name, caller, now := nameIn(r), callerOf(r), a.Now()
	col, ok := a.Store.Collection(name)
	if !ok {
		if caller.Operator {
			return audited{}, missing(a.Store, name)
		}
		return audited{}, notFound("there is no agreement %s", name)
	}
	agreed := col.Agreement()
	if agreement.Permit(agreed, caller, agreement.See, now) != nil {
		return audited{}, notFound("there is no agreement %s", name)
	}
	if agreement.Permit(agreed, caller, agreement.Audit, now) == nil {
		return audited{col: col}, nil
	}
	if err := agreement.Permit(agreed, caller, agreement.AuditOwn, now); err != nil {
		return audited{}, err
	}
	return audited{col: col, only: caller.Party}, nil
}

// all refuses producers what is for auditors.
func (u audited) all(what string) error {
	if u.only == "" {
		return nil
	}
	return &agreement.RoleError{Agreement: u.col.Agreement().Name, Act: agreement.Audit,
		Reason: what + " needs the role auditor; a producer may ask about what it added"}
}

// concerns says whether an entry is one that the caller may know: of a producer, what its party added, and what became of
// that.
func (u audited) concerns(e journal.Entry) (bool, error) {
	switch {
	case u.only == "":
		return true, nil
	case e.Kind == journal.Deleted || e.Kind == journal.Withdrawn:
		added, _, err := u.col.Entry(e.Of)
		return added.Party == string(u.only), err
	}
	return e.Kind == journal.Added && e.Party == string(u.only), nil
}

// entry reads the entry at a position, if the caller may know it.
func (u audited) entry(p journal.Position) (journal.Entry, []byte, error) {
	e, raw, err := u.col.Entry(p)
	if errors.Is(err, store.ErrNoEntry) {
		return e, nil, notFound("the journal of %s has no entry at position %d", u.col.Agreement().Name, p)
	}
	if err != nil {
		return e, nil, err
	}
	ok, err := u.concerns(e)
	if err == nil && !ok {
		err = u.all("the entry of another party")
	}
	return e, raw, err
}

// parameters reads the query of a request, and refuses names it does not know.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &badRequest{fmt.Errorf("read the query: %w", err)}
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			return nil, &badRequest{fmt.Errorf("there is no parameter %q here, only %s", name, strings.Join(known, ", "))}
		}
		if len(given) != 1 {
			return nil, &badRequest{fmt.Errorf("the parameter %s is given %d times", name, len(given))}
		}
	}
	return values, nil
}

// number reads a parameter that is a whole number; without it, otherwise.
func number(values url.Values, name string, otherwise uint64) (uint64, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > math.MaxInt64 {
		return 0, &badRequest{fmt.Errorf("the parameter %s is %q, expected a whole number that is not negative", name, text)}
	}
	return n, nil
}

// rows reads the parameters after and limit.
func rows(values url.Values) (after journal.Position, limit int, err error) {
	from, err := number(values, "after", 0)
	if err != nil {
		return 0, 0, err
	}
	most, err := number(values, "limit", rowsDefault)
	if err == nil && most == 0 {
		err = &badRequest{errors.New("the parameter limit is 0, expected at least 1")}
	}
	return journal.Position(from), int(min(most, rowsMost)), err
}

func badQuery(format string, args ...any) error { return &badRequest{fmt.Errorf(format, args...)} }

// rangeRefused makes a position or size that does not fit the request's own fault.
func rangeRefused(err error) error {
	var outside *journal.RangeError
	if errors.As(err, &outside) {
		return &badRequest{err}
	}
	return err
}

package agreement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Act is what a caller wants to do with an agreement.
type Act uint8

const (
	See        Act = iota + 1 // know that it exists: the collection resource
	Read                      // objects, manifest, versions
	Add                       // add objects
	Delete                    // delete objects; that they are the party's own is the store's to check
	Audit                     // history, deliveries
	Administer                // change terms, renew, suspend, terminate
	AuditOwn                  // history and deliveries of what the party itself added
)

var actNames = [...]string{See: "see", Read: "read", Add: "add", Delete: "delete", Audit: "audit", Administer: "administer", AuditOwn: "audit its own"}

func (a Act) String() string {
	if int(a) < len(actNames) && a > 0 {
		return actNames[a]
	}
	return fmt.Sprintf("act(%d)", uint8(a))
}

var (
	// ErrNoRole: the caller has no place in the agreement. To such a caller it
	// does not exist.
	ErrNoRole = errors.New("no role in the agreement")
	// ErrNotAllowed: the caller may know of the agreement, but not do this. It
	// comes as a *RoleError or an *ErrOutside.
	ErrNotAllowed = errors.New("not allowed by the agreement")
)

// RoleError says which role is missing. errors.Is(err, ErrNotAllowed) holds.
type RoleError struct {
	Agreement Name
	Act       Act
	Reason    string
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("the agreement %s: %s", e.Agreement, e.Reason)
}

func (e *RoleError) Is(target error) bool { return target == ErrNotAllowed }

// ErrOutside says that the agreement is not in its term, since when and why.
// errors.Is(err, ErrNotAllowed) holds.
type ErrOutside struct {
	Agreement Name
	State     State
	Since     time.Time   // for Scheduled: when it begins
	By        AccountName // who suspended or terminated it
	Reason    string
}

func (e *ErrOutside) Error() string {
	var b strings.Builder
	since := e.Since.UTC().Format(time.RFC3339)
	switch e.State {
	case Scheduled:
		fmt.Fprintf(&b, "the agreement %s starts on %s", e.Agreement, since)
	case Expired:
		fmt.Fprintf(&b, "the agreement %s expired on %s", e.Agreement, since)
	case Terminated:
		fmt.Fprintf(&b, "the agreement %s was terminated on %s", e.Agreement, since)
	default:
		fmt.Fprintf(&b, "the agreement %s is %s since %s", e.Agreement, e.State, since)
	}
	if e.By != "" {
		fmt.Fprintf(&b, " by %s", e.By)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	return b.String()
}

func (e *ErrOutside) Is(target error) bool { return target == ErrNotAllowed }

// standing is what a caller is to an agreement. An operator may be a member too.
type standing uint8

const (
	operator standing = 1 << iota
	member
	anyone standing = 0
)

// verdict is what a rule decides.
type verdict uint8

const (
	allow verdict = iota + 1
	conceal
	refuse
	refuseOutside
)

// permitRule is one row of the table: it decides when everything it names
// applies. What it leaves out always applies.
type permitRule struct {
	is      standing // the caller is this ...
	isNot   standing // ... and not this
	acts    []Act    // it wants one of these
	lacks   []Role   // its party lacks one of these roles
	outside bool     // the agreement is not active
	verdict verdict
	reason  string

	lacksAll bool // of lacks: its party lacks all of them
}

// permitRules is the whole law of access; the first row that applies decides.
// A role that is missing is said before a term that is over: the missing role
// stays missing when the term is renewed.
var permitRules = []permitRule{
	{is: operator, acts: []Act{See, Read, Audit, AuditOwn, Administer}, verdict: allow, reason: "an operator runs the server and answers for it, in any state"},
	{isNot: operator | member, verdict: conceal, reason: "to whom has no role the agreement does not exist"},
	{acts: []Act{See}, verdict: allow, reason: "a party may always know where its agreement stands"},
	{acts: []Act{Administer}, verdict: refuse, reason: "only an operator may administer it"},
	{acts: []Act{Read}, lacks: []Role{Consumer}, verdict: refuse, reason: "reading needs the role consumer"},
	{acts: []Act{Add}, lacks: []Role{Producer}, verdict: refuse, reason: "adding needs the role producer"},
	{acts: []Act{Delete}, lacks: []Role{Producer, Consumer}, verdict: refuse, reason: "deleting needs the roles producer and consumer"},
	{acts: []Act{Audit}, lacks: []Role{Auditor}, verdict: refuse, reason: "reading history and deliveries needs the role auditor"},
	{acts: []Act{AuditOwn}, lacks: []Role{Producer, Auditor}, lacksAll: true, verdict: refuse, reason: "reading history and deliveries needs the role auditor, or producer for what one added"},
	{acts: []Act{Audit, AuditOwn}, verdict: allow, reason: "what happened can be audited after the end"},
	{outside: true, verdict: refuseOutside, reason: "objects move within the term only"},
	{acts: []Act{Read, Add, Delete}, verdict: allow, reason: "the role allows it and the term runs"},
	{verdict: refuse, reason: "nothing allows it"},
}

// Permit decides whether a caller may do something with an agreement at a
// moment; nothing else decides that. Its errors are ErrNoRole and, for callers
// who may know of the agreement, a *RoleError or an *ErrOutside, both
// ErrNotAllowed.
func Permit(a *Agreement, c Caller, act Act, now time.Time) error {
	_, err := PermitWhy(a, c, act, now)
	return err
}

// PermitWhy is Permit with the reason of the decision, also when it allows.
func PermitWhy(a *Agreement, c Caller, act Act, now time.Time) (reason string, err error) {
	var is standing
	if c.Operator {
		is |= operator
	}
	m, ok := a.Member(c.Party)
	if ok && len(m.Roles) > 0 {
		is |= member
	}
	state := a.State(now)
	for i := range permitRules {
		r := &permitRules[i]
		if !r.applies(is, m.Roles, act, state) {
			continue
		}
		switch r.verdict {
		case allow:
			return r.reason, nil
		case conceal:
			return r.reason, ErrNoRole
		case refuseOutside:
			err := a.outside(now)
			return err.Error(), err
		}
		return r.reason, &RoleError{Agreement: a.Name, Act: act, Reason: r.reason}
	}
	return "nothing allows it", ErrNotAllowed
}

func (r *permitRule) applies(is standing, roles []Role, act Act, state State) bool {
	switch {
	case is&r.is != r.is, is&r.isNot != 0:
		return false
	case len(r.acts) > 0 && !slices.Contains(r.acts, act):
		return false
	case r.outside && state == Active:
		return false
	case len(r.lacks) == 0:
		return true
	}
	has := 0
	for _, role := range r.lacks {
		if slices.Contains(roles, role) {
			has++
		}
	}
	if r.lacksAll {
		return has == 0
	}
	return has < len(r.lacks)
}

// outside says why an agreement that is not active serves nobody.
func (a *Agreement) outside(now time.Time) error {
	state, since, mark := a.stand(now)
	e := &ErrOutside{Agreement: a.Name, State: state, Since: since}
	if mark != nil {
		e.By, e.Reason = mark.By, mark.Reason
	}
	return e
}

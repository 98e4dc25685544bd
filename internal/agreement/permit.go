package agreement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Act is something a caller may do with an agreement.
type Act uint8

const (
	See          Act = iota + 1 // know that it exists: the collection resource
	Read                        // objects, manifest, versions
	Add                         // add objects
	Delete                      // delete objects; the store checks that they are the party's own
	Audit                       // history, deliveries
	Administer                  // change terms, renew, suspend, terminate
	AuditOwn                    // history and deliveries of what the party itself added
	SeeMembers                  // know the other parties, their accounts and their roles
	SeeFigures                  // know how much it holds
	SeeOperators                // know which operator did what, and why the server did what it did
	Refusals                    // what the party itself was refused
	AddFeedback                 // add sightings and the like about what a release brought
)

var actNames = [...]string{See: "see", Read: "read", Add: "add", Delete: "delete", Audit: "audit", Administer: "administer", AuditOwn: "audit its own",
	SeeMembers: "see members", SeeFigures: "see figures", SeeOperators: "see operators", Refusals: "see what it was refused", AddFeedback: "add feedback"}

func (a Act) String() string {
	if int(a) < len(actNames) && a > 0 {
		return actNames[a]
	}
	return fmt.Sprintf("act(%d)", uint8(a))
}

var (
	// ErrNoRole: the caller has no role in the agreement, which is hidden from it.
	ErrNoRole = errors.New("no role in the agreement")
	// ErrNotAllowed: the caller may know of the agreement, but not do this. It is
	// returned as a *RoleError or an *OutsideError.
	ErrNotAllowed = errors.New("not allowed by the agreement")
)

// RoleError reports a missing role. It matches ErrNotAllowed.
type RoleError struct {
	Agreement Name
	Act       Act
	Reason    string
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("the agreement %s: %s", e.Agreement, e.Reason)
}

func (e *RoleError) Is(target error) bool { return target == ErrNotAllowed }

// Refused is the text of an error for the caller that it refuses: of an error by which an agreement refuses something, what
// the agreement says, without the steps on the way there.
func Refused(err error) string {
	var role *RoleError
	var outside *OutsideError
	switch {
	case errors.Is(err, ErrNoRole):
		return "there is no such agreement for this account"
	case errors.As(err, &role):
		return role.Error()
	case errors.As(err, &outside):
		return outside.Error()
	}
	return err.Error()
}

// OutsideError reports that the agreement is not active, since when and why. It
// matches ErrNotAllowed.
type OutsideError struct {
	Agreement Name
	State     State
	Since     time.Time   // for Scheduled: when it begins
	By        AccountName // who suspended or terminated it; the message, which parties read, does not say
	Reason    string
}

func (e *OutsideError) Error() string {
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
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	return b.String()
}

func (e *OutsideError) Is(target error) bool { return target == ErrNotAllowed }

// standing is a caller's relation to an agreement. An operator may be a member too.
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
	refuseInactive
)

// permitRule is one row of the table. It applies when all its conditions hold;
// an absent condition always holds.
type permitRule struct {
	is       standing // the caller is this ...
	isNot    standing // ... and not this
	acts     []Act    // the act is one of these
	lacks    []Role   // its party lacks one of these roles
	inactive bool     // the agreement is not active
	verdict  verdict
	reason   string

	lacksAll bool // of lacks: its party lacks all of them

	noFeedback bool // no release into the agreement takes feedback

	confidential bool // the members are not named to each other
}

// permitRules decides all access; the first row that applies counts. A missing
// role is reported before an expired term: a renewal would not supply it.
var permitRules = []permitRule{
	{is: operator, acts: []Act{See, Read, Audit, AuditOwn, Administer, SeeMembers, SeeFigures, SeeOperators, Refusals}, verdict: allow, reason: "an operator may do this in every state"},
	{isNot: operator | member, verdict: conceal, reason: "the agreement is hidden from callers without a role"},
	{acts: []Act{See}, verdict: allow, reason: "a party may always see its agreement"},
	{acts: []Act{Administer}, verdict: refuse, reason: "only an operator may administer it"},
	{acts: []Act{SeeMembers}, lacks: []Role{Auditor}, confidential: true, verdict: refuse, reason: "the members are named to auditors and operators, unless the agreement says members: visible"},
	{acts: []Act{SeeFigures}, lacks: []Role{Consumer, Auditor}, lacksAll: true, verdict: refuse, reason: "figures are for parties that may read or audit"},
	{acts: []Act{SeeOperators}, verdict: refuse, reason: "only operators see who administers"},
	{acts: []Act{SeeMembers, SeeFigures}, verdict: allow, reason: "the role allows it"},
	{acts: []Act{Read}, lacks: []Role{Consumer}, verdict: refuse, reason: "reading needs the role consumer"},
	{acts: []Act{Add}, lacks: []Role{Producer}, verdict: refuse, reason: "adding needs the role producer"},
	{acts: []Act{AddFeedback}, noFeedback: true, verdict: refuse, reason: "no release into the agreement takes feedback"},
	{acts: []Act{AddFeedback}, lacks: []Role{Consumer}, verdict: refuse, reason: "feedback needs the role consumer"},
	{acts: []Act{Delete}, lacks: []Role{Producer, Consumer}, verdict: refuse, reason: "deleting needs the roles producer and consumer"},
	{acts: []Act{Audit}, lacks: []Role{Auditor}, verdict: refuse, reason: "reading history and deliveries needs the role auditor"},
	{acts: []Act{AuditOwn}, lacks: []Role{Producer, Auditor}, lacksAll: true, verdict: refuse, reason: "reading history and deliveries needs the role auditor, or producer for its own objects"},
	{acts: []Act{Refusals}, lacks: []Role{Producer}, verdict: refuse, reason: "what was refused is for the producer that sent it"},
	{acts: []Act{Refusals}, verdict: allow, reason: "a producer sees what it was refused, after the end too"},
	{acts: []Act{Audit, AuditOwn}, verdict: allow, reason: "auditing is allowed after the end"},
	{inactive: true, verdict: refuseInactive, reason: "objects move only while the agreement is active"},
	{acts: []Act{Read, Add, Delete, AddFeedback}, verdict: allow, reason: "the role allows it and the agreement is active"},
	{verdict: refuse, reason: "nothing allows it"},
}

// Permit decides whether a caller may do something with an agreement at a
// moment; nothing else decides that. It returns ErrNoRole or, to callers with a
// role, a *RoleError or an *OutsideError, both
// ErrNotAllowed.
func Permit(a *Agreement, c Caller, act Act, now time.Time) error {
	_, err := PermitWhy(a, c, act, now)
	return err
}

// PermitWhy is like Permit and also returns the reason of the decision.
func PermitWhy(a *Agreement, c Caller, act Act, now time.Time) (reason string, err error) {
	var is standing
	if c.Operator {
		is |= operator
	}
	m, ok := a.Member(c.Party)
	if ok && len(m.Roles) > 0 {
		is |= member
	}
	if c.ReadOnly {
		m.Roles = slices.DeleteFunc(slices.Clone(m.Roles), func(r Role) bool { return r == Producer })
	}
	state := a.State(now)
	for i := range permitRules {
		r := &permitRules[i]
		if !r.applies(is, m.Roles, act, state) || r.confidential && a.Members == MembersVisible || r.noFeedback && len(a.Feedback) > 0 {
			continue
		}
		switch r.verdict {
		case allow:
			return r.reason, nil
		case conceal:
			return r.reason, ErrNoRole
		case refuseInactive:
			err := a.inactiveError(now)
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
	case r.inactive && state == Active:
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

// inactiveError returns an error that says why the agreement is not active.
func (a *Agreement) inactiveError(now time.Time) error {
	state, since, mark := a.stateAt(now)
	e := &OutsideError{Agreement: a.Name, State: state, Since: since}
	if mark != nil {
		e.By, e.Reason = mark.By, mark.Reason
	}
	return e
}

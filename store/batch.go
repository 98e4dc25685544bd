package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Actor is the author of a change. The zero Actor is the system itself.
type Actor struct {
	Account agreement.AccountName
	Party   agreement.PartyName
}

// ErrStale is the error of Append for a batch that was planned on a state that is no longer the present one: other terms
// than Batch.Terms, or another turn than FollowerUpdate.Turn. Nothing of it has happened; the caller plans again.
var ErrStale = errors.New("the batch was planned on a state that has changed")

// RejectedError is the error of Append for a batch whose account may no longer do what the batch does: it is disabled, deleted,
// expired or bound to other networks, belongs to another party, or is no operator.
type RejectedError struct {
	Account agreement.AccountName
	Reason  string
}

func (e *RejectedError) Error() string { return fmt.Sprintf("the account %s %s", e.Account, e.Reason) }

// Batch is what one call of Append changes: all of it in one transaction, or nothing.
type Batch struct {
	Actor   Actor
	Changes []Change

	// Terms, when set, is the digest of the terms that the batch was judged under, see Collection.Terms. If others are in
	// force when it comes to be applied, Append returns ErrStale. Whether the party has the right to add or delete is asked
	// again in any case, by the terms in force; a refusal is the error of agreement.Permit.
	Terms journal.Digest

	// Status, when set, is a status resource to keep with the changes, and makes the batch a submission: it needs the right
	// to add even if nothing in it passed.
	Status *StatusDraft

	// Refused, when set, keeps what is refused of the submission, or of what a follower brings.
	Refused *RefusalDraft

	// OnBehalf says that the account is an operator's, who acts for the party.
	OnBehalf bool

	// Address is where the account's request came from: an account that is bound to networks is rejected outside them. "" is
	// asked nothing.
	Address string

	// Follower, when set, is the progress of a follower, stored in the same transaction.
	Follower *FollowerUpdate
}

// StatusDraft is a status resource as the submitter's node wrote it, without the outcomes of the changes: those are kept
// beside it, see Collection.Status.
type StatusDraft struct {
	ID   uuid.UUID
	Text []byte

	// Counted says that the draft names no object whose outcome is the store's: only how many there are of each kind is kept.
	Counted bool
}

// Change is one of Add, Remove, Terms, Decide and Forget.
type Change struct {
	Add    *Addition
	Remove *Removal
	Terms  *TermsChange
	Decide *Decision
	Forget *Forgetting
}

// Forgetting drops refused objects that were refused first before a moment, a bounded number. It is a change like others, and
// not each node's own work, since what is kept decides what later refusals do.
type Forgetting struct{ Before time.Time }

// Addition is an object to add. Object.ID must be well-formed; Object.Raw() is what is stored.
type Addition struct {
	Object   stix.Object
	TLP      stix.TLP // effective marking, recorded
	Warnings []string // ids of rules that warned, recorded
	Facts    *Facts   // of Object, when FactsOf has been asked for them already

	// Source is set by followers: where the version comes from. They never bring back a version that they withdrew because
	// of the object, or that the system or an operator barred.
	Source journal.Source

	// Original, of a follower's addition, is set if the follower changed the text on the way: a keyed digest of the
	// original's digest, which is recorded.
	Original journal.Digest

	// Owner, of a follower's addition, is the party that owns the object where it was first added, if known. A version that
	// names a member's identity as its creator is taken only from that member, unless accept.relay is set.
	Owner agreement.PartyName

	// Correction says that a follower's source has replaced the text of this version: so does the target, if only that source
	// brought it. Of an account's addition it follows from the terms. See doc/decisions/0049.
	Correction bool
}

// Removal deletes versions of one object.
type Removal struct {
	ID       stix.ID
	Versions Versions // the zero value means all of them
	Specs    []string // none: every spec version
	Kind     journal.Kind
	Reason   string
	Source   journal.Source

	// OnlyBy, when set, removes those selected versions that are the party's own: that it added, or whose object it owns.
	// What a release brought stays. Outcome.Kept says how many stay.
	OnlyBy agreement.PartyName

	// OnlyFrom, when set, withdraws what a follower brought from that collection: selected versions without another source
	// are removed. The others stay, and lose that source.
	OnlyFrom uuid.UUID

	// MayReturn, with OnlyFrom, lets the follower bring the version again: it was withdrawn because of the terms, not
	// because of the object.
	MayReturn bool

	// Operator makes the removal an operator's act, which removes any version and needs a Reason. The object is then free
	// for a new owner if nothing of it is left. Bar keeps the removed versions from coming back at all.
	Operator, Bar bool

	// Digest, when set, selects among the selected versions those whose text has it.
	Digest journal.Digest
}

// TermsChange puts new terms in force.
type TermsChange struct {
	Agreement *agreement.Agreement // Append turns it into the bytes of its document
	Act       string               // create, change, renew, suspend, resume, terminate
	Reason    string
}

// Result says what an Append did: one Outcome a change, in order.
type Result struct {
	Outcomes []Outcome
	Place    uint64 // in the log of the cluster; 0 without one
}

// OutcomeKind is what became of a change.
type OutcomeKind uint8

// The outcomes.
const (
	Added        OutcomeKind = iota + 1 // stored at Position
	Already                             // this version is there with the same content: nothing changed
	Conflict                            // this version is there with other content: nothing changed
	Gone                                // a follower brought a version that is barred for it: nothing changed
	Removed                             // Positions were removed; Kept selected versions are not the party's and stay
	Missing                             // nothing to remove
	NotTheirs                           // OnlyBy: no selected version is the party's own; nothing changed
	Changed                             // terms are in force, recorded at Position
	NotOwner                            // the object belongs to another party or a release: nothing changed
	NotCreator                          // created_by_ref is the identity of another party: nothing changed
	Barred                              // an operator removed this version for good: nothing changed
	DecisionKept                        // a decision is recorded at Position
	Corrected                           // the text of this version, at Positions, was replaced by that at Position
	Forgotten                           // Dropped refused objects are kept no more
)

// Outcome is what became of one change.
type Outcome struct {
	Kind      OutcomeKind
	Position  journal.Position   // of the entry (Added, Changed) or of the version that is there (Already, Conflict)
	At        time.Time          // date_added of that version, or of the entry
	Version   string             // the version as TAXII states it: the object's own text, else date_added
	Positions []journal.Position // Removed, Corrected: where what was removed had been added
	Kept      int                // Removed, NotTheirs: selected versions that stay
	Dropped   int                `json:"-"` // Forgotten: how many
}

package store

import (
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

// Batch is what one call of Append changes: all of it in one transaction, or nothing.
type Batch struct {
	Actor   Actor
	Changes []Change

	// Status, when set, is kept with the changes, see Collection.Status: Body is called inside the transaction with one Outcome
	// a change and returns the bytes to keep. It may be called more than once and must not wait for anything.
	Status *NewStatus

	// Cursor, when set, is stored in the same transaction: how far a follower has come.
	Cursor *Cursor

	// Follower, when set, is the same for a follower that has more to remember.
	Follower *FollowerUpdate
}

// NewStatus is a status resource to keep.
type NewStatus struct {
	ID   uuid.UUID
	Body func([]Outcome) []byte
}

// Change is one of Add, Remove and Terms.
type Change struct {
	Add    *Addition
	Remove *Removal
	Terms  *TermsChange
}

// Addition is an object to add. Object.ID must be well-formed; Object.Raw() is what is stored.
type Addition struct {
	Object   stix.Object
	TLP      stix.TLP       // effective marking, recorded
	Warnings []string       // ids of rules that warned, recorded
	Source   journal.Source // set by followers: these never bring back a version that was deleted
	Facts    *Facts         // of Object, when FactsOf has been asked for them already
}

// Removal deletes versions of one object.
type Removal struct {
	ID       stix.ID
	Versions Versions // the zero value means all of them
	Specs    []string // none: every spec version
	Kind     journal.Kind
	Reason   string
	Source   journal.Source

	// OnlyBy, when set, allows the removal only if that party added every selected version.
	OnlyBy agreement.PartyName

	// OnlyFrom, when set, withdraws what a follower brought from that collection: selected versions without another source
	// are removed. The others stay, and lose that source.
	OnlyFrom uuid.UUID

	// Digest, when set, selects among the selected versions those whose text has it.
	Digest journal.Digest
}

// TermsChange puts new terms in force.
type TermsChange struct {
	Agreement *agreement.Agreement
	Act       string // create, change, renew, suspend, resume, terminate
	Reason    string
}

// Result says what an Append did: one Outcome a change, in order.
type Result struct {
	Outcomes []Outcome
}

// OutcomeKind is what became of a change.
type OutcomeKind uint8

// The outcomes.
const (
	Added     OutcomeKind = iota + 1 // stored at Position
	Already                          // this version is there with the same content: nothing changed
	Conflict                         // this version is there with other content: nothing changed
	Gone                             // a follower brought a version that was deleted here: nothing changed
	Removed                          // Positions were removed
	Missing                          // nothing to remove
	NotTheirs                        // OnlyBy did not hold: nothing changed
	Changed                          // terms are in force, recorded at Position
)

// Outcome is what became of one change.
type Outcome struct {
	Kind      OutcomeKind
	Position  journal.Position   // of the entry (Added, Changed) or of the version that is there (Already, Conflict)
	At        time.Time          // date_added of that version, or of the entry
	Version   string             // the version as TAXII states it: the object's own text, else date_added
	Positions []journal.Position // Removed: where the removed versions had been added
}

// Cursor is how far the follower Name has come.
type Cursor struct {
	Name     string
	Position uint64
}

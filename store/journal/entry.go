package journal

import (
	"time"

	"github.com/google/uuid"
)

// Position is a place in a journal, from 1; 0 is none. The entry at position p is leaf p-1 of the tree.
type Position uint64

// Digest is a SHA-256.
type Digest [32]byte

// TimeFormat is the layout of the time of an entry, in UTC, as TAXII writes date_added (TAXII 2.1, section 2). It is that of
// package taxii, for packages that do not import it.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// Kind says what an entry records.
type Kind uint8

// The kinds. Their numbers are part of the canonical bytes and never change.
const (
	Added     Kind = 1 // a version of an object was added
	Deleted   Kind = 2 // a version was deleted: by an account, or by the system's retention
	Withdrawn Kind = 3 // a version released here was taken back by where it came from
	Terms     Kind = 4 // the agreement's terms or its life cycle changed
	Admin     Kind = 5 // in the server's own journal: a root, party, account or the server's description changed
	Head      Kind = 6 // in the server's own journal: the head that an agreement's journal had
	Decided   Kind = 7 // the release of a version was approved or refused
)

// Entry records one change. It never holds an object's content, only its digest. Fields that do not apply to a kind are zero:
// see [Entry.Check].
type Entry struct {
	Kind    Kind
	At      time.Time // UTC, whole microseconds; for Added the object's date_added
	Account string    // that acted; "" for the system
	Party   string

	// Added, Deleted, Withdrawn, Decided.
	Object      string   // the STIX identifier
	Version     string   // `modified`, else `created`, as the object has it; "" when it has neither
	SpecVersion string   // 2.0 or 2.1
	Of          Position // Deleted, Withdrawn, Decided: the position at which that version was added

	// Added.
	Size     uint64    // bytes of the object's compact text
	TLP      uint8     // effective marking as stix.TLP; 0 for none
	Status   uuid.UUID // the status resource of the request that added it
	Warnings []string  // ids of the rules that warned, sorted
	Source   Source    // Added: the entry that a release passed on. Withdrawn, Deleted: the entry that caused it. Head: collection and size. Decided: the id of the release's target

	// Added: SHA-256 of the compact text. Terms, Admin: of the document after the change. Head: the root hash.
	Digest Digest

	// Terms, Admin: of the document before. Added: of a version that its release changed on the way, a keyed digest of the
	// original's Digest; the entry that Source names has the original's.
	Before Digest

	// Terms, Admin.
	Act     string // create, change, renew, suspend, resume, terminate, ... Added, Deleted, Withdrawn: see the constants
	Subject string // Admin: the thing changed, such as "account vendor-push"

	Reason string // given by the actor or by the system
}

// Acts of entries that add or remove a version.
const (
	ActRemove  = "remove"  // Deleted: by an operator
	ActBar     = "bar"     // Deleted: by an operator, for good
	ActTerms   = "terms"   // Withdrawn: because of the terms, so that its release may bring it again
	ActCorrect = "correct" // Deleted or Withdrawn, and Added right after it: the text of the version was replaced
)

// Source names an entry of another journal.
type Source struct {
	Collection uuid.UUID
	Position   Position
}

// IsZero reports whether s names nothing.
func (s Source) IsZero() bool { return s == Source{} }

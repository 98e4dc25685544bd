package store

import (
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Query selects stored versions of objects (TAXII 2.1, section 3.4), in ascending date_added.
type Query struct {
	IDs      []stix.ID // any of these; none: every object
	Types    []string  // any of these; none: every type
	Versions Versions  // which versions of each object; the zero value is the last
	Specs    []string  // any of these spec versions; none: only each object's latest
	After    time.Time // date_added strictly later
	Limit    int       // most versions in the answer; at least 1
	MaxBytes int       // the answer stops before it holds more, but holds one object at least; 0: no bound
}

// Versions selects among the stored versions of an object. What is selected twice is returned once.
type Versions struct {
	All, First, Last bool
	Exact            []stix.Instant
}

// Page is the answer to a query.
type Page struct {
	Body        []byte             // Objects: the stored texts with commas between them, appended to what was given
	Count       int                // how many
	First, Last time.Time          // date_added of the first and last; zero when Count is 0
	More        bool               // there is at least one further version
	Positions   []journal.Position // of each, ascending

	// With exactly one id asked for: whether the object has any version here, and whether any stored version is one
	// that Versions names (spec version and After aside).
	KnownID, KnownVersion bool
}

// Record is one stored version without its content.
type Record struct {
	ID       stix.ID
	Version  string // as TAXII states it: the object's own text, else date_added
	Spec     string
	Added    time.Time
	Position journal.Position
}

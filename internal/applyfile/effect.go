package applyfile

import (
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// Effect says what new terms do to the objects of an agreement, or to what it released to another. The numbers are of
// objects.
type Effect struct {
	Agreement agreement.Name `json:"agreement"`
	To        agreement.Name `json:"to,omitempty"` // of a release

	Onward    uint64 `json:"onward"`    // would be released
	Withdrawn uint64 `json:"withdrawn"` // would be withdrawn
	Expired   uint64 `json:"expired"`   // would be deleted by retention, or no longer served because the term ends
	Refused   uint64 `json:"refused"`   // are here, and would be refused if they were added again

	// Sampled, if not 0, is the number of versions or objects that were judged of Of: the numbers are estimates.
	Sampled uint64 `json:"sampled,omitempty"`
	Of      uint64 `json:"of,omitempty"`

	ByTerm []TermEffect `json:"by_term,omitempty"` // why they would be withdrawn or refused
}

// TermEffect is how many objects one term withdraws or refuses, with a few of them.
type TermEffect struct {
	Term     string    `json:"term"`
	Objects  uint64    `json:"objects"`
	Examples []stix.ID `json:"examples,omitempty"`
}

// None reports whether nothing changes.
func (e Effect) None() bool { return e.Onward+e.Withdrawn+e.Expired+e.Refused == 0 }

// String is such as "gsp to members: 12 objects withdrawn, 0 go onward (12 by release.max_tlp, such as ...)".
func (e Effect) String() string {
	name, about := string(e.Agreement), ""
	if e.Sampled > 0 {
		about = "about "
	}
	var parts []string
	if e.To != "" {
		name += " to " + string(e.To)
		parts = append(parts, fmt.Sprintf("%s%d objects withdrawn, %s%d go onward", about, e.Withdrawn, about, e.Onward))
	}
	if e.Expired > 0 {
		parts = append(parts, fmt.Sprintf("%s%d objects expire", about, e.Expired))
	}
	if e.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%s%d objects like those held would be refused from now on", about, e.Refused))
	}
	if len(parts) == 0 {
		parts = append(parts, "no object changes")
	}
	s := name + ": " + strings.Join(parts, ", ")
	if e.Sampled > 0 {
		s += fmt.Sprintf(" (estimated from %d of %d)", e.Sampled, e.Of)
	}
	for _, t := range e.ByTerm {
		s += fmt.Sprintf("\n    %s%d by %s", about, t.Objects, t.Term)
		for i, id := range t.Examples {
			s += map[bool]string{true: ", such as ", false: ", "}[i == 0] + string(id)
		}
	}
	return s
}

// Consent is how far a request to apply a file goes.
type Consent struct {
	DryRun bool   `json:"dry_run,omitempty"` // say what would be done, and do nothing
	Yes    bool   `json:"yes,omitempty"`     // whatever it withdraws
	Plan   string `json:"plan,omitempty"`    // what it withdraws is known: the Plan of an earlier Outcome
}

// Outcome is the answer to a request to apply a file.
type Outcome struct {
	Lines   []Line   `json:"lines"`
	Applied bool     `json:"applied"`
	Effects []Effect `json:"effects,omitempty"`

	// Confirm, if not empty, says why the file is applied only with consent.
	Confirm []string `json:"confirm,omitempty"`
	Plan    string   `json:"plan,omitempty"`
}

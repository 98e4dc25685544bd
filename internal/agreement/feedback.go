package agreement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Feedback says which objects come back to a release's source that speak of what it released, and in whose name.
type Feedback struct {
	Types []string `json:"types,omitempty"` // some of feedbackTypes
	As    string   `json:"as,omitempty"`    // FeedbackParty (default), FeedbackAgreement or FeedbackAnonymous
}

// Values of Feedback.As.
const (
	FeedbackParty     = "party"     // as it was added to the target
	FeedbackAgreement = "agreement" // in the name of the target agreement
	FeedbackAnonymous = "anonymous" // in nobody's
)

// feedbackTypes are the types whose objects speak of others and of nothing else.
var feedbackTypes = []string{"note", "opinion", "sighting"}

func (f *Feedback) clone() *Feedback {
	if f == nil {
		return nil
	}
	return &Feedback{Types: slices.Clone(f.Types), As: f.As}
}

// canonical returns the feedback with its defaults spelled out.
func (f *Feedback) canonical() *Feedback {
	if f == nil {
		return nil
	}
	c := &Feedback{Types: sortedSet(f.Types), As: cmp.Or(f.As, FeedbackParty)}
	if len(c.Types) == 0 {
		c.Types = slices.Clone(feedbackTypes)
	}
	return c
}

// String describes the feedback.
func (f *Feedback) String() string {
	if f == nil {
		return ""
	}
	c := f.canonical()
	words := map[string]string{FeedbackParty: "in their authors' names", FeedbackAgreement: "in the target's name", FeedbackAnonymous: "anonymously"}
	return strings.Join(c.Types, ", ") + " come back " + words[c.As]
}

// feedback checks the terms of a release on feedback.
func (c *checker) feedback(field string, r Release) {
	f := r.Feedback
	if f == nil {
		return
	}
	for i, typ := range f.Types {
		if !slices.Contains(feedbackTypes, typ) {
			c.fault(fmt.Sprintf("%s.feedback.types[%d]", field, i), "%q is no type of feedback, want some of %s", typ, strings.Join(feedbackTypes, ", "))
		}
	}
	c.choice(field+".feedback.as", f.As, FeedbackParty, FeedbackAgreement, FeedbackAnonymous)
}

// FeedbackRule returns the rule by which feedback on a release comes back to its source; ok is false if none does. Nobody says here
// what goes: the terms of the source decide.
func (r Release) FeedbackRule(source Name) (rule Release, ok bool) {
	f := r.Feedback.canonical()
	if f == nil {
		return Release{To: source}, false
	}
	author := map[string]string{FeedbackParty: AuthorKeep, FeedbackAgreement: AuthorAgreement, FeedbackAnonymous: AuthorRemove}[f.As]
	return Release{To: source, Types: f.Types, References: ReferencesCut, Markings: r.Markings, Change: &Change{Author: author}}, true
}

// PermitFeedback decides whether a caller may add an object of a type as feedback, though it may not add others.
func PermitFeedback(a *Agreement, c Caller, typ string, now time.Time) error {
	if err := Permit(a, c, AddFeedback, now); err != nil {
		return err
	}
	if !slices.Contains(a.Feedback, typ) {
		return &RoleError{Agreement: a.Name, Act: AddFeedback, Reason: fmt.Sprintf("feedback is of the type %s, and adding others needs the role producer", strings.Join(a.Feedback, ", "))}
	}
	return nil
}

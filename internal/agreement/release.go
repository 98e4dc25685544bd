package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/validate"
)

// Candidate is a version of an object that may be released, with what its journal entry records.
type Candidate struct {
	Object   stix.Object
	Level    stix.TLP // recorded: its own level, or what unmarked objects count as in the source
	Warnings []string // ids of the rules that warned when it came in
	Party    Party    // that added it to the exchange; zero if unknown
}

// Refusal is one reason why an object is not released.
type Refusal struct {
	Term    string // as the apply file has it: "release.max_tlp", "accept.types"
	Message string // a sentence: what was found and what is allowed
	Marking bool   // the object's markings refuse it: earlier versions are withdrawn too
}

func (r Refusal) String() string { return r.Term + ": " + r.Message }

// Refuses checks an object against the ceiling and the types of a release. A marking that is no TLP level counts as red.
// aid means that a released object needs this one: then its type does not matter.
func (r Release) Refuses(o Candidate, aid bool) []Refusal {
	refusals := r.refusesMarking(o)
	if !aid && len(r.Types) > 0 && !slices.Contains(r.Types, o.Object.Type) {
		refusals = append(refusals, Refusal{Term: "release.types", Message: fmt.Sprintf(
			"it is of type %s, the release to %s passes on only %s", o.Object.Type, r.To, strings.Join(r.Types, ", "))})
	}
	return refusals
}

func (r Release) refusesMarking(o Candidate) []Refusal {
	if r.MaxTLP == 0 || r.MaxTLP == stix.Red {
		return nil
	}
	refuse := func(format string, args ...any) []Refusal {
		return []Refusal{{Term: "release.max_tlp", Marking: true,
			Message: fmt.Sprintf(format, args...) + fmt.Sprintf(", the release to %s passes on at most TLP:%s", r.To, r.MaxTLP)}}
	}
	level, others := o.Object.EffectiveTLP()
	switch {
	case len(others) > 0:
		return refuse("its marking %s is no TLP level and so counts as TLP:red", others[0])
	case level > r.MaxTLP:
		return refuse("it is marked TLP:%s", level)
	case o.Level > r.MaxTLP:
		return refuse("it carries no marking and counts as TLP:%s where it was added", o.Level)
	}
	return nil
}

// RefusesUnseen is like Refuses for a version whose text is gone: it judges by what is recorded of its markings.
func (r Release) RefusesUnseen(level stix.TLP, warnings []string) []Refusal {
	if r.MaxTLP == 0 || r.MaxTLP == stix.Red || level <= r.MaxTLP && !slices.Contains(warnings, ruleMarkingUnderstood) {
		return nil
	}
	return []Refusal{{Term: "release.max_tlp", Marking: true, Message: fmt.Sprintf(
		"it was marked above TLP:%s, the most that the release to %s passes on", r.MaxTLP, r.To)}}
}

// RefusesReleased checks an object that another agreement releases to this one against this agreement's own terms.
func (a *Agreement) RefusesReleased(o Candidate, now time.Time) []Refusal {
	found := make([]validate.Finding, 0, len(o.Warnings))
	for _, rule := range o.Warnings {
		found = append(found, validate.Finding{Rule: rule, Severity: validate.Warning})
	}
	var refusals []Refusal
	marked := false
	for _, f := range a.Accepts(o.Object, o.Party, found, now) {
		if f.Severity != validate.Error {
			continue
		}
		term, marking := termOf(f.Rule)
		marked = marked || marking
		refusals = append(refusals, Refusal{Term: term, Message: f.Message, Marking: marking})
	}
	if most := a.Accept.MaxTLP; most != 0 && o.Level > most && !marked {
		refusals = append(refusals, Refusal{Term: "accept.max_tlp", Marking: true, Message: fmt.Sprintf(
			"it counts as TLP:%s where it was added, the agreement %s takes at most TLP:%s", o.Level, a.Name, most)})
	}
	return refusals
}

// ReleasedLevel returns the level that is recorded with an object released to this agreement: the more restrictive of what
// it counts as in the source and what it counts as here.
func (a *Agreement) ReleasedLevel(o Candidate) stix.TLP { return max(o.Level, a.Level(o.Object)) }

const (
	ruleMaxTLP            = "A-003"
	ruleMarkingUnderstood = "A-007"
)

// termOf returns the term behind a finding of Accepts, and whether it is about markings.
func termOf(rule string) (term string, marking bool) {
	for i := range acceptRules {
		if acceptRules[i].id == rule {
			return acceptRules[i].term, rule == ruleMaxTLP
		}
	}
	return rule, false
}

// ReleaseTo returns the rule by which this agreement releases to another, if any.
func (a *Agreement) ReleaseTo(name Name) (Release, bool) {
	i := slices.IndexFunc(a.Release, func(r Release) bool { return r.To == name })
	if i < 0 {
		return Release{}, false
	}
	return a.Release[i], true
}

// NextChange returns the next moment after now at which the agreement begins or expires, or zero.
func (a *Agreement) NextChange(now time.Time) time.Time {
	for _, t := range []time.Time{a.Term.From, a.Term.Until} {
		if t.After(now) {
			return t
		}
	}
	return time.Time{}
}

// CheckActive returns an *OutsideError unless objects move under the agreement at a moment.
func (a *Agreement) CheckActive(now time.Time) error {
	if a.State(now) == Active {
		return nil
	}
	return a.inactiveError(now)
}

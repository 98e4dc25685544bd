package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/validate"
)

// Offer is a version of an object that might be passed on, with what is recorded of it where it is.
type Offer struct {
	Object   stix.Object
	Level    stix.TLP // recorded with it: its own marking, else what unmarked objects counted as there
	Warnings []string // ids of the rules that warned when it came in
	Party    Party    // that added it in the first place; zero when nobody knows
}

// Refusal is one reason why an object is not passed on.
type Refusal struct {
	Term    string // as the apply file has it: "release.max_tlp", "accept.types"
	Message string // a sentence: what was found and what is allowed
	Marking bool   // the object is marked too restrictively: this takes its earlier versions back
}

func (r Refusal) String() string { return r.Term + ": " + r.Message }

// Refuses holds an object to the ceiling and the types of a release. A marking that is no TLP level may mean anything,
// and so counts as the most restrictive one. aid says that the object goes because another one needs it to be
// understood: then its type does not matter.
func (r Release) Refuses(o Offer, aid bool) []Refusal {
	refusals := r.refusesMarking(o)
	if !aid && len(r.Types) > 0 && !slices.Contains(r.Types, o.Object.Type) {
		refusals = append(refusals, Refusal{Term: "release.types", Message: fmt.Sprintf(
			"it is of type %s, the release to %s passes on only %s", o.Object.Type, r.To, strings.Join(r.Types, ", "))})
	}
	return refusals
}

func (r Release) refusesMarking(o Offer) []Refusal {
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

// RefusesUnseen is Refuses for a version whose text is gone: it says whether what is recorded of it is above the ceiling.
func (r Release) RefusesUnseen(level stix.TLP, warnings []string) []Refusal {
	if r.MaxTLP == 0 || r.MaxTLP == stix.Red || level <= r.MaxTLP && !slices.Contains(warnings, ruleMarkingUnderstood) {
		return nil
	}
	return []Refusal{{Term: "release.max_tlp", Marking: true, Message: fmt.Sprintf(
		"it was marked above TLP:%s, the most that the release to %s passes on", r.MaxTLP, r.To)}}
}

// RefusesReleased holds an object that another agreement passes on to this one to this agreement's own terms, at a moment.
func (a *Agreement) RefusesReleased(o Offer, now time.Time) []Refusal {
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

// ReleasedLevel is the marking that is recorded with an object that was passed on to this agreement: what it counted as
// before, or what it counts as here, whichever is more restrictive.
func (a *Agreement) ReleasedLevel(o Offer) stix.TLP { return max(o.Level, a.Level(o.Object)) }

const (
	ruleMaxTLP            = "A-003"
	ruleMarkingUnderstood = "A-007"
)

// termOf is the term behind a finding of Accepts, and whether it is about how restrictively an object is marked.
func termOf(rule string) (term string, marking bool) {
	for i := range acceptRules {
		if acceptRules[i].id == rule {
			return acceptRules[i].term, rule == ruleMaxTLP
		}
	}
	return rule, false
}

// ReleaseTo is the rule by which this agreement passes objects on to another, if it has one.
func (a *Agreement) ReleaseTo(name Name) (Release, bool) {
	i := slices.IndexFunc(a.Release, func(r Release) bool { return r.To == name })
	if i < 0 {
		return Release{}, false
	}
	return a.Release[i], true
}

// NextChange is the next moment after now at which the agreement begins or expires by itself; zero when there is none.
func (a *Agreement) NextChange(now time.Time) time.Time {
	for _, t := range []time.Time{a.Term.From, a.Term.Until} {
		if t.After(now) {
			return t
		}
	}
	return time.Time{}
}

// Outside says why objects do not move under the agreement at a moment, as an *ErrOutside; nil when they do.
func (a *Agreement) Outside(now time.Time) error {
	if a.State(now) == Active {
		return nil
	}
	return a.outside(now)
}

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
	Copy     stix.Object // as it goes; without a Tree: as Object
	Level    stix.TLP    // recorded: its own level, or what unmarked objects count as in the source
	Warnings []string    // ids of the rules that warned when it came in
	Party    Party       // that added it to the exchange; zero if unknown
	Added    time.Time
	Consent  Consent // of its author; "": to everyone

	Definitions       Definitions // of the source
	TargetDefinitions Definitions // of the target: there they count first
	Now               time.Time   // the time at which dates in its markings are judged
}

var consentWords = map[Consent]string{ConsentMembers: "members of its own agreement alone", ConsentNone: "nobody"}

// Refusal is one reason why an object is not released.
type Refusal struct {
	Term    string // as the apply file has it: "release.max_tlp", "accept.types"
	Message string // a sentence: what was found and what is allowed
	Marking bool   // the object's markings, or the release's conditions, refuse it: earlier versions are withdrawn too
}

func (r Refusal) String() string { return r.Term + ": " + r.Message }

// Decision is what terms decide about a candidate.
type Decision struct {
	Refusals []Refusal
	Level    stix.TLP // that is recorded with it in the target

	// Depends lists the markings whose definition decides, known or not: when one is added or removed, or at Changes,
	// the decision may change.
	Depends []stix.ID
	Changes time.Time // zero: never by itself
}

// Judge decides whether a candidate is released to target. aid means that a released object needs this one, so its type
// does not matter.
func (r Release) Judge(target *Agreement, c Candidate, aid bool) Decision {
	marked := r.markingTerms(c.Level).judge(c.Object, c.Definitions, c.Now)
	d := Decision{Depends: marked.depends, Changes: marked.changes}
	t := c.Object.Tree
	d.Refusals = marked.refusals(t.Member(t.Root(), "created_by_ref") >= 0 && !r.Hides(), r.Hides())
	if c.Consent != ConsentEveryone && c.Consent != "" && !r.Hides() && namesAuthor(c.Object) {
		d.Refusals = append(d.Refusals, Refusal{Term: "accept.consent", Marking: true, Message: fmt.Sprintf(
			"its author consents to be named to %s, and the release to %s names authors (change: {author: remove} hides them)", consentWords[c.Consent], r.To)})
	}
	if !aid && len(r.Types) > 0 && !slices.Contains(r.Types, c.Object.Type) {
		d.Refusals = append(d.Refusals, Refusal{Term: "release.types", Message: fmt.Sprintf(
			"it is of type %s, the release to %s passes on only %s", c.Object.Type, r.To, strings.Join(r.Types, ", "))})
	}
	if !aid {
		if message := r.Where.refuses(c.Object, c.Added); message != "" {
			aids := c.Object.Type == "identity" || c.Object.Type == "marking-definition" // a released object may need it
			d.Refusals = append(d.Refusals, Refusal{Term: "release.where", Message: message, Marking: !aids})
		}
	}
	if c.Copy.Tree == nil {
		c.Copy = c.Object
	}
	target.judgeReleased(c, &d)
	return d
}

func (r Release) markingTerms(recorded stix.TLP) *markingTerms {
	return &markingTerms{
		prefix: "release", subject: "it", taker: fmt.Sprintf("the release to %s passes on", r.To),
		most: r.MaxTLP, mostPAP: r.MaxPAP, carry: r.Markings.carried(),
		unmarked: recorded, because: "what it counts as where it was added", onward: true,
	}
}

// judgeReleased adds what the terms of the target itself refuse. An object without a TLP level counts as it does in the
// source, or as unmarked objects do here, whichever is more restrictive.
func (a *Agreement) judgeReleased(c Candidate, d *Decision) {
	found := make([]validate.Finding, 0, len(c.Warnings))
	for _, rule := range c.Warnings {
		if _, tolerated := ToleratedRule(rule); !tolerated && rule != ruleMarkingUnderstood && rule != ruleOwnDefinition { // they are judged anew
			found = append(found, validate.Finding{Rule: rule, Severity: validate.Warning})
		}
	}
	terms := a.acceptMarkings()
	if c.Level >= terms.unmarked {
		terms.unmarked, terms.because = c.Level, "what it counts as where it was added"
	}
	accepted := a.accepts(c.Copy, c.Party, found, terms.judge(c.Copy, c.definitionsThere, c.Now), c.definitionsThere, c.Added)
	for _, f := range accepted.Findings {
		if f.Severity == validate.Error {
			term, marking := termOf(f.Rule)
			message := f.Message
			if text, noted := strings.CutSuffix(message, a.termNote(term)); noted { // a refusal begins with its term
				message = text + " (the agreement " + string(a.Name) + ")"
			}
			d.Refusals = append(d.Refusals, Refusal{Term: term, Message: message, Marking: marking})
		}
	}
	d.Refusals = append(d.Refusals, a.refuseBroken(c.Warnings)...)
	d.Level = max(c.Level, accepted.Level)
}

// definitionsThere returns the definitions that count in the target: its own, and those released with the object.
func (c *Candidate) definitionsThere(id stix.ID) (Definition, bool) {
	for _, defs := range []Definitions{c.TargetDefinitions, c.Definitions} {
		if defs == nil {
			continue
		}
		if d, ok := defs(id); ok {
			return d, true
		}
	}
	return Definition{}, false
}

// RefusesUnseen is like Judge for a version whose text is gone: it judges by what is recorded of its markings.
func (r Release) RefusesUnseen(typ string, level stix.TLP, warnings []string) []Refusal {
	unmarked := level == 0 && typ != "marking-definition"
	if r.MaxTLP == 0 || r.MaxTLP == stix.Red || level <= r.MaxTLP && !unmarked && !slices.Contains(warnings, ruleMarkingUnderstood) {
		return nil
	}
	return []Refusal{{Term: "release.max_tlp", Marking: true, Message: fmt.Sprintf(
		"it was marked above TLP:%s, the most that the release to %s passes on", r.MaxTLP, r.To)}}
}

const (
	ruleMaxTLP            = "A-003"
	ruleMarkingUnderstood = "A-007"
	ruleMaxPAP            = "A-009"
	ruleOwnDefinition     = "A-010"
)

// VouchesForDefinitions reports whether the sender of an object, by the warnings recorded with it, had added the definitions of its
// markings itself, or sent the same texts along: those definitions that were there at that time.
func VouchesForDefinitions(warnings []string) bool {
	return !slices.Contains(warnings, ruleOwnDefinition)
}

// termOf returns the term behind a finding of Accepts, and whether it is about markings.
func termOf(rule string) (term string, marking bool) {
	for i := range acceptRules {
		if acceptRules[i].id == rule {
			return acceptRules[i].term, rule == ruleMaxTLP || rule == ruleMaxPAP
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

// CheckActive returns an *OutsideError unless the agreement is active at the given time.
func (a *Agreement) CheckActive(now time.Time) error {
	if a.State(now) == Active {
		return nil
	}
	return a.inactiveError(now)
}

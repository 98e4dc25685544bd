package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/validate"
)

// futureTolerance is how far ahead of the clock a version may be dated: wrong
// clocks and time zones explain less.
const futureTolerance = 24 * time.Hour

// submission is an object that a party adds, with everything that terms depend on.
type submission struct {
	stix.Object
	agreement *Agreement
	accept    *Accept
	party     Party
	found     []validate.Finding // validation's, then those of the terms so far
	now       time.Time
	markings  markings

	definitions Definitions // of what is judged
	tlp         bool        // one of the TLP marking definitions, which every agreement takes
}

// acceptRule is one term of acceptance. check returns what it refuses, and where, or "".
type acceptRule struct {
	id       string
	term     string // as in the apply file
	severity validate.Severity
	check    func(*submission) (path, message string)
}

// acceptRules are the terms of acceptance in the order they are reported. A-008
// depends on the warnings before it.
var acceptRules = []acceptRule{
	{"A-001", "accept.types", validate.Error, (*submission).types},
	{"A-002", "accept.spec_versions", validate.Error, (*submission).specVersions},
	{"A-003", "accept.max_tlp", validate.Error, (*submission).maxTLP},
	{"A-004", "accept.require_marking", validate.Error, (*submission).requireMarking},
	{"A-005", "accept.created_by", validate.Error, (*submission).createdBy},
	{"A-006", "accept.future_modified", validate.Warning, (*submission).futureModified},
	{"A-007", "", validate.Warning, (*submission).markingUnderstood},
	{"A-008", "accept.warnings", validate.Error, (*submission).warnings},
	{"A-009", "accept.max_pap", validate.Error, (*submission).maxPAP},
	{ruleOwnDefinition, "", validate.Warning, (*submission).ownDefinition},
	{"A-011", "accept.consent", validate.Error, (*submission).consent},
}

// Acceptance is the decision of an agreement's terms about an object that a party adds.
type Acceptance struct {
	Findings []validate.Finding // of the terms; errors for what they refuse

	// Level is the TLP level that the object counts as, which is recorded with it: that of its markings, or
	// accept.default_tlp.
	Level stix.TLP

	// Missing lists markings whose definition would decide and is unknown.
	Missing []stix.ID
}

// Accepts checks an object that a party adds at the given time against the agreement's terms. found holds validation's
// findings, on which a term may depend; defs returns the marking definitions of the agreement.
func (a *Agreement) Accepts(o stix.Object, party Party, found []validate.Finding, defs Definitions, now time.Time) Acceptance {
	return a.accepts(o, party, found, a.acceptMarkings().judge(o, defs, now), defs, now)
}

func (a *Agreement) accepts(o stix.Object, party Party, found []validate.Finding, marked markings, defs Definitions, now time.Time) Acceptance {
	s := submission{Object: o, agreement: a, accept: &a.Accept, party: party, found: slices.Clip(found), now: now, markings: marked, definitions: defs,
		tlp: o.Type == "marking-definition" && o.IsTLP()}
	for i := range acceptRules {
		r := &acceptRules[i]
		path, message := r.check(&s)
		if message == "" {
			continue
		}
		severity := r.severity
		if r.id == "A-006" && a.Accept.FutureModified != FutureWarn {
			severity = validate.Error
		}
		if r.term != "" {
			message += a.termNote(r.term)
		}
		s.found = append(s.found, validate.Finding{Rule: r.id, Severity: severity, Path: path, Message: message})
	}
	return Acceptance{Findings: s.found[len(found):], Level: s.markings.level, Missing: s.markings.missing}
}

// termNote says at the end of a finding which term it is about.
func (a *Agreement) termNote(term string) string {
	return " (" + term + " of the agreement " + string(a.Name) + ")"
}

// acceptMarkings returns the terms on markings of what comes in.
func (a *Agreement) acceptMarkings() *markingTerms {
	return &markingTerms{
		prefix: "accept", subject: "the object", taker: "the agreement takes",
		most: a.Accept.MaxTLP, mostPAP: a.Accept.MaxPAP, carry: a.Accept.Markings.carried(),
		unmarked: a.Accept.DefaultTLP, because: "accept.default_tlp",
	}
}

func (s *submission) types() (string, string) {
	if s.tlp || len(s.accept.Types) == 0 || slices.Contains(s.accept.Types, s.Type) {
		return "", ""
	}
	return "/type", fmt.Sprintf("the object is of type %q, the agreement takes only %s", s.Type, strings.Join(s.accept.Types, ", "))
}

func (s *submission) specVersions() (string, string) {
	taken := s.accept.SpecVersions
	if len(taken) == 0 {
		taken = []string{defaultSpecVersion}
	}
	if slices.Contains(taken, s.SpecVersion) {
		return "", ""
	}
	return "/spec_version", fmt.Sprintf("the object is STIX %s, the agreement takes STIX %s only", s.SpecVersion, strings.Join(taken, " and "))
}

func (s *submission) maxTLP() (string, string) { return s.markings.overTLP() }

func (s *submission) maxPAP() (string, string) { return s.markings.overPAP() }

// requireMarking requires a marking that restricts the receivers of the object. It exempts marking definitions.
func (s *submission) requireMarking() (string, string) {
	if !s.accept.RequireMarking || s.markings.restricts || s.Type == "marking-definition" {
		return "", ""
	}
	return "", "the object carries no marking that says who may receive it, the agreement takes marked objects only: add object_marking_refs or granular_markings"
}

// createdBy exempts objects without an author: cyber-observables, which have no
// created_by_ref in the Standard, the TLP markings, and the party's own identity.
func (s *submission) createdBy() (string, string) {
	if s.tlp || s.accept.CreatedBy != CreatedByParty {
		return "", ""
	}
	if s.party.Identity == "" {
		return "/created_by_ref", fmt.Sprintf("the agreement takes only what the party itself created, and the party %q has no STIX identity here: an operator has to add it", s.party.Name)
	}
	ref := s.Tree.Member(s.Tree.Root(), "created_by_ref")
	switch {
	case ref >= 0 && sameID(s.Tree.Str(ref), s.party.Identity):
		return "", ""
	case ref >= 0:
		return "/created_by_ref", fmt.Sprintf("the object was created by %s, the agreement takes only what the party %s itself created, as %s",
			s.Tree.Str(ref), s.party.Name, s.party.Identity)
	case s.Category() == stix.SCO, s.ID == s.party.Identity:
		return "", ""
	}
	return "", fmt.Sprintf("the object has no created_by_ref, the agreement takes only what the party %s itself created, as %s", s.party.Name, s.party.Identity)
}

// sameID reports whether text is the identifier, ignoring the case of its UUID.
func sameID(text string, id stix.ID) bool {
	parsed, err := stix.ParseID(text)
	return err == nil && parsed == id
}

func (s *submission) futureModified() (string, string) {
	if s.now.IsZero() || s.Instant.IsZero() || !s.Instant.Time().After(s.now.Add(futureTolerance)) {
		return "", ""
	}
	path := "/modified"
	if s.Tree.Member(s.Tree.Root(), "modified") < 0 {
		path = "/created"
	}
	return path, fmt.Sprintf("the version is dated %s, more than a day ahead of this server's clock, %s", s.Version, s.now.UTC().Format(time.RFC3339))
}

func (s *submission) markingUnderstood() (string, string) {
	if len(s.markings.unknown) == 0 {
		return "", ""
	}
	u := s.markings.unknown[0]
	return u.path(), fmt.Sprintf("the marking %s is not understood, because %s: under a ceiling the object counts as TLP:red", u.id, u.why)
}

// ownDefinition warns of a marking whose definition another party has added. Otherwise a party could choose the meaning of
// another one's marking, by adding its definition first.
func (s *submission) ownDefinition() (string, string) {
	if len(s.markings.foreign) == 0 {
		return "", ""
	}
	u := s.markings.foreign[0]
	return u.path(), fmt.Sprintf("the definition of the marking %s was added by another party, so it does not count for this object; send the definition along if you mean the same", u.id)
}

func (s *submission) warnings() (string, string) {
	if s.tlp || s.accept.Warnings != WarningsReject {
		return "", ""
	}
	var rules []string
	for _, f := range s.found {
		if f.Severity == validate.Warning {
			rules = append(rules, f.Rule)
		}
	}
	if len(rules) == 0 {
		return "", ""
	}
	slices.Sort(rules)
	return "", fmt.Sprintf("the agreement takes only objects without warnings, this one has %s", strings.Join(slices.Compact(rules), ", "))
}

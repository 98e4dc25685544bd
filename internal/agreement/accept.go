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

// offer is an object at the door, with all that the terms look at.
type submission struct {
	stix.Object
	agreement *Agreement
	accept    *Accept
	party     Party
	found     []validate.Finding // validation's, then those of the terms so far
	now       time.Time

	level  stix.TLP  // most restrictive of its markings; 0 if none is a TLP level
	others []stix.ID // its markings that are no TLP level

	// Location of the marking that decided level: a format and its index in the list.
	where string
	place int
}

// acceptRule is one term of acceptance. check returns what it does not allow,
// and where, or "".
type acceptRule struct {
	id       string
	term     string // as the apply file has it
	severity validate.Severity
	check    func(*submission) (path, message string)
}

// acceptRules are the terms of acceptance in the order they are reported. The
// last one depends on the findings of the others.
var acceptRules = []acceptRule{
	{"A-001", "accept.types", validate.Error, (*submission).types},
	{"A-002", "accept.spec_versions", validate.Error, (*submission).specVersions},
	{"A-003", "accept.max_tlp", validate.Error, (*submission).maxTLP},
	{"A-004", "accept.require_marking", validate.Error, (*submission).requireMarking},
	{"A-005", "accept.created_by", validate.Error, (*submission).createdBy},
	{"A-006", "accept.future_modified", validate.Warning, (*submission).futureModified},
	{"A-007", "", validate.Warning, (*submission).markingUnderstood},
	{"A-008", "accept.warnings", validate.Error, (*submission).warnings},
}

// Accepts checks an object that a party adds at a moment against the agreement's
// terms. found are validation's findings, which a term may depend on. It returns
// the findings of the terms alone; what the agreement does not allow is an error.
func (a *Agreement) Accepts(o stix.Object, party Party, found []validate.Finding, now time.Time) []validate.Finding {
	s := submission{Object: o, agreement: a, accept: &a.Accept, party: party, found: slices.Clip(found), now: now}
	s.readMarkings()
	for i := range acceptRules {
		r := &acceptRules[i]
		path, message := r.check(&s)
		if message == "" {
			continue
		}
		severity := r.severity
		if r.id == "A-006" && a.Accept.FutureModified == FutureReject {
			severity = validate.Error
		}
		if r.term != "" {
			message += " (" + r.term + " of the agreement " + string(a.Name) + ")"
		}
		s.found = append(s.found, validate.Finding{Rule: r.id, Severity: severity, Path: path, Message: message})
	}
	return s.found[len(found):]
}

// Level returns the TLP level that an object counts as under this agreement and
// that is recorded with it: its effective level, or accept.default_tlp.
func (a *Agreement) Level(o stix.Object) stix.TLP {
	level, _ := o.EffectiveTLP()
	if level == 0 {
		return a.Accept.DefaultTLP
	}
	return level
}

// readMarkings finds the object's level and the marking that decides it.
func (o *submission) readMarkings() {
	t := o.Tree
	see := func(node int, where string, place int) {
		id, err := stix.ParseID(t.Str(node))
		if err != nil {
			return // validation reports it
		}
		level, ok := stix.TLPOfMarking(id)
		if !ok {
			o.others = append(o.others, id)
		}
		if level > o.level {
			o.level, o.where, o.place = level, where, place
		}
	}
	i := 0
	for item := range t.Items(t.Member(t.Root(), "object_marking_refs")) {
		see(item, "/object_marking_refs/%d", i)
		i++
	}
	i = 0
	for item := range t.Items(t.Member(t.Root(), "granular_markings")) {
		if ref := t.Member(item, "marking_ref"); ref >= 0 {
			see(ref, "/granular_markings/%d/marking_ref", i)
		}
		i++
	}
}

func (o *submission) types() (string, string) {
	if len(o.accept.Types) == 0 || slices.Contains(o.accept.Types, o.Type) {
		return "", ""
	}
	return "/type", fmt.Sprintf("the object is of type %q, the agreement takes only %s", o.Type, strings.Join(o.accept.Types, ", "))
}

func (o *submission) specVersions() (string, string) {
	taken := o.accept.SpecVersions
	if len(taken) == 0 {
		taken = []string{defaultSpecVersion}
	}
	if slices.Contains(taken, o.SpecVersion) {
		return "", ""
	}
	return "/spec_version", fmt.Sprintf("the object is STIX %s, the agreement takes STIX %s only", o.SpecVersion, strings.Join(taken, " and "))
}

func (o *submission) maxTLP() (string, string) {
	most := o.accept.MaxTLP
	switch {
	case most == 0:
		return "", ""
	case o.level > most:
		return fmt.Sprintf(o.where, o.place), fmt.Sprintf("the object is marked TLP:%s, the agreement takes at most TLP:%s", o.level, most)
	case o.level == 0 && o.accept.DefaultTLP > most:
		return "", fmt.Sprintf("the object has no TLP marking and so counts as TLP:%s (accept.default_tlp), the agreement takes at most TLP:%s", o.accept.DefaultTLP, most)
	}
	return "", ""
}

// requireMarking exempts marking definitions.
func (o *submission) requireMarking() (string, string) {
	if !o.accept.RequireMarking || o.level != 0 || len(o.others) > 0 || o.Type == "marking-definition" {
		return "", ""
	}
	return "", "the object carries no marking, the agreement takes marked objects only: add object_marking_refs or granular_markings"
}

// createdBy exempts objects without an author: cyber-observables, which have no
// created_by_ref in the Standard, and the party's own identity.
func (o *submission) createdBy() (string, string) {
	if o.accept.CreatedBy != CreatedByParty {
		return "", ""
	}
	if o.party.Identity == "" {
		return "/created_by_ref", fmt.Sprintf("the agreement takes only what the party itself created, and the party %q has no STIX identity here: an operator has to add it", o.party.Name)
	}
	ref := o.Tree.Member(o.Tree.Root(), "created_by_ref")
	switch {
	case ref >= 0 && stix.ID(o.Tree.Str(ref)) == o.party.Identity:
		return "", ""
	case ref >= 0:
		return "/created_by_ref", fmt.Sprintf("the object was created by %s, the agreement takes only what the party %s itself created, as %s",
			o.Tree.Str(ref), o.party.Name, o.party.Identity)
	case o.Category() == stix.SCO, o.ID == o.party.Identity:
		return "", ""
	}
	return "", fmt.Sprintf("the object has no created_by_ref, the agreement takes only what the party %s itself created, as %s", o.party.Name, o.party.Identity)
}

func (o *submission) futureModified() (string, string) {
	if o.now.IsZero() || o.Instant.IsZero() || !o.Instant.Time().After(o.now.Add(futureTolerance)) {
		return "", ""
	}
	path := "/modified"
	if o.Tree.Member(o.Tree.Root(), "modified") < 0 {
		path = "/created"
	}
	return path, fmt.Sprintf("the version is dated %s, more than a day ahead of this server's clock, %s", o.Version, o.now.UTC().Format(time.RFC3339))
}

func (o *submission) markingUnderstood() (string, string) {
	if len(o.others) == 0 {
		return "", ""
	}
	return "", fmt.Sprintf("the marking %s is no TLP level: what it asks for is not known here, and where there is a ceiling the object is not passed on", o.others[0])
}

func (o *submission) warnings() (string, string) {
	if o.accept.Warnings != WarningsReject {
		return "", ""
	}
	var rules []string
	for _, f := range o.found {
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

package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
)

// markingTerms are the terms on markings that apply to a decision: those of acceptance, or of a release.
type markingTerms struct {
	prefix  string // of the terms' names: "accept" or "release"
	subject string // "the object" or "it"
	taker   string // "the agreement takes" or "the release to members passes on"
	most    stix.TLP
	mostPAP stix.PAP
	carry   []string

	unmarked stix.TLP // what an object without a TLP level counts as; 0 if no term says so
	because  string   // why
	onward   bool     // the object leaves its agreement
}

// placed is a marking and its place in an object: a JSON pointer as a format and an index.
type placed struct {
	id     stix.ID
	format string
	index  int
}

func (p placed) path() string {
	if p.format == "" {
		return ""
	}
	return fmt.Sprintf(p.format, p.index)
}

// markings is the result of judging an object's markings under some terms. A marking on a part of an object counts for
// the whole object, since objects are not split.
type markings struct {
	terms *markingTerms

	level   stix.TLP // most restrictive of TLP markings and policies, else what unmarked objects count as; 0 if undefined
	levelAt placed   // the marking that decides level; zero for an unmarked object
	policy  bool     // levelAt is an IEP policy
	exempt  bool     // a marking definition without a level, which is not information itself

	pap   stix.PAP // most restrictive level of PAP markings that are understood
	papAt placed

	restricts bool // some understood marking restricts the receivers
	unknown   []unknown
	outdated  []unknown // IEP policies that are not in force
	hideAt    placed    // an IEP policy that hides the provider
	nameAt    placed    // an IEP policy that has the provider named

	foreign []unknown // those of unknown whose definition belongs to another party

	depends []stix.ID // definitions that the judgement depends on
	missing []stix.ID // those of depends that are unknown
	changes time.Time // next moment at which a policy begins or ends
}

// unknown is a marking that is not understood, and the reason.
type unknown struct {
	placed
	why string
}

// judge judges an object's markings. Acceptance, release, preview and explanation all use it.
func (terms *markingTerms) judge(o stix.Object, defs Definitions, now time.Time) markings {
	m := markings{terms: terms}
	t := o.Tree
	i := 0
	for item := range t.Items(t.Member(t.Root(), "object_marking_refs")) {
		m.see(t.Str(item), "/object_marking_refs/%d", i, defs, now)
		i++
	}
	i = 0
	for item := range t.Items(t.Member(t.Root(), "granular_markings")) {
		if ref := t.Member(item, "marking_ref"); ref >= 0 { // one with lang is no restriction
			m.see(t.Str(ref), "/granular_markings/%d/marking_ref", i, defs, now)
		}
		i++
	}
	if m.level == 0 {
		m.exempt = o.Type == "marking-definition"
		if !m.exempt {
			m.level = terms.unmarked
		}
	}
	return m
}

// see judges one marking of an object.
func (m *markings) see(text, format string, index int, defs Definitions, now time.Time) {
	at := placed{format: format, index: index}
	id, err := stix.ParseID(text)
	if err != nil || id.Type() != "marking-definition" {
		m.unknown = append(m.unknown, unknown{at, "it is no id of a marking definition"})
		return
	}
	at.id = id
	if level, ok := stix.TLPOfMarking(id); ok {
		m.raise(level, at, false)
		return
	}
	if level, ok := stix.PAPOfMarking(id); ok {
		m.seePAP(level, at)
		return
	}
	named := slices.Contains(m.terms.carry, string(id))
	if !slices.Contains(m.depends, id) {
		m.depends = append(m.depends, id)
	}
	var d Definition
	known := false
	if defs != nil {
		d, known = defs(id)
	}
	switch {
	case !known, d.Foreign:
		m.missing = append(m.missing, id)
		why := "its definition is not here"
		if d.Foreign {
			why = "its definition is another party's, and was not sent along"
			m.foreign = append(m.foreign, unknown{at, why})
		}
		if !named {
			m.unknown = append(m.unknown, unknown{at, why})
		}
		m.restricts = m.restricts || named
	case d.Kind == MarkingIEP:
		m.seePolicy(&d, at, now)
	case d.Kind == MarkingAIS && (named || slices.Contains(m.terms.carry, string(MarkingAIS))):
		if d.TLP > 0 {
			m.raise(d.TLP, at, false)
		}
	case named:
		m.restricts = m.restricts || d.Kind != MarkingStatement
	default:
		if why := m.terms.notCarried(&d); why != "" {
			m.unknown = append(m.unknown, unknown{at, why})
		} else if d.Kind != MarkingStatement {
			m.restricts = true
		}
	}
}

func (m *markings) raise(level stix.TLP, at placed, policy bool) {
	m.restricts = true
	if level > m.level {
		m.level, m.levelAt, m.policy = level, at, policy
	}
}

func (m *markings) seePAP(level stix.PAP, at placed) {
	terms := m.terms
	if terms.mostPAP == 0 && !slices.Contains(terms.carry, string(MarkingPAP)) && !slices.Contains(terms.carry, string(at.id)) {
		m.unknown = append(m.unknown, unknown{at, fmt.Sprintf("it is PAP:%s, and %s.markings does not carry pap", level, terms.prefix)})
		return
	}
	if level > m.pap {
		m.pap, m.papAt = level, at
	}
}

func (m *markings) seePolicy(d *Definition, at placed, now time.Time) {
	if next := d.nextChange(now); !next.IsZero() && (m.changes.IsZero() || next.Before(m.changes)) {
		m.changes = next
	}
	if !d.inForce(now) {
		why := "it is an IEP policy that begins on " + FormatDate(d.From)
		if !now.Before(d.From) {
			why = "it is an IEP policy that ended on " + FormatDate(d.Until)
		}
		m.outdated = append(m.outdated, unknown{at, why})
		m.unknown = append(m.unknown, unknown{at, why})
		return
	}
	m.raise(d.TLP, at, true)
	if d.HideAuthor && m.hideAt.id == "" {
		m.hideAt = at
	}
	if d.NameAuthor && m.nameAt.id == "" {
		m.nameAt = at
	}
}

// notCarried returns why the terms do not carry a marking that they do not name by its id, or "" if they do.
func (terms *markingTerms) notCarried(d *Definition) string {
	carried := slices.Contains(terms.carry, string(d.Kind))
	switch d.Kind {
	case MarkingTLP:
		return "it is a TLP marking with an id that is not the published one"
	case MarkingPAP:
		return "it is a PAP marking with an id that is not the published one"
	case MarkingStatement:
		if d.Word != "" {
			return fmt.Sprintf("it is a statement with the word %q, which classifies", d.Word)
		}
	case MarkingACS:
		if carried && d.Classification != "U" {
			return fmt.Sprintf("it is an ACS marking of the classification %q", d.Classification)
		}
	case markingOther:
		if d.Type == "" {
			return "it is of no known kind"
		}
		return fmt.Sprintf("it is of the kind %q", d.Type)
	}
	if carried {
		return ""
	}
	why := fmt.Sprintf("it is of the kind %s, which %s.markings does not carry", d.Kind, terms.prefix)
	if len(d.Controls) > 0 {
		why += " (" + strings.Join(d.Controls, ", ") + ")"
	}
	return why
}

// counts returns the level that the object counts as: red if it has a marking that is not understood, or no marking.
func (m *markings) counts() stix.TLP {
	if len(m.unknown) > 0 || m.level == 0 && !m.exempt {
		return stix.Red
	}
	return m.level
}

// overTLP returns where and why the object is above the ceiling; message is "" if it is not.
func (m *markings) overTLP() (path, message string) {
	terms := m.terms
	if terms.most == 0 || m.counts() <= terms.most {
		return "", ""
	}
	most := fmt.Sprintf(", %s at most TLP:%s", terms.taker, terms.most)
	switch {
	case m.level > terms.most && m.policy:
		return m.levelAt.path(), fmt.Sprintf("%s is marked TLP:%s by the IEP policy %s", terms.subject, m.level, m.levelAt.id) + most
	case m.level > terms.most && m.levelAt.id != "":
		return m.levelAt.path(), fmt.Sprintf("%s is marked TLP:%s", terms.subject, m.level) + most
	case len(m.unknown) > 0:
		u := m.unknown[0]
		id := string(u.id)
		if id == "" {
			id = "at " + u.path()
		}
		return u.path(), fmt.Sprintf("the marking %s is not understood, because %s, and so counts as TLP:red", id, u.why) + most
	case m.level == 0:
		return "", fmt.Sprintf("%s has no TLP marking and so counts as TLP:red", terms.subject) + most
	}
	return "", fmt.Sprintf("%s has no TLP marking and so counts as TLP:%s (%s)", terms.subject, m.level, terms.because) + most
}

// overPAP returns where and why the object is above the PAP ceiling.
func (m *markings) overPAP() (path, message string) {
	terms := m.terms
	if terms.mostPAP == 0 || m.pap <= terms.mostPAP {
		return "", ""
	}
	return m.papAt.path(), fmt.Sprintf("%s is marked PAP:%s, %s at most PAP:%s", terms.subject, m.pap, terms.taker, terms.mostPAP)
}

// refusals returns the reasons why its markings keep the object in its agreement, where it would go with its author's name or
// without it.
func (m *markings) refusals(authored, hidden bool) (list []Refusal) {
	add := func(term, message string) {
		if message != "" {
			list = append(list, Refusal{Term: m.terms.prefix + "." + term, Message: message, Marking: true})
		}
	}
	_, message := m.overTLP()
	add("max_tlp", message)
	_, message = m.overPAP()
	add("max_pap", message)
	if len(m.outdated) > 0 && len(list) == 0 {
		u := m.outdated[0]
		add("markings", fmt.Sprintf("the marking %s allows no sharing now: %s", u.id, u.why))
	}
	if authored && m.hideAt.id != "" {
		add("markings", fmt.Sprintf("the IEP policy %s says that its provider must not be named, and the object names its author", m.hideAt.id))
	}
	if hidden && m.nameAt.id != "" {
		add("markings", fmt.Sprintf("the IEP policy %s says that its provider must be named, and the release hides authors", m.nameAt.id))
	}
	return list
}

package validate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// Level is the keyword with which the Standard states a rule.
type Level string

// The levels. A definition without a keyword is binding through section 12.1 of the Standard; a recommendation is
// Accord's own where the Standard leaves a choice.
const (
	must       Level = "MUST"
	mustNot    Level = "MUST NOT"
	should     Level = "SHOULD"
	shouldNot  Level = "SHOULD NOT"
	definition Level = "definition"
	recommends Level = "recommendation"
)

// Layer is where a rule is checked.
type Layer string

// The layers.
const (
	layerText     Layer = "text"     // the bytes, by package ijson
	layerSchema   Layer = "schema"   // the JSON Schemas, by package schemas
	layerSemantic Layer = "semantic" // code of this package
	layerPattern  Layer = "pattern"  // package pattern
	layerCross    Layer = "cross"    // several objects together
)

// Rule is one row of the rule table.
type Rule struct {
	ID       string
	Level    Level
	Severity Severity // what breaking it means, unless the finding says otherwise
	Layer    Layer
	Section  string // of the STIX 2.1 Standard
	Summary  string // what is required, or forbidden for MUST NOT and SHOULD NOT

	types  string                                  // object types or categories that object is run on, separated by spaces; "" for all
	on     kind                                    // kind of value that value is run on; 0: where the model names the rule
	object func(s *subject)                        // checks a whole object
	value  func(s *subject, p *property, node int) // checks one value
	across func(a *across)                         // checks objects that came together
}

// Rules returns the table, in order. The rules of patterns (S-301 and on) are in package pattern.
func Rules() []Rule { return slices.Clone(the.rules) }

// about reports whether the rule's object check is run on objects of the type.
func (r *Rule) about(typ string, cat stix.Category) bool {
	if r.types == "" {
		return true
	}
	for name := range strings.FieldsSeq(r.types) {
		if name == typ || name == cat.String() {
			return true
		}
	}
	return false
}

// table returns the rows of all files, sorted by identifier.
func table() []Rule {
	rules := slices.Concat(textRules, valueRules, identifierRules, timestampRules, commonRules, markingRules,
		extensionRules, customRules, orderRules, sdoRules, sroRules, scoRules, addressRules, metaRules, bundleRules,
		versionRules, togetherRules)
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.ID, b.ID) })
	return rules
}

// seen returns a row for a rule that another layer checks.
func seen(id string, level Level, layer Layer, section, summary string) Rule {
	return Rule{ID: id, Level: level, Severity: Error, Layer: layer, Section: section, Summary: summary}
}

package validate

import (
	"fmt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/pattern"
)

// judgeLegacy checks an object of STIX 2.0 against STIX 2.0: the tables of its types, their vocabularies, references,
// markings and patterns. There are no schemas for STIX 2.0, so the shape of values is checked here.
func (s *subject) judgeLegacy() {
	s.nulls()
	s.typ, s.category = s.o.Type, s.o.Category()
	s.def, s.known = s.m.types20[s.typ], true
	if s.def == nil {
		s.def, s.known = s.m.custom20, false
	}
	s.lay(s.t.Root())
	if !typeForm([]byte(s.typ)) {
		s.put("S-010", Error, s.get(pType), "%s is no object type, expected 3 to 250 of a-z, 0-9 and single hyphens", s.show(s.get(pType)))
	}
	if id := s.get(pID); s.str(id) != nil {
		if _, _, ok := splitID(s.str(id)); !ok {
			s.put("S-015", Error, id, "%s is no identifier, expected %s--UUID", s.show(id), s.typ)
		}
	}
	for _, p := range s.def.order {
		switch node := s.get(names[p.name]); {
		case node >= 0 && p.name != "id":
			if s.legacyShape(p, node) {
				s.values(p, node)
			}
		case node < 0 && p.required:
			s.put("S-013", Error, s.t.Root(), "%s is missing, %s has it", p.name, s.legacyKind())
		}
	}
	for _, name := range s.custom {
		s.legacyName(int(name))
		s.free(int(name), int(name)+1, 1)
	}
	for _, r := range s.m.object20 {
		if r.about(s.typ, s.category) {
			s.rule = r
			r.object(s)
		}
	}
	s.legacyRanges()
	s.legacyDefinition()
	s.legacyPattern()
}

func (s *subject) legacyKind() string {
	if s.known {
		return "a " + s.typ + " of STIX 2.0"
	}
	return "an object of STIX 2.0"
}

// legacyName checks the form of a custom property's name, as the schemas do for STIX 2.1.
func (s *subject) legacyName(name int) {
	b := s.t.Bytes(name)
	ok := len(b) >= 3 && len(b) <= 250 && isAlpha(b[0])
	for _, c := range b {
		ok = ok && (isAlphanumeric(c) || c == '_')
	}
	if !ok {
		s.put("S-011", Error, name+1, "the property name %s is not a name to use, expected 3 to 250 letters, digits and underscores, first a letter", s.show(name))
	}
}

// legacyShape checks the type of a property's value, and reports whether rules can be run on it.
func (s *subject) legacyShape(p *property, node int) bool {
	if !p.list {
		return s.legacyValue(p, node)
	}
	switch {
	case s.t.Kind(node) != ijson.Array:
		s.put("S-014", Error, node, "%s is %s, expected a list that is not empty", p.name, s.show(node))
		return false
	case s.t.Nodes[node].Count == 0:
		s.put("S-026", Error, node, "%s is an empty list; leave it out, or put at least one item in", p.name)
		return false
	}
	ok := true
	for item := range s.t.Items(node) {
		ok = s.legacyValue(p, item) && ok
	}
	return ok
}

// wants holds the JSON type of each kind; values of other kinds may be of any type.
var wants = map[kind]ijson.Kind{kindString: ijson.String, kindVocabulary: ijson.String, kindReference: ijson.String, kindTimestamp: ijson.String,
	kindHex: ijson.String, kindBinary: ijson.String, kindEnum: ijson.String, kindInteger: ijson.Number, kindFloat: ijson.Number,
	kindBoolean: ijson.True, kindStructure: ijson.Object, kindHashes: ijson.Object, kindDictionary: ijson.Object, kindContainer: ijson.Object}

func (s *subject) legacyValue(p *property, node int) bool {
	want, kind := wants[p.kind], s.t.Kind(node)
	switch {
	case want == 0 || kind == want || want == ijson.True && kind == ijson.False:
	case kind == ijson.Null: // S-005
		return false
	default:
		s.put("S-014", Error, node, "%s is %s, expected %s", p.name, kind, legacyWant(want))
		return false
	}
	switch p.kind {
	case kindTimestamp:
		if !timestampForm(s.str(node)) {
			s.put("S-023", Error, node, "%s is no timestamp, expected YYYY-MM-DDTHH:mm:ss.sssZ", s.show(node))
			return false
		}
	case kindReference:
		if _, _, ok := splitID(s.str(node)); !ok {
			s.put("S-015", Error, node, "%s is no identifier, expected %s--UUID", s.show(node), p.refs.text)
			return false
		}
	case kindContainer, kindHashes, kindDictionary:
		if s.t.Nodes[node].Count == 0 {
			s.put("S-027", Error, node, "%s is an empty dictionary; leave it out, or put at least one entry in", p.name)
			return false
		}
	case kindStructure:
		return s.legacyStructure(p.of, node)
	}
	return true
}

func legacyWant(k ijson.Kind) string {
	if k == ijson.True {
		return "true or false"
	}
	return k.String()
}

// lacks holds, for each structure, the rule that requires its properties.
var lacks = map[string]string{"external-reference": "S-046", "kill-chain-phase": "S-044", "granular-marking-20": "S-057"}

func (s *subject) legacyStructure(d *structure, node int) bool {
	ok := true
	for _, p := range d.order {
		switch value := s.t.Member(node, p.name); {
		case value >= 0:
			ok = s.legacyShape(p, value) && ok
		case p.required:
			s.put(lacks[d.name], Error, node, "%s is missing, which is required here", p.name)
			ok = false
		}
	}
	if d.name == "external-reference" && ok && s.t.Member(node, "description") < 0 && s.t.Member(node, "url") < 0 && s.t.Member(node, "external_id") < 0 {
		s.put("S-046", Error, node, "the external reference has a source_name alone, expected one of description, url and external_id beside it")
		return false
	}
	return ok
}

// legacyRanges checks the ranges of counts.
func (s *subject) legacyRanges() {
	for _, r := range [...]struct {
		rule string
		name nameID
		from int64
	}{{"S-121", pNumberObserved, 1}, {"S-137", pCount, 0}} {
		node := s.get(r.name)
		if s.t.Kind(node) != ijson.Number || s.def.prop(r.name) == nil {
			continue
		}
		if v, whole, inRange := integerForm(s.t.Raw(node)); whole && (!inRange || v < r.from || v > 999999999) {
			s.put(r.rule, Error, node, "%s is %s, expected %d to 999999999", s.nameOf(node), s.show(node), r.from)
		}
	}
	if node := s.get(pRelationshipType); s.typ == "relationship" && s.str(node) != nil && !relationshipForm(s.str(node)) {
		s.put("S-132", Error, node, "relationship_type is %s, expected a-z, 0-9 and hyphens", s.show(node))
	}
}

// legacyDefinition checks the definition of a marking definition against its type (part 1, section 4.1).
func (s *subject) legacyDefinition() {
	definition := s.get(pDefinition)
	if s.typ != "marking-definition" || definition < 0 || !s.known {
		return
	}
	for _, name := range [...]string{"statement", "tlp"} {
		if s.t.Is(s.get(pDefinitionType), name) && s.t.Kind(s.t.Member(definition, name)) != ijson.String {
			s.put("S-186", Error, definition, "the definition is %s, expected {\"%s\": …} with definition_type %s", s.show(definition), name, name)
		}
	}
}

// legacyPattern checks the pattern of an indicator against the patterning language of STIX 2.0 (part 5).
func (s *subject) legacyPattern() {
	if node := s.get(pPattern); s.typ == "indicator" && s.t.Kind(node) == ijson.String {
		s.rule = s.m.byID["S-113"]
		s.patternIn(node, pattern.CheckOptions{Version: "2.0"})
	}
}

// patternIn reports the findings of package pattern about a pattern (S-301 and on), and one more under the running rule
// if the pattern is refused.
func (s *subject) patternIn(node int, opts pattern.CheckOptions) {
	opts.ValidFrom, opts.ValidUntil, opts.Findings = s.instant(pValidFrom), s.instant(pValidUntil), s.opts.MaxFindings
	refused := false
	for _, f := range pattern.ValidateIn(string(s.t.Bytes(node)), opts) {
		sev := Error
		if f.Warning {
			sev = Warning
		}
		if sev == Error && !refused {
			refused = true
			s.report(node, "the pattern is no valid STIX pattern; see %s at line %d, column %d", f.Rule, f.Line, f.Column)
		}
		if !s.found.full(sev) {
			s.found.add(Finding{Rule: f.Rule, Severity: sev, Path: "/pattern", Section: f.Section,
				Message: fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Message)})
		}
	}
}

var (
	pNumberObserved = prop("number_observed")
	pCount          = prop("count")
)

// legacyTLP reports whether the object is the marking definition of a TLP level. STIX 2.0 fixes its text as 2.1 does,
// except for the name.
func (s *subject) legacyTLP() bool {
	_, ok := stix.TLPOfMarking(stix.ID(s.str(s.get(pID))))
	return s.legacy && ok
}

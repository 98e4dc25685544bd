package validate

import (
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// judgeLegacy checks of a STIX 2.0 object what it has in common with STIX 2.1: the identifier and the common properties. There
// are no schemas for STIX 2.0, so their shape is checked here.
func (s *subject) judgeLegacy() {
	s.nulls()
	s.known, s.typ, s.category = true, s.o.Type, s.o.Category()
	s.def = s.m.common[stix.SDO]
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
		node := s.get(names[p.name])
		switch {
		case node >= 0:
			s.legacyShape(p, node)
			s.values(p, node)
		case p.name == "created" || p.name == "modified" && s.typ != "marking-definition":
			s.put("S-013", Error, s.t.Root(), "%s is missing, an object of STIX 2.0 has it", p.name)
		}
	}
	for _, id := range [...]string{"S-016", "S-017", "S-051"} {
		s.rule = s.m.byID[id]
		s.rule.object(s)
	}
}

// legacyShape holds a common property to its type.
func (s *subject) legacyShape(p *property, node int) {
	kind := s.t.Kind(node)
	if p.list {
		if kind != ijson.Array || s.t.Nodes[node].Count == 0 {
			s.put("S-014", Error, node, "%s is %s, expected a list that is not empty", p.name, s.show(node))
			return
		}
		for item := range s.t.Items(node) {
			s.legacyValue(p, item)
		}
		return
	}
	s.legacyValue(p, node)
}

func (s *subject) legacyValue(p *property, node int) {
	want := ijson.String
	switch p.kind {
	case kindStructure, kindExtensions:
		want = ijson.Object
	case kindInteger:
		want = ijson.Number
	case kindBoolean:
		want = ijson.True
	}
	kind := s.t.Kind(node)
	switch {
	case kind == want || want == ijson.True && kind == ijson.False:
	case kind == ijson.Null: // S-005
		return
	default:
		s.put("S-014", Error, node, "%s is %s, expected %s", p.name, kind, want)
		return
	}
	if p.kind == kindTimestamp && !timestampForm(s.str(node)) {
		s.put("S-023", Error, node, "%s is no timestamp, expected YYYY-MM-DDTHH:mm:ss.sssZ", s.show(node))
	}
	if _, _, ok := splitID(s.str(node)); p.kind == kindReference && !ok {
		s.put("S-015", Error, node, "%s is no identifier, expected %s--UUID", s.show(node), p.refs.text)
	}
}

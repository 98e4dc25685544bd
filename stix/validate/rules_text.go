package validate

import "bytes"

// textRules lists the rules on the text and the shape of JSON values; packages ijson and schemas check most of them.
var textRules = []Rule{
	seen("S-001", must, layerText, "1.2.10", "The text is JSON in UTF-8, without a byte order mark, and nests within bounds."),
	seen("S-002", mustNot, layerText, "1.2.10", "Unpaired surrogates in names and strings; noncharacters such as U+FFFE (a warning)."),
	seen("S-003", must, layerText, "1.2.10, 2.3, 2.7", "Member names are unique within each object, compared after un-escaping."),
	seen("S-004", definition, layerSemantic, "1.2.10", "A STIX object is a JSON object with the strings type and id."),
	seen("S-005", definition, layerSemantic, "2", "null is no STIX value, custom content included."),
	seen("S-006", must, layerSchema, "2.2", "A boolean is true or false, not a number or a string."),
	seen("S-010", must, layerSchema, "3.1, 7.3.2, 11.2.1", "An object type has 3 to 250 of a-z, 0-9 and single hyphens, begins with a letter and ends without a hyphen."),
	{ID: "S-011", Level: must, Severity: Error, Layer: layerSchema, Section: "3.1, 7.3.2, 11.1.1, 11.2.1",
		Summary: "A property name has 3 to 250 of a-z, 0-9 and underscore and begins with a letter; id excepted. Capitals: a warning, unless the name is one of the Standard's in lower case.",
		object:  lowerCaseNames},
	seen("S-012", must, layerSchema, "3.1", "Names and literals match in case exactly."),
	seen("S-013", must, layerSchema, "3.1, 12.1", "Every required property is present."),
	seen("S-014", must, layerSchema, "12.1", "Every defined property has its type."),
	seen("S-015", must, layerSchema, "2.9, 3.3", "An identifier has the form object-type--UUID, in id and in every reference of the Standard."),
	seen("S-026", mustNot, layerSchema, "2.12", "An empty list; deep in custom content a warning."),
	seen("S-027", mustNot, layerSchema, "2.3", "An empty dictionary; deep in custom content a warning."),
	seen("S-030", must, layerSchema, "2.7", "hashes is a dictionary of strings, not empty, whose keys have 3 to 250 characters of a dictionary key."),
	seen("S-041", must, layerSchema, "2.4, 10", "A value of a closed enumeration is one of those listed."),
	seen("S-044", must, layerSchema, "2.11", "A kill chain phase has kill_chain_name and phase_name."),
	seen("S-046", must, layerSchema, "2.5.2", "An external reference has source_name and one of description, url, external_id."),
}

// lowerCaseNames checks the case of custom names, since the schemas accept capitals. A name that the Standard has in
// lower case is an error: the author meant that property, and readers would not find it.
func lowerCaseNames(s *subject) {
	for _, name := range s.custom {
		s.lowerCaseName(s.def, int(name))
	}
	if s.container > 0 {
		return
	}
	for name, value := range s.t.Members(s.get(pExtensions)) {
		if s.def.extensions[string(s.t.Bytes(name))] != nil {
			continue
		}
		for name := range s.t.Members(value) {
			s.lowerCaseName(nil, name)
		}
	}
}

// lowerCaseName checks one name. d is the structure whose property names it must not equal but for case, or nil.
func (s *subject) lowerCaseName(d *structure, name int) {
	b := s.t.Bytes(name)
	if !hasUpper(b) {
		return
	}
	if d != nil {
		if id, ok := names[string(bytes.ToLower(b))]; ok && (d.prop(id) != nil || isCommonName(id)) {
			s.report(name+1, "the property name %s has capitals; write %s, names are equal only letter by letter", s.show(name), bytes.ToLower(b))
			return
		}
	}
	s.warn(name+1, "the property name %s has capitals, expected a to z, digits and underscores", s.show(name))
}

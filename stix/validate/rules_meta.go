package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// metaRules lists the rules on STIX Meta Objects (section 7).
var metaRules = []Rule{
	{ID: "S-181", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.1.1",
		Summary: "The keys of contents are well-formed language tags of RFC 5646; unregistered ones are a warning.", value: translatedLanguages},
	seen("S-182", definition, layerSchema, "7.1.1", "Each value under contents is a dictionary of strings, lists and objects, not empty."),
	seen("S-185", must, layerSchema, "7.2.1", "A marking definition without extensions has definition_type and definition."),
	seen("S-186", must, layerSchema, "7.2.1.3", "definition_type statement goes with a definition that is a statement."),
	{ID: "S-187", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.2.1.4",
		Summary: "A marking definition of type tlp is one of the four of the Standard; a missing name, further properties, or clear for white: a warning.",
		types:   "marking-definition", object: fixedTLP},
	{ID: "S-188", Level: definition, Severity: Error, Layer: layerSemantic, Section: "7.2.1.4",
		Summary: "The identifiers of the four TLP 1.0 markings stand on nothing else.", types: "marking-definition", object: reservedTLP},
	{ID: "S-189", Level: should, Severity: Warning, Layer: layerSemantic, Section: "7.2.1",
		Summary: "New kinds of markings are extensions; a TLP 2.0 identifier on other content: an error.", types: "marking-definition", object: otherMarking},
	seen("S-190", must, layerSchema, "7.3.1, 3.2", "An extension definition has created_by_ref, name, schema, version and extension_types."),
	{ID: "S-191", Level: should, Severity: Warning, Layer: layerSemantic, Section: "7.3.1",
		Summary: "An extension definition has a description, and extension_properties with toplevel-property-extension.",
		types:   "extension-definition", object: describedExtension},
	{ID: "S-192", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "3.2, 7.3.1",
		Summary: "An extension definition has no extensions, lang or confidence.", types: "extension-definition", object: plainExtension},
	seen("S-193", must, layerSchema, "7.3.1", "extension_properties goes with toplevel-property-extension, and lists property names."),
}

var (
	pDefinition          = prop("definition")
	pDefinitionType      = prop("definition_type")
	pExtensionTypes      = prop("extension_types")
	pExtensionProperties = prop("extension_properties")
)

func translatedLanguages(s *subject, _ *property, node int) {
	for name, value := range s.t.Members(node) {
		s.tag(value, s.t.Bytes(name))
		for key, translation := range s.t.Members(value) {
			b := s.t.Bytes(key)
			switch {
			case !dictionaryKey(b):
				s.put("S-028", Error, translation, "the key %s has characters that a dictionary key may not have; expected at most 250 of A-Z, a-z, 0-9, - and _", s.show(key))
			case hasUpper(b):
				s.put("S-029", Warning, translation, "the key %s has capitals, expected lower case", s.show(key))
			}
		}
	}
}

// tlpMarking is one of the marking definitions of TLP 1.0 (section 7.2.1.4).
type tlpMarking struct {
	id          stix.ID
	level, name string
}

var tlpMarkings = [...]tlpMarking{
	{stix.TLP1White, "white", "TLP:WHITE"}, {stix.TLP1Green, "green", "TLP:GREEN"},
	{stix.TLP1Amber, "amber", "TLP:AMBER"}, {stix.TLP1Red, "red", "TLP:RED"},
}

// tlpCreated is the time at which all four were created.
const tlpCreated = "2017-01-20T00:00:00.000Z"

func fixedTLP(s *subject) {
	if !s.t.Is(s.get(pDefinitionType), "tlp") {
		return
	}
	id, definition := s.get(pID), s.get(pDefinition)
	level := s.t.Member(definition, "tlp")
	var want *tlpMarking
	for i := range tlpMarkings {
		if s.t.Is(id, string(tlpMarkings[i].id)) {
			want = &tlpMarkings[i]
		}
	}
	switch {
	case want == nil:
		s.report(id, "a marking definition of type tlp has its own identifier; the Standard fixes four, such as %s for %s", tlpMarkings[1].id, tlpMarkings[1].level)
		return
	case want.level == "white" && s.t.Is(level, "clear") && s.t.Nodes[definition].Count == 1:
		s.warn(definition, "the definition is %s, expected {\"tlp\":\"white\"} under this identifier; TLP 2.0 calls that level clear, and has an identifier of its own for it, %s",
			s.show(definition), stix.TLP2Clear)
	case s.isObject(definition) && (!s.t.Is(level, want.level) || s.t.Nodes[definition].Count != 1):
		s.report(definition, "the definition is %s, expected {\"tlp\":\"%s\"} under this identifier", s.show(definition), want.level)
	}
	if created := s.get(pCreated); timestampForm(s.str(created)) && compareTimes(s.str(created), []byte(tlpCreated)) != 0 {
		s.report(created, "created is %s, expected %s on every TLP marking definition", s.show(created), tlpCreated)
	}
	if s.legacyTLP() {
		return // names were added in STIX 2.1
	}
	if name := s.get(pName); !s.t.Is(name, want.name) {
		if name < 0 {
			s.warn(s.root, "the TLP marking definition has no name, expected %q", want.name)
		} else {
			s.warn(name, "name is %s, expected %q", s.show(name), want.name)
		}
	}
	s.furtherProperties()
}

// furtherProperties warns of properties that the Standard's TLP marking definitions do not have.
func (s *subject) furtherProperties() {
	for name, value := range s.t.Members(s.root) {
		switch string(s.t.Bytes(name)) {
		case "type", "spec_version", "id", "created", "definition_type", "definition", "name":
		default:
			s.warn(value, "the TLP marking definitions of the Standard have no %s", s.show(name))
		}
	}
}

func reservedTLP(s *subject) {
	id := s.get(pID)
	if s.t.Is(s.get(pDefinitionType), "tlp") {
		return // S-187
	}
	for i := range tlpMarkings {
		if m := &tlpMarkings[i]; s.t.Is(id, string(m.id)) {
			s.report(id, "this identifier is that of %s, expected definition_type tlp and definition {\"tlp\":\"%s\"}", m.name, m.level)
		}
	}
}

func otherMarking(s *subject) {
	if node := s.get(pDefinitionType); s.t.Kind(node) == ijson.String && !s.t.Is(node, "tlp") && !s.t.Is(node, "statement") {
		s.report(node, "definition_type is %s; kinds of markings beyond statement and tlp are made with an extension definition", s.show(node))
	}
	id := s.str(s.get(pID))
	want := ""
	switch stix.ID(id) {
	case stix.TLP2Clear:
		want = "clear"
	case stix.TLP2Green:
		want = "green"
	case stix.TLP2Amber:
		want = "amber"
	case stix.TLP2AmberStrict:
		want = "amber+strict"
	case stix.TLP2Red:
		want = "red"
	default:
		return
	}
	level := s.t.Member(s.t.Member(s.get(pExtensions), string(stix.TLP2Extension)), "tlp_2_0")
	if !s.t.Is(level, want) {
		s.put("S-189", Error, s.get(pID), "this identifier is that of TLP 2.0 %s, expected the extension %s with \"tlp_2_0\": \"%s\"", want, stix.TLP2Extension, want)
	}
}

func describedExtension(s *subject) {
	if !s.has(pDescription) {
		s.report(s.root, "the extension definition has no description")
	}
	if s.lists(s.get(pExtensionTypes), "toplevel-property-extension") && !s.has(pExtensionProperties) {
		s.report(s.root, "the extension definition has toplevel-property-extension and no extension_properties, which list the property names")
	}
}

func plainExtension(s *subject) {
	for _, name := range s.unapt {
		b := s.t.Bytes(int(name))
		if bytes.Equal(b, []byte("defanged")) {
			continue // S-063
		}
		s.report(int(name)+1, "%s is no property of an extension definition; leave it out", s.show(int(name)))
	}
}

package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// extensionRules lists the rules on the extensions property (sections 3.2, 7.3, 11.3).
var extensionRules = []Rule{
	{ID: "S-064", Level: must, Severity: Error, Layer: layerSchema, Section: "3.2",
		Summary: "extensions is a dictionary of dictionaries, not empty.", object: eachExtension(extensionContent)},
	{ID: "S-065", Level: must, Severity: Error, Layer: layerSemantic, Section: "3.2, 7.3",
		Summary: "An extension under an extension definition's identifier has extension_type.", object: eachExtension(typedExtension)},
	{ID: "S-066", Level: must, Severity: Error, Layer: layerSemantic, Section: "3.2, 10.5",
		Summary: "extension_type is one of extension-type-enum.", object: eachExtension(knownExtensionType)},
	{ID: "S-067", Level: must, Severity: Error, Layer: layerSemantic, Section: "3.2, 3.10",
		Summary: "A predefined extension stands on its own object type (else a warning) and has its properties.", object: eachExtension(foreignExtension)},
	{ID: "S-068", Level: should, Severity: Warning, Layer: layerSemantic, Section: "3.2",
		Summary: "Other extension keys are identifiers of extension definitions.", object: eachExtension(definedExtension)},
	{ID: "S-069", Level: must, Severity: Warning, Layer: layerSemantic, Section: "11.3.1",
		Summary: "The key of a custom extension has 3 to 250 of a-z, 0-9 and hyphen, ends in -ext, and stands on an SCO.", object: eachExtension(customExtensionKey)},
	seen("S-070", must, layerSchema, "11.3.1", "A custom extension has at least one property."),
	{ID: "S-071", Level: should, Severity: Warning, Layer: layerSemantic, Section: "11.3.1",
		Summary: "The key of a custom extension begins with x- and its source.", object: eachExtension(sourcedExtensionKey)},
	{ID: "S-072", Level: mustNot, Severity: Warning, Layer: layerSemantic, Section: "7.3",
		Summary: "new-sdo, new-sco or new-sro on an object of a standard type.", object: eachExtension(redefinition)},
}

// extension is one member of the extensions property.
type extension struct {
	key     []byte
	value   int  // its content
	kind    int  // its extension_type, -1 for none
	defined bool // the key has, or seems meant to have, the form of an extension definition's identifier
}

// predefined reports whether the Standard defines an extension with this key, for any type, and returns that type.
func (s *subject) predefined(key []byte) (of string, ok bool) {
	of, ok = s.m.foreign[string(key)]
	return of, ok
}

var extensionPrefix = []byte("extension-definition--")

// eachExtension turns a check of a single extension into a check of a whole object.
func eachExtension(check func(*subject, extension)) func(*subject) {
	return func(s *subject) {
		node := s.get(pExtensions)
		if node < 0 || !s.isObject(node) {
			return
		}
		for name, value := range s.t.Members(node) {
			key := s.t.Bytes(name)
			check(s, extension{key: key, value: value, kind: s.t.Member(value, "extension_type"), defined: bytes.HasPrefix(key, extensionPrefix)})
		}
	}
}

func extensionContent(s *subject, e extension) {
	if kind := s.t.Kind(e.value); kind != ijson.Object && kind != ijson.Null {
		s.report(e.value, "the extension is %s, expected a dictionary of its properties", kind)
	}
}

func typedExtension(s *subject, e extension) {
	if e.defined && e.kind < 0 && s.isObject(e.value) {
		s.report(e.value, "the extension has no extension_type, expected property-extension, toplevel-property-extension, new-sdo, new-sco or new-sro")
	}
}

func knownExtensionType(s *subject, e extension) {
	if e.kind < 0 {
		return
	}
	switch string(s.str(e.kind)) {
	case "new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension":
	default:
		s.report(e.kind, "extension_type is %s, expected property-extension, toplevel-property-extension, new-sdo, new-sco or new-sro", s.show(e.kind))
	}
}

func foreignExtension(s *subject, e extension) {
	if of, ok := s.predefined(e.key); ok && of != s.typ {
		s.warn(e.value, "%s is an extension of %s, it means nothing on %s", e.key, of, s.typ)
	}
}

func definedExtension(s *subject, e extension) {
	if _, ok := s.predefined(e.key); !e.defined && !ok {
		s.report(e.value, "the extension key %q is no identifier of an extension definition, expected extension-definition--UUID", shorten(e.key))
	}
}

// isCustom reports whether the extension is neither predefined nor keyed by the identifier of an extension definition.
func (s *subject) isCustom(e extension) bool {
	_, ok := s.predefined(e.key)
	return !ok && !e.defined
}

func customExtensionKey(s *subject, e extension) {
	if !s.isCustom(e) {
		return
	}
	form := len(e.key) >= 3 && len(e.key) <= 250 && bytes.HasSuffix(e.key, []byte("-ext"))
	for _, c := range e.key {
		form = form && ('a' <= c && c <= 'z' || isDigit(c) || c == '-')
	}
	switch {
	case !form:
		s.report(e.value, "the extension key %q is no name of a custom extension, expected 3 to 250 of a-z, 0-9 and hyphen, ending in -ext", shorten(e.key))
	case s.category != stix.SCO:
		s.report(e.value, "the custom extension %s stands on an %s, custom extensions exist on SCOs only; use an extension definition", e.key, s.category)
	}
}

func sourcedExtensionKey(s *subject, e extension) {
	if s.isCustom(e) && !bytes.HasPrefix(e.key, []byte("x-")) {
		s.report(e.value, "the extension key %q does not begin with x-; better still, use an extension definition", shorten(e.key))
	}
}

func redefinition(s *subject, e extension) {
	if !s.known || !e.defined {
		return
	}
	switch kind := s.str(e.kind); string(kind) {
	case "new-sdo", "new-sco", "new-sro":
		s.report(e.kind, "extension_type is %s, but %s is a type of the Standard, which an extension does not redefine", s.show(e.kind), s.typ)
	}
}

// hasExtensionType reports whether one of the object's extensions has that extension_type.
func (s *subject) hasExtensionType(kind string) bool {
	for _, value := range s.t.Members(s.get(pExtensions)) {
		if s.t.Is(s.t.Member(value, "extension_type"), kind) {
			return true
		}
	}
	return false
}

// extensionKeys checks the keys of extensions that are meant as identifiers (S-015, S-016) and the alphabet of all keys
// (S-028).
func (s *subject) extensionKeys(node int) {
	for name, value := range s.t.Members(node) {
		key := s.t.Bytes(name)
		switch {
		case !dictionaryKey(key):
			s.put("S-028", Error, value, "the extension key %q has characters that a dictionary key may not have; expected at most 250 of A-Z, a-z, 0-9, - and _", shorten(key))
		case bytes.HasPrefix(key, extensionPrefix):
			if _, _, ok := splitID(key); !ok {
				s.put("S-015", Error, value, "the extension key %q is no identifier, expected extension-definition--UUID", shorten(key))
			}
			s.rule = s.m.byID["S-016"]
			s.uuid(name)
		}
	}
}

// reservedNames finds names in extensions that the Standard reserves; at the top level the schemas refuse them.
func reservedNames(s *subject, e extension) {
	if _, ok := s.predefined(e.key); ok {
		return
	}
	for name, value := range s.t.Members(e.value) {
		switch string(s.t.Bytes(name)) {
		case "severity", "username", "phone_number", "action":
			s.warn(value, "the property name %s is reserved, also in an extension; choose another", s.show(name))
		}
	}
}

// isList reports whether the node is a JSON array.
func (s *subject) isList(node int) bool { return s.t.Kind(node) == ijson.Array }

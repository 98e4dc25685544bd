package validate

import (
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// commonRules lists the rules on common properties (section 3.2).
var commonRules = []Rule{
	{ID: "S-047", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.5.1",
		Summary: "An external reference with a url has hashes (one finding an object).", object: hashedReferences},
	seen("S-050", must, layerSemantic, "3.2", "spec_version is 2.1; it may be left out on SCOs only."),
	seen("S-053", must, layerSchema, "3.2", "confidence is an integer from 0 to 100."),
	{ID: "S-054", Level: must, Severity: Error, Layer: layerSemantic, Section: "3.2",
		Summary: "lang is a well-formed language tag of RFC 5646; unregistered ones are a warning.", value: languageTag},
	{ID: "S-055", Level: should, Severity: Warning, Layer: layerSemantic, Section: "3.2",
		Summary: "lang is there where the object has text to translate (not checked: nearly everything leaves it out)."},
	seen("S-063", mustNot, layerSchema, "3.2", "defanged on anything but an SCO."),
	{ID: "S-073", Level: mustNot, Severity: Error, Layer: layerSchema, Section: "3.8",
		Summary: "The reserved property names severity, username, phone_number and action; in an extension: a warning.", object: eachExtension(reservedNames)},
	{ID: "S-074", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "3.2",
		Summary: "A common property stands only on objects it applies to.", object: applicable},
	{ID: "S-082", Level: mustNot, Severity: Error, Layer: layerSemantic, Section: "3.1",
		Summary: "path_enc without path, name_enc without name; another name that ends in _enc without its base: a warning.",
		object:  encodedBase},
	{ID: "S-084", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "2.1, 2.8, 11.1.1",
		Summary: "A custom property whose name ends in _bin or _hex holds base64 or hexadecimal digits."},
}

var (
	pExternalReferences = prop("external_references")
	pName               = prop("name")
	pNameEnc            = prop("name_enc")
	pPath               = prop("path")
	pPathEnc            = prop("path_enc")
)

func hashedReferences(s *subject) {
	refs := s.get(pExternalReferences)
	count, first := 0, -1
	for ref := range s.t.Items(refs) {
		if s.t.Member(ref, "url") >= 0 && s.t.Member(ref, "hashes") < 0 {
			if first < 0 {
				first = ref
			}
			count++
		}
	}
	switch {
	case count == 1:
		s.report(first, "the external reference has a url without hashes, which would tell whether its content has changed")
	case count > 1:
		s.report(first, "this and %d more external references have a url without hashes, which would tell whether their content has changed", count-1)
	}
}

func applicable(s *subject) {
	if s.category == stix.SMO && s.typ == "extension-definition" {
		return // S-192
	}
	for _, name := range s.unapt {
		if b := s.t.Bytes(int(name)); string(b) == "defanged" {
			continue // S-063
		}
		what := "an " + s.category.String()
		if s.category == stix.SMO {
			what = s.typ
		}
		s.report(int(name)+1, "%s is no property of %s; leave it out", s.show(int(name)), what)
	}
}

func encodedBase(s *subject) {
	if enc := s.get(pNameEnc); enc >= 0 && !s.has(pName) {
		s.base(enc, s.typ == "file", "name")
	}
	if enc := s.get(pPathEnc); enc >= 0 && !s.has(pPath) {
		s.base(enc, s.typ == "directory", "path")
	}
	for _, name := range s.custom {
		b := s.t.Bytes(int(name))
		if n := len(b) - len("_enc"); n > 0 && string(b[n:]) == "_enc" && s.member(s.root, b[:n]) < 0 {
			s.base(int(name)+1, false, string(b[:n]))
		}
	}
}

func (s *subject) base(enc int, own bool, base string) {
	const message = "%s is there without %s, whose encoding it names"
	if own {
		s.report(enc, message, s.nameOf(enc), base)
		return
	}
	s.warn(enc, message, s.nameOf(enc), base)
}

// isObject reports whether the node is a JSON object.
func (s *subject) isObject(node int) bool { return s.t.Kind(node) == ijson.Object }

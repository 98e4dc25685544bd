package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// identifierRules lists the rules on an object's own identifier and on what references may name.
var identifierRules = []Rule{
	{ID: "S-016", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.9",
		Summary: "The UUID of an identifier is of RFC 4122's variant and has a version; versions 6 to 8 and upper-case digits are warnings.",
		on:      kindReference, value: referenceUUID, object: ownUUID},
	{ID: "S-017", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.9",
		Summary: "An identifier begins with the object's type.", object: ownType},
	{ID: "S-018", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.9",
		Summary: "The identifier of an SDO, SRO or SMO is a random UUID (version 4).", types: "SDO SRO SMO", object: randomID},
	{ID: "S-019", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.9, 3.4",
		Summary: "The identifier of an SCO is a name-based UUID (version 5).", types: "SCO", object: nameBasedID},
	{ID: "S-020", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.9, 3.4",
		Summary: "A name-based identifier of an SCO is the one that its contributing properties give.", types: "SCO", object: reproducibleID},
	{ID: "S-021", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.9",
		Summary: "An SCO without any contributing property has a random UUID (version 4).",
		types:   "email-message user-account windows-registry-key x509-certificate", object: noNameNoV5},
	{ID: "S-022", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "6.13.1",
		Summary: "The identifier of a process is a random UUID (version 4).", types: "process", object: randomID},
	reference("S-052", definition, "3.2", "created_by_ref names an identity."),
	reference("S-056", definition, "3.2, 3.3, 7.2.2", "object_marking_refs name marking definitions."),
	reference("S-058", definition, "7.2.3", "marking_ref of a granular marking names a marking definition."),
	reference("S-122", must, "4.14.1", "object_refs of observed data name SCOs and SROs, one SCO at least."),
	reference("S-127", definition, "4.4, 4.13, 4.15, 4.16", "object_refs of grouping, note, opinion and report name STIX objects, so no bundle."),
	reference("S-128", must, "4.11.1, 4.12.1", "References to operating systems, host and installed software name software."),
	reference("S-129", definition, "4.11.1, 4.12.1", "sample_refs name files and artifacts, sample_ref network traffic too; analysis_sco_refs name SCOs (else a warning)."),
	reference("S-131", must, "5.1.2", "The ends of a relationship are SDOs or SCOs."),
	reference("S-134", must, "5.2.1", "sighting_of_ref names an SDO."),
	reference("S-135", must, "5.2.1", "observed_data_refs name observed data."),
	reference("S-136", must, "5.2.1", "where_sighted_refs name identities and locations."),
	reference("S-144", must, "6", "Every reference of an SCO and its extensions names an allowed type."),
	reference("S-156", must, "6.7.2", "contains_refs of an archive name files and directories, one file at least."),
	reference("S-180", must, "7.1.1", "object_ref of language content names a STIX object, so no bundle."),
	{ID: "S-197", Level: mustNot, Severity: Error, Layer: layerSemantic, Section: "8.2",
		Summary: "A reference that names a bundle.", on: kindReference, value: namesBundle},
}

// reference returns a row for the allowed targets of a reference; the model says which reference.
func reference(id string, level Level, section, summary string) Rule {
	r := Rule{ID: id, Level: level, Severity: Error, Layer: layerSemantic, Section: section, Summary: summary, value: allowedTarget}
	if id == "S-122" {
		r.object, r.types = observedSCO, "observed-data"
	}
	if id == "S-156" {
		r.object, r.types = archivedFile, "file"
	}
	return r
}

var pID = prop("id")

// uuid checks the UUID of a well-formed identifier.
func (s *subject) uuid(node int) {
	_, u, ok := splitID(s.str(node))
	if !ok {
		return // S-015
	}
	switch variant, version := u[19], u[14]; {
	case bytes.IndexByte([]byte("89abAB"), variant) < 0:
		s.report(node, "%s has the UUID variant %q, expected 8, 9, a or b as the 17th digit (RFC 4122)", s.show(node), variant)
	case version == '0' || version > '8':
		s.report(node, "%s has the UUID version %q, expected 1 to 5", s.show(node), version)
	case version > '5':
		s.warn(node, "%s has the UUID version %q, which RFC 4122 does not know; expected 1 to 5", s.show(node), version)
	case hasUpper(u):
		s.warn(node, "%s has upper-case digits; write them in lower case, identifiers are equal only letter by letter", s.show(node))
	}
}

func referenceUUID(s *subject, _ *property, node int) {
	if s.container == 0 {
		s.uuid(node)
	}
}

func ownUUID(s *subject) { s.uuid(s.get(pID)) }

func ownType(s *subject) {
	id := s.get(pID)
	if typ, _, ok := splitID(s.str(id)); ok && string(typ) != s.typ {
		s.report(id, "the identifier begins with %q and the type is %q; expected %s--UUID", typ, s.typ, s.typ)
	}
}

// idVersion returns the version digit of the object's identifier, or 0 if the identifier is not well-formed.
func (s *subject) idVersion() byte {
	_, u, ok := splitID(s.str(s.get(pID)))
	if !ok || u[14] == '0' || u[14] > '8' {
		return 0
	}
	return u[14]
}

func randomID(s *subject) {
	if v := s.idVersion(); v != 0 && v != '4' {
		s.report(s.get(pID), "the identifier is a UUID of version %c, expected a random one (version 4)", v)
	}
}

func nameBasedID(s *subject) {
	v := s.idVersion()
	if v == 0 || v == '5' || !s.known || s.typ == "process" {
		return // the contributing properties of a custom type are unknown
	}
	if !s.hasContributing() {
		return // S-021
	}
	s.report(s.get(pID), "the identifier is a UUID of version %c, expected version 5 made from the contributing properties, so that others find the same", v)
}

func noNameNoV5(s *subject) {
	if v := s.idVersion(); v != 0 && v != '4' && !s.hasContributing() {
		s.report(s.get(pID), "the identifier is a UUID of version %c, but the object has none of the properties it would be made from (%s); expected version 4",
			v, contributingText(s.typ))
	}
}

// allowedTarget checks that a reference names an allowed type.
func allowedTarget(s *subject, p *property, node int) {
	if s.container > 0 {
		s.containerReference(p, node)
		return
	}
	typ, _, ok := splitID(s.str(node))
	if !ok || p.refs.has(typ) {
		return
	}
	const message = "%s names an object of type %s, expected %s"
	if p.name == "analysis_sco_refs" && string(typ) != "bundle" {
		s.warn(node, message, s.show(node), typ, p.refs.text)
		return
	}
	s.report(node, message, s.show(node), typ, p.refs.text)
}

func namesBundle(s *subject, _ *property, node int) {
	if typ, _, ok := splitID(s.str(node)); ok && string(typ) == "bundle" {
		s.report(node, "%s names a bundle; a bundle is only a wrapper and nothing may refer to it", s.show(node))
	}
}

// observedSCO requires an SCO among the object_refs of observed data. A custom type may be one.
func observedSCO(s *subject) {
	refs := s.get(pObjectRefs)
	if s.t.Kind(refs) != ijson.Array || s.t.Nodes[refs].Count == 0 {
		return
	}
	for item := range s.t.Items(refs) {
		typ, _, ok := splitID(s.str(item))
		if !ok || stix.CategoryOf(string(typ)) != stix.SRO {
			return
		}
	}
	s.report(refs, "object_refs name relationships and sightings only, expected one cyber-observable object at least")
}

var (
	pObjectRefs = prop("object_refs")
	pExtensions = prop("extensions")
)

func archivedFile(s *subject) {
	if s.container > 0 {
		return
	}
	refs := s.t.Member(s.t.Member(s.get(pExtensions), "archive-ext"), "contains_refs")
	if s.t.Kind(refs) != ijson.Array || s.t.Nodes[refs].Count == 0 {
		return
	}
	for item := range s.t.Items(refs) {
		if typ, _, ok := splitID(s.str(item)); !ok || string(typ) != "directory" {
			return
		}
	}
	s.report(refs, "contains_refs of the archive name directories only, expected one file at least")
}

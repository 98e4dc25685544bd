package validate

import (
	"strings"
)

// sroRules lists the rules on STIX Relationship Objects (section 5).
var sroRules = []Rule{
	seen("S-132", must, layerSchema, "5.1.2", "relationship_type has a-z, 0-9 and hyphen, and is not empty."),
	{ID: "S-133", Level: should, Severity: Warning, Layer: layerSemantic, Section: "5.1, 3.7",
		Summary: "The type of a relationship is one that the Standard suggests for its ends.", types: "relationship", object: suggestedRelationship},
	seen("S-137", must, layerSchema, "5.2.1", "count of a sighting is from 0 to 999999999."),
	{ID: "S-210", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "3.7",
		Summary: "derived-from and duplicate-of join objects of one type.", types: "relationship", object: sameTypeEnds},
}

var (
	pRelationshipType = prop("relationship_type")
	pSourceRef        = prop("source_ref")
	pTargetRef        = prop("target_ref")
)

// relationshipText lists the relationships that the Standard suggests (sections 4 to 6): source types, then types of
// relationship with their targets. Every type may also have derived-from, duplicate-of and related-to.
const relationshipText = `
attack-pattern: delivers=malware targets=identity,location,vulnerability uses=malware,tool
campaign: attributed-to=intrusion-set,threat-actor compromises=infrastructure originates-from=location
 targets=identity,location,vulnerability uses=attack-pattern,infrastructure,malware,tool
course-of-action: investigates=indicator mitigates=attack-pattern,indicator,malware,tool,vulnerability
 remediates=malware,vulnerability
identity: located-at=location
indicator: indicates=attack-pattern,campaign,infrastructure,intrusion-set,malware,threat-actor,tool based-on=observed-data
infrastructure: communicates-with=infrastructure,ipv4-addr,ipv6-addr,domain-name,url controls=infrastructure,malware
 consists-of=infrastructure,observed-data,SCO delivers=malware has=vulnerability hosts=tool,malware located-at=location
 uses=infrastructure
intrusion-set: attributed-to=threat-actor compromises=infrastructure hosts=infrastructure owns=infrastructure
 originates-from=location targets=identity,location,vulnerability uses=attack-pattern,infrastructure,malware,tool
malware: authored-by=threat-actor,intrusion-set beacons-to=infrastructure exfiltrates-to=infrastructure
 communicates-with=ipv4-addr,ipv6-addr,domain-name,url controls=malware downloads=malware,tool,file
 drops=malware,tool,file exploits=vulnerability originates-from=location
 targets=identity,infrastructure,location,vulnerability uses=attack-pattern,infrastructure,malware,tool
 variant-of=malware
malware-analysis: characterizes=malware av-analysis-of=malware static-analysis-of=malware dynamic-analysis-of=malware
threat-actor: attributed-to=identity compromises=infrastructure hosts=infrastructure owns=infrastructure
 impersonates=identity located-at=location targets=identity,location,vulnerability
 uses=attack-pattern,infrastructure,malware,tool
tool: delivers=malware drops=malware has=vulnerability uses=infrastructure
 targets=identity,infrastructure,location,vulnerability
domain-name: resolves-to=domain-name,ipv4-addr,ipv6-addr
ipv4-addr: resolves-to=mac-addr belongs-to=autonomous-system
ipv6-addr: resolves-to=mac-addr belongs-to=autonomous-system
`

// relationships holds relationshipText by source type and type of relationship.
var relationships = func() map[string]map[string]typeSet {
	all := map[string]map[string]typeSet{}
	for _, line := range strings.Split(strings.ReplaceAll(relationshipText, "\n ", " "), "\n") {
		source, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		all[source] = map[string]typeSet{}
		for word := range strings.FieldsSeq(rest) {
			typ, targets, _ := strings.Cut(word, "=")
			all[source][typ] = parseTypeSet(targets)
		}
	}
	return all
}()

// ends returns the object types at the ends of a relationship. ok reports whether both identifiers are well-formed.
func (s *subject) ends() (source, target []byte, ok bool) {
	source, _, okSource := splitID(s.str(s.get(pSourceRef)))
	target, _, okTarget := splitID(s.str(s.get(pTargetRef)))
	return source, target, okSource && okTarget
}

func suggestedRelationship(s *subject) {
	node := s.get(pRelationshipType)
	typ := s.str(node)
	source, target, ok := s.ends()
	if !ok || !relationshipForm(typ) || isCustomType(source) || isCustomType(target) {
		return
	}
	switch string(typ) {
	case "derived-from", "duplicate-of", "related-to":
		return
	}
	targets, known := relationships[string(source)][string(typ)]
	switch {
	case !known:
		s.report(node, "%s is no relationship that the Standard suggests for a %s", s.show(node), source)
	case !targets.has(target):
		s.report(node, "%s leads from %s to %s here, the Standard suggests %s", s.show(node), source, target, targets.text)
	}
}

func isCustomType(typ []byte) bool {
	_, standard := typeBits[string(typ)]
	return !standard
}

func sameTypeEnds(s *subject) {
	node := s.get(pRelationshipType)
	if !s.t.Is(node, "derived-from") && !s.t.Is(node, "duplicate-of") {
		return
	}
	if source, target, ok := s.ends(); ok && string(source) != string(target) {
		s.report(node, "%s joins a %s and a %s, expected two objects of one type", s.show(node), source, target)
	}
}

// relationshipForm reports whether b has the form that S-132 requires of a type of relationship.
func relationshipForm(b []byte) bool {
	for _, c := range b {
		if !('a' <= c && c <= 'z') && !isDigit(c) && c != '-' {
			return false
		}
	}
	return len(b) > 0
}

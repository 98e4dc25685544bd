package stix

// Category is the kind of STIX Object that a type is (STIX 2.1, section 1.2.2). It decides which common properties
// apply.
type Category uint8

// The categories. A type that the Standard does not define is Unknown.
const (
	Unknown Category = iota
	SDO              // STIX Domain Object
	SRO              // STIX Relationship Object
	SCO              // STIX Cyber-observable Object
	SMO              // STIX Meta Object
)

// String returns the Standard's abbreviation, or "custom" for Unknown.
func (c Category) String() string {
	switch c {
	case SDO:
		return "SDO"
	case SRO:
		return "SRO"
	case SCO:
		return "SCO"
	case SMO:
		return "SMO"
	}
	return "custom"
}

// CategoryOf returns the category of an object type that STIX 2.1 defines. A bundle is not a STIX Object and so
// Unknown.
func CategoryOf(typ string) Category {
	switch typ {
	case "attack-pattern", "campaign", "course-of-action", "grouping", "identity", "incident", "indicator",
		"infrastructure", "intrusion-set", "location", "malware", "malware-analysis", "note", "observed-data",
		"opinion", "report", "threat-actor", "tool", "vulnerability":
		return SDO
	case "relationship", "sighting":
		return SRO
	case "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file",
		"ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url",
		"user-account", "windows-registry-key", "x509-certificate":
		return SCO
	case "extension-definition", "language-content", "marking-definition":
		return SMO
	}
	return Unknown
}

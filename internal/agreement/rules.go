package agreement

import "github.com/accord-taxii/accord/stix/validate"

// Rule is one row of the table of terms that objects are checked against when they are added.
type Rule struct {
	ID       string
	Term     string // as it is written in the apply file, "" for a rule that holds always
	Severity validate.Severity
	Summary  string // what is required
	Example  string // terms on one line, and an object that breaks them on the next
}

// Rules returns the table, in the order the rules are reported.
func Rules() []Rule {
	rules := make([]Rule, len(acceptRules))
	for i, r := range acceptRules {
		words := ruleWords[r.id]
		rules[i] = Rule{ID: r.id, Term: r.term, Severity: r.severity, Summary: words[0], Example: words[1]}
		if words[0] == "" {
			rules[i].Summary = "The term " + r.term + " holds."
		}
	}
	return rules
}

var ruleWords = map[string][2]string{
	"A-001": {"The object is of a type that the agreement takes; the TLP markings always are.", `accept: {types: [malware]}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z"}`},
	"A-002": {"The object is of a version of STIX that the agreement takes; 2.1 where it does not say.", `accept: {spec_versions: ['2.0']}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z"}`},
	"A-003": {"The most restrictive marking of the object is within the agreement's ceiling.", `accept: {max_tlp: green}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "object_marking_refs": ["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"]}`},
	"A-004": {"The object is marked; marking definitions excepted.", `accept: {require_marking: true}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z"}`},
	"A-005": {"The object was created by the identity of the party that adds it; observables and TLP markings excepted.", `accept: {created_by: party}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "created_by_ref": "identity--9c5d2a41-70f3-4d8e-b6a2-1e8f0c3d7b95"}`},
	"A-006": {"The version is dated at most a day ahead of the server's clock; a warning where the agreement does not reject it.", `accept: {future_modified: reject}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "9999-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z"}`},
	"A-007": {"Every marking of the object is one that the server understands.", `accept: {markings: {carry: [statement]}}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "object_marking_refs": ["marking-definition--6e0f1f3b-58d4-4f0b-8c1e-9d7a2b3c4d5e"]}`},
	"A-008": {"Nothing warns about the object.", `accept: {warnings: reject}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "x_quay": "north"}`},
	"A-009": {"The PAP level of the object is within the agreement's ceiling.", `accept: {max_pap: green}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "object_marking_refs": ["marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab"]}`},
	"A-010": {"The definition of each marking is the sender's own, or sent along.", `accept: {}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "object_marking_refs": ["marking-definition--7a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"]}`},
	"A-011": {"An object whose author consents to be named to nobody does not name it where other members read it.", `accept: {consent: members}
{"type": "indicator", "spec_version": "2.1", "id": "indicator--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "created": "2026-02-03T04:05:06.000Z", "modified": "2026-02-03T04:05:06.000Z", "name": "Relay of a shipping lure", "description": "Seen at two ports", "indicator_types": ["malicious-activity"], "pattern": "[domain-name:value = 'relay.example']", "pattern_type": "stix", "pattern_version": "2.1", "valid_from": "2026-02-03T04:05:06Z", "created_by_ref": "identity--9c5d2a41-70f3-4d8e-b6a2-1e8f0c3d7b95", "labels": ["ais-consent-none"]}`},
}

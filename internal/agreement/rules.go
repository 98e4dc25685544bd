package agreement

import "github.com/accord-taxii/accord/stix/validate"

// Rule is one row of the table of terms that objects are checked against when they are added.
type Rule struct {
	ID       string
	Term     string // as it is written in the apply file, "" for a rule that holds always
	Severity validate.Severity
	Summary  string // what is required
	Example  string // terms, and an object that breaks them
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
	"A-001": {"The object is of a type that the agreement takes.", "accept: {types: [indicator]} and an object of type malware"},
	"A-002": {"The object is of a version of STIX that the agreement takes; 2.1 where it does not say.", "accept: {spec_versions: ['2.1']} and an object without spec_version that is no cyber-observable"},
	"A-003": {"The most restrictive marking of the object is within the agreement's ceiling.", "accept: {max_tlp: green} and an object marked TLP:AMBER"},
	"A-004": {"The object is marked; marking definitions excepted.", "accept: {require_marking: true} and an object without object_marking_refs and granular_markings"},
	"A-005": {"The object was created by the identity of the party that adds it.", "accept: {created_by: party} and an object whose created_by_ref is another organisation's identity"},
	"A-006": {"The version is dated at most a day ahead of the server's clock; a warning where the agreement does not reject it.", "an object whose modified is next month"},
	"A-007": {"Every marking of the object is one that the server understands.", "an object that is marked with a statement of its producer's own"},
	"A-008": {"Nothing warns about the object.", "accept: {warnings: reject} and an indicator without a description"},
	"A-009": {"The PAP level of the object is within the agreement's ceiling.", "accept: {max_pap: green} and an object marked PAP:AMBER"},
	"A-010": {"The definition of each marking is the sender's own, or sent along.", "an object marked with a definition that another party has added"},
}

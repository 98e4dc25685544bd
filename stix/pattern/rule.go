package pattern

// The rules of the table that more than one function reports.
const (
	ruleGrammar   = "S-301"
	ruleHex       = "S-303"
	ruleBinary    = "S-304"
	ruleNumber    = "S-305"
	ruleTimestamp = "S-306"
	ruleRepeats   = "S-307"
	ruleWithin    = "S-308"
	ruleQualifier = "S-309"
	ruleStartStop = "S-310"
	ruleWindow    = "S-311"
	ruleValidity  = "S-312"
	ruleOneObject = "S-313"
	ruleType      = "S-314"
	ruleProperty  = "S-315"
	ruleQuotedKey = "S-316"
	ruleIndex     = "S-317"
	ruleStep      = "S-318"
	ruleKind      = "S-319"
	ruleSet       = "S-320"
	ruleRegex     = "S-321"
	ruleAddress   = "S-322"
	ruleLimit     = "S-323"
	ruleHash      = "S-324"
	ruleVersion   = "S-325"
)

// sections maps each rule to its section in the Standard.
var sections = map[string]string{
	"S-301": "9.4", "S-302": "9.2", "S-303": "9.2", "S-304": "9.2", "S-305": "9.2", "S-306": "9.2",
	"S-307": "9.5.1", "S-308": "9.5.1", "S-309": "9.5.1", "S-310": "9.5.1", "S-311": "9.5.1", "S-312": "9.5.1",
	"S-313": "9.5", "S-314": "9.7", "S-315": "9.7", "S-316": "9.7", "S-317": "9.7.2", "S-318": "9.7.2",
	"S-319": "9.6.1", "S-320": "9.6.1", "S-321": "9.6.1", "S-322": "9.6.1", "S-323": "D", "S-324": "10.7", "S-325": "4.7.1",
}

// Rule is one row of the table of rules on patterns.
type Rule struct {
	ID      string
	Section string // of the STIX 2.1 Standard
	Level   string // the keyword with which the Standard states it
	Warning bool   // breaking it is a warning, unless the finding says otherwise
	Summary string // what is required, or forbidden for MUST NOT
}

// Rules returns the table, in order.
func Rules() []Rule {
	rules := make([]Rule, len(rows))
	for i, r := range rows {
		r.Section = sections[r.ID]
		rules[i] = r
	}
	return rules
}

var rows = []Rule{
	{ID: "S-301", Level: "MUST", Summary: "A pattern derives from the grammar; ==, <> and a plus sign: a warning."},
	{ID: "S-302", Level: "MUST", Summary: "A backslash in a string stands before an apostrophe or a backslash."},
	{ID: "S-303", Level: "MUST", Summary: "A hex constant has pairs of hexadecimal digits; capitals: a warning."},
	{ID: "S-304", Level: "MUST", Summary: "A binary constant is base64 with padding."},
	{ID: "S-305", Level: "MUST", Warning: true, Summary: "A number has no plus sign and is in the range of its type."},
	{ID: "S-306", Level: "MUST", Summary: "A timestamp names a date and a time of day that exist; second 60 where there is no leap second: a warning."},
	{ID: "S-307", Level: "MUST", Summary: "REPEATS has a positive integer."},
	{ID: "S-308", Level: "MUST", Summary: "WITHIN has a positive number of SECONDS."},
	{ID: "S-309", Level: "MUST NOT", Summary: "One kind of qualifier twice on one observation expression."},
	{ID: "S-310", Level: "MUST", Summary: "START and STOP come together, each with a timestamp."},
	{ID: "S-311", Level: "recommendation", Warning: true, Summary: "START is before STOP."},
	{ID: "S-312", Level: "SHOULD", Warning: true, Summary: "START is not before valid_from of the indicator, STOP not after its valid_until."},
	{ID: "S-313", Level: "MUST", Summary: "What AND joins inside brackets can be true of one object."},
	{ID: "S-314", Level: "MUST", Summary: "The type of an object path is that of a cyber-observable; one that is no name of a type: a warning."},
	{ID: "S-315", Level: "MUST", Warning: true, Summary: "Each key of an object path is a property of what stands before it."},
	{ID: "S-316", Level: "MUST", Summary: "A key with a hyphen or a dot stands between apostrophes."},
	{ID: "S-317", Level: "MUST", Summary: "An index is an integer from 0, or *."},
	{ID: "S-318", Level: "MUST", Warning: true, Summary: "An index follows a list, a key an object, a dictionary or a reference."},
	{ID: "S-319", Level: "MUST", Warning: true, Summary: "A constant can be compared with the property."},
	{ID: "S-320", Level: "MUST", Summary: "IN has constants of one kind, at least one."},
	{ID: "S-321", Level: "MUST", Warning: true, Summary: "MATCHES has a regular expression of PCRE."},
	{ID: "S-322", Level: "MUST", Summary: "ISSUBSET and ISSUPERSET compare the value of an ipv4-addr or ipv6-addr with an address or a block of one; a path that may end in one: a warning."},
	{ID: "S-323", Level: "recommendation", Summary: "Length, depth and number of comparisons are within bounds."},
	{ID: "S-324", Level: "recommendation", Warning: true, Summary: "A hash has the form of its algorithm."},
	{ID: "S-325", Level: "definition", Summary: "A pattern of version 2.0, and one of STIX 2.0, has no EXISTS."},
}

package validate

// Severity says what a finding means for an object.
type Severity uint8

// The severities.
const (
	Error   Severity = iota + 1 // breaks a MUST: the object is refused
	Warning                     // breaks a SHOULD, or a MUST that real content breaks harmlessly: kept, and said
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Finding is one thing that validation has to say about an object.
type Finding struct {
	Rule     string // S-nnn of the rule table, A-nnn for a term of the agreement
	Severity Severity
	Path     string // JSON pointer (RFC 6901) into the object, "" for the object itself
	Message  string // what was found there and what would be right
	Section  string // of the STIX 2.1 Standard that the rule restates
}

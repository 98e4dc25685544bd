package pattern

// Finding is one fault that Check found in a pattern, or one warning.
type Finding struct {
	Rule    string // S-301 to S-325
	Section string // of the STIX 2.1 Standard that the rule restates
	Warning bool   // the finding does not refuse the pattern
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what was found there and what would be right
}

// Valid reports whether no finding refuses the pattern.
func Valid(findings []Finding) bool {
	for i := range findings {
		if !findings[i].Warning {
			return false
		}
	}
	return true
}

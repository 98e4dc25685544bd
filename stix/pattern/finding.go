package pattern

// Finding is one thing that checking has to say about a pattern.
type Finding struct {
	Rule    string // S-301 to S-325
	Section string // of the STIX 2.1 Standard that the rule restates
	Warning bool   // the pattern is kept; without it, refused
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what was found there and what would be right
}

// Valid reports whether none of the findings refuses the pattern.
func Valid(findings []Finding) bool {
	for i := range findings {
		if !findings[i].Warning {
			return false
		}
	}
	return true
}

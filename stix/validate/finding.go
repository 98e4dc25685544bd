package validate

import (
	"slices"
	"strings"
)

// Severity is what a finding means for an object.
type Severity uint8

// The severities.
const (
	Error   Severity = iota + 1 // breaks a MUST: the object is refused
	Warning                     // breaks a SHOULD, or a MUST that real content breaks harmlessly: the object is stored
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Finding is one error or warning of validation about an object.
type Finding struct {
	Rule     string // S-nnn of the rule table, A-nnn for a term of the agreement
	Severity Severity
	Path     string // JSON pointer (RFC 6901) into the object, "" for the object itself
	Message  string // what was found there and what would be right
	Section  string // of the STIX 2.1 Standard that the rule restates
}

// Invalid reports whether one of the findings is an error, so that the object is refused.
func Invalid(findings []Finding) bool {
	for i := range findings {
		if findings[i].Severity == Error {
			return true
		}
	}
	return false
}

// collector collects the findings of one object, up to a limit for each severity, so that warnings never displace an
// error.
type collector struct {
	most             int
	errors, warnings []Finding
}

// full reports whether another finding of this severity would be dropped, so that its message need not be made.
func (c *collector) full(sev Severity) bool {
	if sev == Error {
		return len(c.errors) >= c.most
	}
	return len(c.warnings) >= c.most
}

func (c *collector) add(f Finding) {
	switch {
	case c.full(f.Severity):
	case f.Severity == Error:
		c.errors = append(c.errors, f)
	default:
		c.warnings = append(c.warnings, f)
	}
}

// all returns the collected findings up to the limit: errors first, each severity in the order of the rule table and
// the findings of one rule in the order of the document. The caller owns the slice.
func (c *collector) all() []Finding {
	if len(c.errors)+len(c.warnings) == 0 {
		return nil
	}
	byRule := func(a, b Finding) int { return strings.Compare(a.Rule, b.Rule) }
	slices.SortStableFunc(c.errors, byRule)
	slices.SortStableFunc(c.warnings, byRule)
	all := make([]Finding, 0, min(len(c.errors)+len(c.warnings), c.most))
	all = append(all, c.errors[:min(len(c.errors), c.most)]...)
	return append(all, c.warnings[:min(len(c.warnings), c.most-len(all))]...)
}

func (c *collector) reset(most int) {
	c.most = most
	clear(c.errors)
	clear(c.warnings)
	c.errors, c.warnings = c.errors[:0], c.warnings[:0]
}

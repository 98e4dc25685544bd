package pattern

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/accord-taxii/accord/stix"
)

// CheckOptions describe the indicator that a pattern belongs to. Zero values are the defaults.
type CheckOptions struct {
	Version    string       // the indicator's pattern_version: "2.0" has no EXISTS; any other value means 2.1
	ValidFrom  stix.Instant // the indicator's valid_from; zero: not looked at
	ValidUntil stix.Instant // the indicator's valid_until; zero: not looked at
	Findings   int          // most errors reported, and most warnings; default 100
}

const defaultFindings = 100

// Validate checks a pattern and returns its findings: that of a syntax error, or all that Check returns. The pattern is
// valid if Valid returns true for them. version is the indicator's pattern_version, or "" if it has none.
func Validate(text string, version string) []Finding {
	return ValidateIn(text, CheckOptions{Version: version})
}

// ValidateIn is like Validate, with options.
func ValidateIn(text string, opts CheckOptions) []Finding {
	p, err := Parse(text, Options{Version: opts.Version})
	if err != nil {
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			return []Finding{syntax.Finding()}
		}
		return []Finding{{Rule: ruleGrammar, Section: sections[ruleGrammar], Line: 1, Column: 1, Message: err.Error()}}
	}
	return Check(p, opts)
}

// Check returns what is wrong with a parsed pattern, in the order of its text. The list is bounded, but if the pattern
// has an error it includes one.
func Check(p *Pattern, opts CheckOptions) []Finding {
	if opts.Findings <= 0 {
		opts.Findings = defaultFindings
	}
	c := checker{opts: opts}
	c.observation(p.Root)
	return c.report(p.text)
}

// note is a finding with an offset in place of a line and column.
type note struct {
	rule    string
	warning bool
	offset  int
	message string
}

type checker struct {
	opts             CheckOptions
	notes            []note
	errors, warnings int

	walk pathWalk // reused for every path
}

func (c *checker) refuse(rule string, offset int, message string) {
	if c.errors++; c.errors <= c.opts.Findings {
		c.notes = append(c.notes, note{rule, false, offset, message})
	}
}

func (c *checker) warn(rule string, offset int, message string) {
	if c.warnings++; c.warnings <= c.opts.Findings {
		c.notes = append(c.notes, note{rule, true, offset, message})
	}
}

// full reports whether a further warning would be dropped, so that its message need not be composed.
func (c *checker) full() bool { return c.warnings >= c.opts.Findings }

// report sorts the notes by offset and turns offsets into lines and columns, reading the text once.
func (c *checker) report(text string) []Finding {
	if len(c.notes) == 0 {
		return nil
	}
	slices.SortStableFunc(c.notes, func(a, b note) int { return cmp.Compare(a.offset, b.offset) })
	findings := make([]Finding, len(c.notes))
	line, column, read := 1, 1, 0
	for i, n := range c.notes {
		between := text[read:n.offset]
		if feed := strings.LastIndexByte(between, '\n'); feed >= 0 {
			line += strings.Count(between, "\n")
			column, between = 1, between[feed+1:]
		}
		column += utf8.RuneCountInString(between)
		read = n.offset
		findings[i] = Finding{Rule: n.rule, Section: sections[n.rule], Warning: n.warning, Line: line, Column: column, Message: n.message}
	}
	return findings
}

func (c *checker) observation(o Observation) {
	switch o := o.(type) {
	case *Joined:
		for _, part := range o.Parts {
			c.observation(part)
		}
	case *Group:
		c.observation(o.Inner)
	case *Qualified:
		c.observation(o.Inner)
		c.qualifiers(o.Qualifiers)
	case *Bracket:
		c.comparison(o.Comparison)
		c.oneObject(o.Comparison)
	}
}

func (c *checker) comparison(cmp Comparison) {
	switch cmp := cmp.(type) {
	case *Combined:
		for _, part := range cmp.Parts {
			c.comparison(part)
		}
	case *Parens:
		c.comparison(cmp.Inner)
	case *Test:
		c.test(cmp)
	}
}

// test checks one comparison: its spelling, its constants, its type, its path, and whether these fit together.
func (c *checker) test(t *Test) {
	switch t.Spelling {
	case "==":
		c.warn(ruleGrammar, t.OpOffset, "found ==, which the Standard does not have; write =")
	case "<>":
		c.warn(ruleGrammar, t.OpOffset, "found <>, which the Standard does not have; write !=")
	}
	if t.Operator == Exists && c.opts.Version == version20 {
		c.refuse(ruleVersion, t.OpOffset, "found EXISTS, which came with version 2.1, in a pattern of version 2.0; "+
			"state pattern_version 2.1 or test the property with an operator of 2.0")
	}
	for i := range t.Values {
		c.constant(&t.Values[i])
	}
	c.objectType(&t.Path)
	c.reserved(&t.Path)
	c.path(t)
	switch t.Operator {
	case In:
		c.oneKind(t)
	case Matches:
		c.regex(t)
	case IsSubset, IsSuperset:
		c.address(t)
	}
	c.hash(t)
}

// reserved warns of the one word that the OASIS parser reserves and the Standard does not.
func (c *checker) reserved(p *Path) {
	if p.Type == "LAST" {
		c.warn(ruleGrammar, p.Offset, "found LAST as an object type, which some parsers take for a keyword")
	}
	for i := range p.Steps {
		if step := &p.Steps[i]; step.Kind == Key && step.Text == "LAST" {
			c.warn(ruleGrammar, step.Offset, "found LAST as a key, which some parsers take for a keyword; write 'LAST' between apostrophes")
		}
	}
}

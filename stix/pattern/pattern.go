package pattern

import (
	"strings"
	"unicode/utf8"
)

// The limits that hold where Options say nothing (rule S-323). They are far above what patterns in the field need and far
// below what could hurt: the deepest pattern of the public collections nests three levels.
const (
	MaxLength = 1 << 20 // bytes
	MaxDepth  = 256     // parentheses within each other, of observations and comparisons together
	MaxTests  = 50_000  // comparisons in one pattern
)

// Options bound what Parse takes, and say which edition of the language it is. Zero values are the defaults.
type Options struct {
	Length  int    // most bytes; default MaxLength
	Depth   int    // most parentheses within each other; default MaxDepth
	Tests   int    // most comparisons; default MaxTests
	Version string // the indicator's pattern_version: in "2.0" EXISTS is a word like any other; else 2.1
}

func (o Options) withDefaults() Options {
	if o.Length <= 0 {
		o.Length = MaxLength
	}
	if o.Depth <= 0 {
		o.Depth = MaxDepth
	}
	if o.Tests <= 0 {
		o.Tests = MaxTests
	}
	return o
}

// version20 is the pattern_version whose grammar has no EXISTS (rule S-325).
const version20 = "2.0"

// Pattern is a pattern that was parsed.
type Pattern struct {
	Root Observation
	text string

	// The nodes of a pattern with one short comparison, as most are, live here, so that parsing it allocates once.
	bracket [1]Bracket
	test    [1]Test
	steps   [3]Step
	value   [1]Constant
}

// Text is the text that was parsed.
func (p *Pattern) Text() string { return p.text }

// Position turns an offset in bytes into a line and a column, both from 1; columns count characters. Lines end at a line
// feed.
func (p *Pattern) Position(offset int) (line, column int) { return position(p.text, offset) }

func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before[:start], "\n"), 1 + utf8.RuneCountInString(before[start:])
}

// Parse reads a pattern. The error is a *SyntaxError and then the pattern is nil. What the grammar takes and another rule
// forbids (REPEATS 0 TIMES, the thirtieth of February) is left to Check.
func Parse(text string, opts Options) (*Pattern, error) {
	opts = opts.withDefaults()
	pt := &Pattern{text: text}
	p := parser{scanner: scanner{text: text}, opts: opts, pattern: pt}
	pt.Root = p.whole()
	if p.err != nil {
		return nil, p.err
	}
	return pt, nil
}

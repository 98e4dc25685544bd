package pattern

import (
	"strings"
	"unicode/utf8"
)

// The default limits of Options (rule S-323). They are far above what real patterns need and far below what could do
// harm: the deepest pattern in the public collections nests three levels.
const (
	MaxLength = 1 << 20 // bytes
	MaxDepth  = 256     // nested parentheses, of observations and comparisons together
	MaxTests  = 50_000  // comparisons in one pattern
)

// Options limit what Parse accepts, and select the version of the language. Zero values are the defaults.
type Options struct {
	Length  int    // most bytes; default MaxLength
	Depth   int    // most nested parentheses; default MaxDepth
	Tests   int    // most comparisons; default MaxTests
	Version string // the indicator's pattern_version: in "2.0" EXISTS is an ordinary word; any other value means 2.1
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

// Pattern is a parsed pattern.
type Pattern struct {
	Root Observation
	text string

	// The nodes of a pattern with one short comparison, like most patterns, are here, so that parsing allocates once.
	bracket [1]Bracket
	test    [1]Test
	steps   [3]Step
	value   [1]Constant
}

// Text returns the text that was parsed.
func (p *Pattern) Text() string { return p.text }

// Position turns an offset in bytes into a line and a column, both from 1; columns count characters. Lines end at a line
// feed.
func (p *Pattern) Position(offset int) (line, column int) { return position(p.text, offset) }

func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before[:start], "\n"), 1 + utf8.RuneCountInString(before[start:])
}

// Parse reads a pattern. The error is a *SyntaxError and then the pattern is nil. Check finds what the grammar allows
// and another rule forbids (REPEATS 0 TIMES, the thirtieth of February).
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

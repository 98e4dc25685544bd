package pattern

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError reports where a text stops being a pattern.
type SyntaxError struct {
	Rule     string // in the rule table: S-301 for the grammar, or a more specific one
	Line     int    // from 1
	Column   int    // from 1, in characters
	Found    string // what is there, in words
	Expected string // what could be there; "" if that would not help
	Message  string // the whole in one sentence, without the place
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Finding returns the error as a finding, which refuses the pattern.
func (e *SyntaxError) Finding() Finding {
	return Finding{Rule: e.Rule, Section: sections[e.Rule], Line: e.Line, Column: e.Column, Message: e.Message}
}

// clip shortens a piece of the text for a message and keeps it on one line: invisible characters are written as
// escapes.
func clip(s string) string {
	const most = 60
	more := ""
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s, more = s[:cut], "…"
	}
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0 {
		return s + more
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsGraphic(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	return b.String() + more
}

// character returns a visible name of a character for a message.
func character(r rune) string {
	if unicode.IsGraphic(r) && r != ' ' {
		return fmt.Sprintf("%c (U+%04X)", r, r)
	}
	return fmt.Sprintf("U+%04X", r)
}

// strayHint returns advice about a character that begins no token.
func strayHint(r rune, rest string) string {
	switch r {
	case '"', '“', '”', '‘', '’', '`', '´':
		return "strings and keys stand between apostrophes ' (U+0027)"
	case '/', '#':
		if strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") || r == '#' {
			return "a pattern has no comments"
		}
	case '&':
		return "write AND"
	case '|':
		return "write OR"
	case '!':
		return "write !=, or NOT before the operator"
	case '\uFEFF':
		return "a byte order mark does not belong into a pattern"
	case '{', '}':
		return "a pattern has square brackets and parentheses"
	case '-', '+':
		return "a sign stands directly before its number"
	}
	return ""
}

// wordHint returns advice about a misplaced word.
func wordHint(word, expected string) string {
	upper := strings.ToUpper(word)
	if kind := keyword(upper); kind != tokenWord && upper != word {
		return "keywords are written in capitals: " + upper
	}
	if lower := strings.ToLower(word); lower != word && (lower == "true" || lower == "false") {
		return "write " + lower
	}
	switch upper {
	case "MINUTES", "HOURS", "DAYS", "MILLISECONDS", "SECOND", "MINUTE", "HOUR", "DAY":
		return "the only unit is SECONDS"
	case "NULL", "NONE":
		return "STIX has no null"
	}
	if strings.HasPrefix(expected, "a constant") || strings.HasPrefix(expected, "a string") {
		return "strings stand between apostrophes '…'"
	}
	return ""
}

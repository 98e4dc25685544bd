package control

import (
	"errors"
	"strings"
	"unicode"
)

// Acts reports whether a character acts instead of being shown: C0, DEL and C1, those that end a line or a paragraph, and those
// that change the direction in which text is shown.
func Acts(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// ErrActs is the error about a text that is to be one line.
var ErrActs = errors.New("has a line break or another control character in it, want one line")

// CheckLine returns ErrActs if a text of one line has a character that acts.
func CheckLine(s string) error {
	if strings.ContainsFunc(s, Acts) {
		return ErrActs
	}
	return nil
}

// Clean replaces each character that acts with U+FFFD.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if Acts(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

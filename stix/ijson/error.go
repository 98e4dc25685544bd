package ijson

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Code is the kind of fault in a text.
type Code uint8

// The faults. The first four mean that the text is not JSON at all, the others that it is JSON but refused.
const (
	Syntax     Code = iota + 1 // RFC 8259 grammar
	UTF8                       // an invalid byte sequence (RFC 8259, section 8.1)
	BOM                        // a byte order mark at the start
	Empty                      // nothing but white space
	Surrogate                  // an unpaired surrogate (RFC 7493, section 2.1)
	Duplicate                  // a member name twice in one object (RFC 7493, section 2.3)
	Depth                      // nested deeper than Limits.Depth
	TooLarge                   // longer than Limits.Bytes, or than 4 GiB, which spans cannot address
	LongString                 // a string longer than Limits.StringBytes
)

// Malformed reports whether the code means that the text is not JSON at all.
func (c Code) Malformed() bool { return c >= Syntax && c <= Empty }

// Error is the first fault of a text: of the malformed kind if there is one.
type Error struct {
	Code    Code
	Offset  int    // bytes from the start of the given text
	Message string // what was found and what would be right
	Path    string // JSON pointer of the member, for Duplicate and LongString, and for Surrogate if known
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s at byte %d", e.Message, e.Offset)
}

// Position turns an offset into a line and a column, both from 1; the column counts characters.
func Position(text []byte, offset int) (line, column int) {
	if offset > len(text) {
		offset = len(text)
	}
	before := text[:offset]
	line = 1 + bytes.Count(before, []byte{'\n'})
	start := bytes.LastIndexByte(before, '\n') + 1
	return line, 1 + utf8.RuneCount(before[start:])
}

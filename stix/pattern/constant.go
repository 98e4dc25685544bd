package pattern

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// Kind is the kind of a constant (section 9.2).
type Kind uint8

// The kinds of constants.
const (
	Integer Kind = iota + 1
	Float
	String
	Boolean
	Hex
	Binary
	Timestamp
)

// String returns the Standard's name for the kind.
func (k Kind) String() string {
	switch k {
	case Integer:
		return "integer"
	case Float:
		return "float"
	case String:
		return "string"
	case Boolean:
		return "boolean"
	case Hex:
		return "hex"
	case Binary:
		return "binary"
	case Timestamp:
		return "timestamp"
	}
	return "unknown"
}

// Constant is a constant as written: its digits or word, or its apostrophes with their prefix and content. The zero
// Constant means no constant.
type Constant struct {
	Kind   Kind
	Text   string
	Offset int
}

// Content returns the text between the apostrophes: without escapes for a String, as written for a Timestamp, Hex or
// Binary. For other kinds it returns the whole text.
func (c Constant) Content() string {
	switch c.Kind {
	case String:
		return unescape(c.Text[1 : len(c.Text)-1])
	case Hex, Binary, Timestamp:
		if c.Text[0] == '\'' { // START and STOP of STIX 2.0
			return c.Text[1 : len(c.Text)-1]
		}
		return c.Text[2 : len(c.Text)-1]
	}
	return c.Text
}

// Octets returns the value of a Hex or Binary constant.
func (c Constant) Octets() ([]byte, error) {
	switch c.Kind {
	case Hex:
		return hex.DecodeString(c.Content())
	case Binary:
		return base64.StdEncoding.DecodeString(c.Content())
	}
	return nil, fmt.Errorf("a constant of kind %s has no octets", c.Kind)
}

// Instant returns the value of a Timestamp constant.
func (c Constant) Instant() (stix.Instant, error) {
	if c.Kind != Timestamp {
		return stix.Instant{}, fmt.Errorf("a constant of kind %s is no timestamp", c.Kind)
	}
	return stix.ParseInstant(c.Content())
}

// unescape resolves \' and \\, the only escapes.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

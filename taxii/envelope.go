package taxii

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// EnvelopeLimits bounds what SplitEnvelope accepts. Zero values mean the defaults.
type EnvelopeLimits struct {
	Depth   int // how deep lists and objects nest within one object, itself included; DefaultDepth
	Objects int // objects in an envelope; DefaultObjects
}

// Defaults of EnvelopeLimits.
const (
	DefaultDepth   = 100
	DefaultObjects = 100_000
)

func (l EnvelopeLimits) orDefault() EnvelopeLimits {
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Objects <= 0 {
		l.Objects = DefaultObjects
	}
	return l
}

// SplitCode says why a body is no envelope.
type SplitCode uint8

// The reasons. NotJSON is about the envelope's own text only: SplitEnvelope does not parse objects.
const (
	NotJSON        SplitCode = iota + 1
	NotEnvelope              // JSON, but no object with a list of objects in "objects"
	NotObject                // an item of "objects" is no object
	DuplicateName            // a member name twice in the envelope
	TooDeep                  // beyond EnvelopeLimits.Depth
	TooManyObjects           // beyond EnvelopeLimits.Objects
)

// SplitError says why a body is no envelope, and where: 422 (section 5.5).
type SplitError struct {
	Code    SplitCode
	Message string // what was found and what would be right
	Offset  int    // octets from the start of the body
	Line    int    // from 1
	Column  int    // from 1, in characters
}

func (e *SplitError) Error() string {
	return fmt.Sprintf("%s (line %d, column %d, byte %d)", e.Message, e.Line, e.Column, e.Offset)
}

// SplitEnvelope finds the objects of an envelope (section 3.7) as slices of body, in one pass and without decoding
// them: within an object only strings and brackets are followed, so its parser must check the rest. A STIX bundle is an
// envelope too; members other than "objects" must be JSON and are passed over (section 7.1.1). The error is a
// [*SplitError].
func SplitEnvelope(body []byte, limits EnvelopeLimits) ([][]byte, error) {
	s := splitter{body: body, limits: limits.orDefault()}
	if err := s.envelope(); err != nil {
		err.Line = 1 + bytes.Count(body[:err.Offset], []byte{'\n'})
		err.Column = 1 + utf8.RuneCount(body[1+bytes.LastIndexByte(body[:err.Offset], '\n'):err.Offset])
		return nil, err
	}
	return s.objects, nil
}

// splitter walks over a body once; pos is where it stands.
type splitter struct {
	body    []byte
	pos     int
	limits  EnvelopeLimits
	objects [][]byte
	found   bool // "objects" was there
	names   map[string]struct{}
}

const example = `expected an envelope such as {"objects":[{"type":"indicator", ...}]}`

func (s *splitter) envelope() *SplitError {
	if bytes.HasPrefix(s.body, []byte("\xef\xbb\xbf")) {
		return s.fail(NotJSON, 0, "the body begins with a byte order mark, expected JSON in UTF-8 without one")
	}
	switch c := s.next(); {
	case s.pos == len(s.body):
		return s.fail(NotJSON, s.pos, "the body is empty, "+example)
	case c != '{':
		start := s.pos
		if err := s.skip(); err != nil {
			return err
		}
		return s.fail(NotEnvelope, start, "the body is %s, %s", kindOf(c), example)
	}
	start := s.pos
	s.pos++
	if s.next() != '}' {
		if err := s.members(); err != nil {
			return err
		}
	} else {
		s.pos++
	}
	if s.next(); s.pos < len(s.body) {
		return s.fail(NotJSON, s.pos, "found %s after the end of the envelope, expected nothing", s.here())
	}
	if !s.found {
		if _, ok := s.names["type"]; ok {
			return s.fail(NotEnvelope, start, `the body has no member "objects"; a single STIX object is sent as {"objects":[ ... ]}`)
		}
		return s.fail(NotEnvelope, start, `the body has no member "objects", %s`, example)
	}
	return nil
}

// members reads the members of the envelope and its closing brace.
func (s *splitter) members() *SplitError {
	s.names = make(map[string]struct{}, 4)
	for {
		if s.next() != '"' {
			return s.fail(NotJSON, s.pos, "found %s, expected a member name in double quotes", s.here())
		}
		start := s.pos
		if err := s.skip(); err != nil {
			return err
		}
		var name string
		if err := json.Unmarshal(s.body[start:s.pos], &name); err != nil {
			return s.fail(NotJSON, start, "the member name is no JSON string: %v", err)
		}
		if _, ok := s.names[name]; ok {
			return s.fail(DuplicateName, start, "the member %s is there twice, expected each member once", quote(name))
		}
		s.names[name] = struct{}{}
		if s.next() != ':' {
			return s.fail(NotJSON, s.pos, "found %s, expected a colon after the member name", s.here())
		}
		s.pos++
		err := (*SplitError)(nil)
		if s.next(); name == "objects" {
			err = s.list()
		} else {
			err = s.skip()
		}
		if err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.fail(NotJSON, s.pos, `found %s, expected "," or "}"`, s.here())
		}
	}
}

// list reads the value of "objects".
func (s *splitter) list() *SplitError {
	s.found = true
	start := s.pos
	if c := s.next(); c != '[' {
		if err := s.skip(); err != nil {
			return err
		}
		return s.fail(NotEnvelope, start, `the member "objects" is %s, expected a list of STIX objects`, kindOf(c))
	}
	s.pos++
	if s.next() == ']' {
		return s.fail(NotEnvelope, start, `the list "objects" is empty, expected at least one STIX object`)
	}
	for {
		if err := s.object(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.fail(NotJSON, s.pos, `found %s, expected "," or "]" in the list "objects"`, s.here())
		}
	}
}

// object finds the end of one item of "objects".
func (s *splitter) object() *SplitError {
	c := s.next()
	start := s.pos
	if c != '{' {
		if err := s.skip(); err != nil {
			return err
		}
		return s.fail(NotObject, start, "item %d of \"objects\" is %s, expected a STIX object", len(s.objects), kindOf(c))
	}
	if len(s.objects) == s.limits.Objects {
		return s.fail(TooManyObjects, start, "the envelope has more than %d objects, expected them in several envelopes", s.limits.Objects)
	}
	if err := s.brackets(); err != nil {
		return err
	}
	s.objects = append(s.objects, s.body[start:s.pos:s.pos])
	return nil
}

// skip passes over one value that must be JSON.
func (s *splitter) skip() *SplitError {
	start := s.pos
	switch c := s.next(); {
	case c == '{' || c == '[':
		if err := s.brackets(); err != nil {
			return err
		}
	case c == '"':
		if err := s.str(); err != nil {
			return err
		}
	default:
		for s.pos < len(s.body) && scalar[s.body[s.pos]] {
			s.pos++
		}
		if s.pos == start {
			return s.fail(NotJSON, s.pos, "found %s, expected a value", s.here())
		}
	}
	value := s.body[start:s.pos]
	var raw json.RawMessage
	if err := json.Unmarshal(value, &raw); err != nil {
		at := start
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset > 0 {
			at = min(start+int(syntax.Offset)-1, s.pos)
		}
		return s.fail(NotJSON, at, "the value is not JSON: %v", err)
	}
	if !utf8.Valid(value) {
		at := start
		for at < s.pos {
			r, n := utf8.DecodeRune(s.body[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		return s.fail(NotJSON, at, "byte 0x%02X is not valid UTF-8 here", s.body[at])
	}
	return nil
}

// scalar marks the bytes of numbers and of true, false and null.
var scalar = func() (t [256]bool) {
	for _, c := range "+-.0123456789Eaeflnrstu" {
		t[c] = true
	}
	return t
}()

// Bytes at which brackets stops.
const (
	opens = iota + 1
	closes
	quotes
)

var stops = func() (t [256]uint8) {
	t['{'], t['['], t['}'], t[']'], t['"'] = opens, opens, closes, closes, quotes
	return t
}()

// brackets passes over the list or object that begins at pos.
func (s *splitter) brackets() *SplitError {
	body, depth := s.body, 0
	for pos := s.pos; pos < len(body); pos++ {
		switch stops[body[pos]] {
		case opens:
			if depth++; depth > s.limits.Depth {
				return s.fail(TooDeep, pos, "lists and objects nest deeper than %d levels", s.limits.Depth)
			}
		case closes:
			if depth--; depth == 0 {
				s.pos = pos + 1
				return nil
			}
		case quotes:
			s.pos = pos
			if err := s.str(); err != nil {
				return err
			}
			pos = s.pos - 1
		}
	}
	return s.fail(NotJSON, len(body), "the body ends inside a list or an object; was it cut?")
}

// str passes over the string that begins at pos.
func (s *splitter) str() *SplitError {
	body := s.body
	for pos := s.pos + 1; pos < len(body); pos++ {
		switch body[pos] {
		case '"':
			s.pos = pos + 1
			return nil
		case '\\':
			pos++
		}
	}
	return s.fail(NotJSON, len(body), "the body ends inside a string; was it cut?")
}

// next passes over white space and returns the byte that follows, 0 at the end.
func (s *splitter) next() byte {
	for s.pos < len(s.body) {
		switch c := s.body[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// here names what stands at pos.
func (s *splitter) here() string {
	if s.pos >= len(s.body) {
		return "the end of the body"
	}
	r, _ := utf8.DecodeRune(s.body[s.pos:])
	return fmt.Sprintf("%q", r)
}

// kindOf names a value by its first byte.
func kindOf(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

func (s *splitter) fail(code SplitCode, offset int, format string, args ...any) *SplitError {
	return &SplitError{Code: code, Offset: offset, Message: fmt.Sprintf(format, args...)}
}

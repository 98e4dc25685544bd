package ijson

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"
)

// DefaultDepth is how deep values may nest if Limits.Depth is 0. STIX content stays below 20.
const DefaultDepth = 100

// DefaultStringBytes is a limit for strings that suits STIX content: one string holds nine megabytes of an artifact as
// Base64.
const DefaultStringBytes = 12 << 20

// Limits limits what Parse accepts.
type Limits struct {
	Bytes       int // of the text; 0 means no limit
	Depth       int // how deep lists and objects may nest; 0 means DefaultDepth
	StringBytes int // bytes of one string or member name as written in the text, without its quotes; 0 means no limit
}

// Parse reads one JSON value, which must be the whole text, into t and takes time and memory in proportion to the text.
// Afterwards t.Text is the compact form: a slice of text if text was already compact, otherwise memory owned by t. On
// failure the error is an [*Error] and t is empty.
func (t *Tree) Parse(text []byte, limits Limits) error {
	if limits.Depth == 0 {
		limits.Depth = DefaultDepth
	}
	if limits.StringBytes == 0 {
		limits.StringBytes = math.MaxInt
	}
	if limits.Bytes > 0 && len(text) > limits.Bytes {
		t.reset()
		return &Error{Code: TooLarge, Message: fmt.Sprintf("the text has %d bytes, at most %d are allowed", len(text), limits.Bytes)}
	}
	if uint64(len(text)) > math.MaxUint32 {
		t.reset()
		return &Error{Code: TooLarge, Message: fmt.Sprintf("the text has %d bytes, more than %d", len(text), uint32(math.MaxUint32))}
	}
	inner := bytes.TrimLeft(text, whiteSpace)
	lead := len(text) - len(inner)
	inner = bytes.TrimRight(inner, whiteSpace)
	p := parser{tree: t, text: inner, limits: limits}
	err := p.run()
	if p.spaced {
		t.buf = appendCompact(t.buf[:0], inner)
		p = parser{tree: t, text: t.buf, limits: limits, compacted: true}
		err = p.run()
		if err != nil {
			err.Offset = offsetBefore(inner, err.Offset)
		}
	}
	if err != nil {
		t.reset()
		err.Offset += lead
		return err
	}
	t.Text = p.text
	return nil
}

func (t *Tree) reset() {
	t.Text, t.Nodes, t.stack = nil, t.Nodes[:0], t.stack[:0]
}

// Compact returns text without the white space between its tokens and otherwise unchanged, or text itself if there is
// no such space. It fails like Parse.
func Compact(text []byte) ([]byte, error) {
	var t Tree
	if err := t.Parse(text, Limits{}); err != nil {
		return nil, err
	}
	return t.Text, nil
}

// parser is the state of one pass over a text. At the first white space between tokens it stops with spaced set, so
// that the pass over the compact text does not have to handle white space at all.
type parser struct {
	tree      *Tree
	text      []byte
	limits    Limits
	compacted bool
	spaced    bool
	refused   *Error // first fault of well-formed text
}

const whiteSpace = " \t\r\n"

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (p *parser) run() *Error {
	t := p.tree
	t.reset()
	t.Noncharacter = -1
	if len(p.text) == 0 {
		return &Error{Code: Empty, Message: "the text is empty, expected a JSON value"}
	}
	if bytes.HasPrefix(p.text, []byte("\xef\xbb\xbf")) {
		return &Error{Code: BOM, Message: "the text begins with a byte order mark, expected JSON without one"}
	}
	pos, err := p.values()
	if err == nil && !p.spaced && pos < len(p.text) {
		if space(p.text[pos]) && !p.compacted {
			p.spaced = true
			return nil
		}
		err = p.unexpected(pos, "the end after the JSON value")
	}
	if p.spaced {
		return nil
	}
	if err != nil {
		return err
	}
	return p.refused
}

// values parses the one value of the text. It keeps open containers on its own stack, so that nesting does not grow the
// goroutine's stack.
func (p *parser) values() (int, *Error) {
	t, text := p.tree, p.text
	pos := 0
	for {
		if pos >= len(text) {
			return pos, p.unexpected(pos, "a value")
		}
		// A value starts here.
		var err *Error
		switch c := text[pos]; {
		case c == '"':
			pos, err = p.str(pos)
		case c == '{' || c == '[':
			pos, err = p.open(pos)
			if err != nil {
				return pos, err
			}
			if pos >= len(text) {
				return pos, p.unexpected(pos, "a value")
			}
			if text[pos] == '}' && c == '{' || text[pos] == ']' && c == '[' {
				break
			}
			if c == '{' {
				pos, err = p.name(pos)
				if err != nil || p.spaced {
					return pos, err
				}
			} else {
				t.Nodes[t.stack[len(t.stack)-1]].Count++
			}
			continue
		case c == '-' || '0' <= c && c <= '9':
			pos, err = p.number(pos)
		case c == 't':
			pos, err = p.literal(pos, "true", True)
		case c == 'f':
			pos, err = p.literal(pos, "false", False)
		case c == 'n':
			pos, err = p.literal(pos, "null", Null)
		default:
			return pos, p.unexpected(pos, "a value")
		}
		if err != nil {
			return pos, err
		}
		// A value has ended, or an empty container was just opened: close the containers that end here.
		for {
			if len(t.stack) == 0 {
				return pos, nil
			}
			top := &t.Nodes[t.stack[len(t.stack)-1]]
			if pos >= len(text) {
				return pos, p.unexpected(pos, p.closing(top))
			}
			if top.Kind == Object && text[pos] == '}' || top.Kind == Array && text[pos] == ']' {
				pos++
				p.close(pos)
				continue
			}
			if text[pos] != ',' {
				return pos, p.unexpected(pos, p.closing(top))
			}
			pos++
			if top.Kind == Object {
				pos, err = p.name(pos)
				if err != nil || p.spaced {
					return pos, err
				}
			} else {
				top.Count++
			}
			break
		}
	}
}

func (p *parser) closing(top *Node) string {
	if top.Kind == Object {
		return `"," or "}"`
	}
	return `"," or "]"`
}

func (p *parser) open(pos int) (int, *Error) {
	t := p.tree
	if len(t.stack) >= p.limits.Depth {
		return pos, &Error{Code: Depth, Offset: pos, Message: fmt.Sprintf("lists and objects nest deeper than %d levels", p.limits.Depth)}
	}
	kind := Array
	if p.text[pos] == '{' {
		kind = Object
	}
	t.stack = append(t.stack, uint32(len(t.Nodes)))
	t.Nodes = append(t.Nodes, Node{Start: uint32(pos), Kind: kind})
	return pos + 1, nil
}

func (p *parser) close(pos int) {
	t := p.tree
	i := t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	n := &t.Nodes[i]
	n.End, n.Next = uint32(pos), uint32(len(t.Nodes))
	if n.Kind == Object && n.Count > 1 && p.refused == nil {
		p.unique(int(i))
	}
}

// name parses a member's name and the colon after it.
func (p *parser) name(pos int) (int, *Error) {
	if pos >= len(p.text) || p.text[pos] != '"' {
		return pos, p.unexpected(pos, "a member name in double quotes")
	}
	t := p.tree
	t.Nodes[t.stack[len(t.stack)-1]].Count++
	pos, err := p.str(pos)
	if err != nil {
		return pos, err
	}
	if pos >= len(p.text) || p.text[pos] != ':' {
		return pos, p.unexpected(pos, `":"`)
	}
	return pos + 1, nil
}

func (p *parser) leaf(kind Kind, start, end int, escaped bool) {
	t := p.tree
	t.Nodes = append(t.Nodes, Node{Start: uint32(start), End: uint32(end), Next: uint32(len(t.Nodes) + 1), Kind: kind, Escaped: escaped})
}

func (p *parser) literal(pos int, word string, kind Kind) (int, *Error) {
	if len(p.text)-pos < len(word) || string(p.text[pos:pos+len(word)]) != word {
		return pos, p.unexpected(pos, word)
	}
	p.leaf(kind, pos, pos+len(word), false)
	return pos + len(word), nil
}

// number checks the grammar of RFC 8259, section 6. The number may have any size.
func (p *parser) number(pos int) (int, *Error) {
	text, start := p.text, pos
	digits := func(what string) *Error {
		if pos >= len(text) || text[pos] < '0' || text[pos] > '9' {
			return p.unexpected(pos, what)
		}
		for pos < len(text) && '0' <= text[pos] && text[pos] <= '9' {
			pos++
		}
		return nil
	}
	if text[pos] == '-' {
		pos++
	}
	if pos < len(text) && text[pos] == '0' {
		pos++
		if pos < len(text) && '0' <= text[pos] && text[pos] <= '9' {
			return pos, p.unexpected(pos, "a number without leading zeros")
		}
	} else if err := digits("a digit"); err != nil {
		return pos, err
	}
	if pos < len(text) && text[pos] == '.' {
		pos++
		if err := digits("a digit after the decimal point"); err != nil {
			return pos, err
		}
	}
	if pos < len(text) && (text[pos] == 'e' || text[pos] == 'E') {
		pos++
		if pos < len(text) && (text[pos] == '+' || text[pos] == '-') {
			pos++
		}
		if err := digits("a digit in the exponent"); err != nil {
			return pos, err
		}
	}
	p.leaf(Number, start, pos, false)
	return pos, nil
}

// plain marks the bytes that may appear in a string without further checks.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// str parses the string whose opening quote is at pos.
func (p *parser) str(pos int) (int, *Error) {
	text, start := p.text, pos
	escaped := false
	pos++
	for {
		for pos < len(text) && plain[text[pos]] {
			pos++
		}
		if pos >= len(text) {
			return pos, &Error{Code: Syntax, Offset: pos, Message: "the text ends inside a string"}
		}
		switch c := text[pos]; {
		case c == '"':
			if pos-start-1 > p.limits.StringBytes {
				p.tooLong(start, pos-start-1)
			}
			p.leaf(String, start, pos+1, escaped)
			return pos + 1, nil
		case c == '\\':
			escaped = true
			n, err := p.escape(pos)
			if err != nil {
				return pos, err
			}
			pos += n
		case c < 0x20:
			return pos, &Error{Code: Syntax, Offset: pos, Message: fmt.Sprintf("control character U+%04X in a string, expected an escape such as \\u%04x", c, c)}
		default:
			r, n := utf8.DecodeRune(text[pos:])
			if r == utf8.RuneError && n == 1 {
				return pos, p.badUTF8(pos)
			}
			p.noncharacter(r)
			pos += n
		}
	}
}

func (p *parser) badUTF8(pos int) *Error {
	s := p.text[pos:]
	if len(s) >= 2 && s[0] == 0xed && s[1] >= 0xa0 {
		return &Error{Code: Surrogate, Offset: pos, Message: "a surrogate encoded as UTF-8, expected a Unicode character"}
	}
	return &Error{Code: UTF8, Offset: pos, Message: fmt.Sprintf("byte 0x%02X is not valid UTF-8 here", s[0])}
}

// noncharacter records r if it is one of the 66 noncharacters.
func (p *parser) noncharacter(r rune) {
	if (r&0xfffe == 0xfffe || 0xfdd0 <= r && r <= 0xfdef) && p.tree.Noncharacter < 0 {
		p.tree.Noncharacter = len(p.tree.Nodes)
	}
}

// escape checks the escape at pos and returns how many bytes it takes.
func (p *parser) escape(pos int) (int, *Error) {
	s := p.text[pos:]
	if len(s) < 2 {
		return 0, &Error{Code: Syntax, Offset: pos, Message: "the text ends inside a string"}
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
		r := hex4(s[2:])
		if r < 0 {
			return 0, &Error{Code: Syntax, Offset: pos, Message: `\u without four hexadecimal digits`}
		}
		if r < 0xd800 || r > 0xdfff {
			p.noncharacter(r)
			return 6, nil
		}
		if r <= 0xdbff && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			if low := hex4(s[8:]); 0xdc00 <= low && low <= 0xdfff {
				p.noncharacter((r-0xd800)<<10 + (low - 0xdc00) + 0x10000)
				return 12, nil
			}
		}
		p.refuse(&Error{Code: Surrogate, Offset: pos, Message: fmt.Sprintf("unpaired surrogate \\u%04x in a string, expected a pair or another character", r)})
		return 6, nil
	}
	return 0, &Error{Code: Syntax, Offset: pos, Message: fmt.Sprintf("\\%s is no escape; a backslash itself is written \\\\", printable(s[1:]))}
}

func (p *parser) refuse(err *Error) {
	if p.refused == nil {
		p.refused = err
	}
}

func (p *parser) unexpected(pos int, want string) *Error {
	if pos >= len(p.text) {
		return &Error{Code: Syntax, Offset: pos, Message: fmt.Sprintf("the text ends, expected %s", want)}
	}
	if space(p.text[pos]) && !p.compacted {
		p.spaced = true
		return nil
	}
	if p.text[pos] >= 0x80 {
		if r, n := utf8.DecodeRune(p.text[pos:]); r == utf8.RuneError && n == 1 {
			return p.badUTF8(pos)
		}
	}
	return &Error{Code: Syntax, Offset: pos, Message: fmt.Sprintf("found %s, expected %s", printable(p.text[pos:]), want)}
}

// printable quotes the first character of s for a message.
func printable(s []byte) string {
	r, _ := utf8.DecodeRune(s)
	return fmt.Sprintf("%q", r)
}

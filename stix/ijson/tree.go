package ijson

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the kind of a node.
type Kind uint8

// The kinds of JSON value. The zero Kind means no value.
const (
	Null Kind = iota + 1
	False
	True
	Number
	String
	Array
	Object
)

// String returns the kind's name for messages: "a number", "an object".
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case False:
		return "false"
	case True:
		return "true"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "a list"
	case Object:
		return "an object"
	}
	return "nothing"
}

// Node is one value of a tree.
type Node struct {
	Start, End uint32 // its span in Tree.Text, quotes included
	Next       uint32 // index of the first node after this value and all it holds
	Count      uint32 // items of an Array, members of an Object
	Kind       Kind
	Escaped    bool // a String that contains a backslash
}

// Tree is one parsed text. Its nodes are in document order, with the root at 0: an Object is followed by its members,
// each a String node (the name) and then its value; an Array is followed by its items.
//
// A Tree may be reused for another text; what its methods returned before stays valid, except for slices of Text.
type Tree struct {
	Text  []byte // compact: white space between tokens removed, nothing else changed
	Nodes []Node

	// Noncharacter is the index of the first string that contains a Unicode noncharacter (such as U+FFFE), or -1. RFC
	// 7493 section 2.1 forbids them; they are reported separately because real data has them.
	Noncharacter int

	stack []uint32
	buf   []byte
}

// Root returns the index of the outermost value.
func (t *Tree) Root() int { return 0 }

// Raw returns the text of value i, a slice of t.Text.
func (t *Tree) Raw(i int) []byte {
	n := &t.Nodes[i]
	return t.Text[n.Start:n.End]
}

// Kind returns the kind of value i, or 0 if i is -1.
func (t *Tree) Kind(i int) Kind {
	if i < 0 {
		return 0
	}
	return t.Nodes[i].Kind
}

// Str returns the un-escaped string of value i, or "" if it is not a string.
func (t *Tree) Str(i int) string {
	if i < 0 || t.Nodes[i].Kind != String {
		return ""
	}
	return string(t.Bytes(i))
}

// AppendStr appends the un-escaped string of value i to dst and returns the result.
func (t *Tree) AppendStr(dst []byte, i int) []byte {
	n := &t.Nodes[i]
	s := t.Text[n.Start+1 : n.End-1]
	if !n.Escaped {
		return append(dst, s...)
	}
	return appendUnescaped(dst, s)
}

// Bytes returns the un-escaped string of value i: a slice of t.Text if nothing is escaped, otherwise a copy.
func (t *Tree) Bytes(i int) []byte {
	n := &t.Nodes[i]
	if !n.Escaped {
		return t.Text[n.Start+1 : n.End-1]
	}
	return t.AppendStr(nil, i)
}

// Is reports whether value i is the string s.
func (t *Tree) Is(i int, s string) bool {
	if i < 0 {
		return false
	}
	n := &t.Nodes[i]
	if n.Kind != String {
		return false
	}
	if !n.Escaped {
		return string(t.Text[n.Start+1:n.End-1]) == s
	}
	return t.Str(i) == s
}

// Member returns the index of the value of obj's member with the given name, or -1 if there is none or obj is -1 or not
// an object.
func (t *Tree) Member(obj int, name string) int {
	if obj < 0 || t.Nodes[obj].Kind != Object {
		return -1
	}
	end := t.Nodes[obj].Next
	for i := uint32(obj) + 1; i < end; i = t.Nodes[i+1].Next {
		if t.Is(int(i), name) {
			return int(i) + 1
		}
	}
	return -1
}

// Members yields the nodes of the name and the value of each member of obj, in document order.
func (t *Tree) Members(obj int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		if obj < 0 || t.Nodes[obj].Kind != Object {
			return
		}
		end := t.Nodes[obj].Next
		for i := uint32(obj) + 1; i < end; i = t.Nodes[i+1].Next {
			if !yield(int(i), int(i)+1) {
				return
			}
		}
	}
}

// Items yields the items of arr, in order.
func (t *Tree) Items(arr int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if arr < 0 || t.Nodes[arr].Kind != Array {
			return
		}
		end := t.Nodes[arr].Next
		for i := uint32(arr) + 1; i < end; i = t.Nodes[i].Next {
			if !yield(int(i)) {
				return
			}
		}
	}
}

// Pointer returns the JSON pointer (RFC 6901) of node i, "" for the root. The name of a member has the pointer of its
// value.
func (t *Tree) Pointer(i int) string {
	var b strings.Builder
	at := 0
	for at != i {
		n := &t.Nodes[at]
		end := n.Next
		index := 0
		child := uint32(at) + 1
		for child < end {
			value := child
			if n.Kind == Object {
				value = child + 1
			}
			if uint32(i) < t.Nodes[value].Next {
				b.WriteByte('/')
				if n.Kind == Object {
					b.WriteString(EscapePointer(t.Str(int(child))))
				} else {
					b.WriteString(strconv.Itoa(index))
				}
				if uint32(i) == child {
					return b.String()
				}
				child = value
				break
			}
			child = t.Nodes[value].Next
			index++
		}
		if child >= end {
			return b.String()
		}
		at = int(child)
	}
	return b.String()
}

// EscapePointer returns name as a reference token of a JSON pointer (RFC 6901, section 3).
func EscapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// appendUnescaped appends the un-escaped form of s, the inside of a valid JSON string.
func appendUnescaped(dst, s []byte) []byte {
	for len(s) > 0 {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		switch c := s[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[i+2:])
			s = s[i+6:]
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					low = hex4(s[2:])
				}
				r = utf16.DecodeRune(r, low)
				if r != utf8.RuneError {
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		default:
			dst = append(dst, c)
		}
		s = s[i+2:]
	}
	return dst
}

// hex4 returns the value of four hexadecimal digits, or -1.
func hex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

package taxii

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"
)

// Cursor is what next carries (section 3.5): a place in the answer to one query. It needs no memory in the server and
// stays good while objects come and go. It grants nothing: the caller's rights and every filter are checked again.
//
// As text it is base64url without padding of: a format byte, the collection, the position, the filters in the form of
// encodeFilters (or a digest of them when they are long), and a checksum that recognises what was cut or mistyped.
type Cursor struct {
	Collection [16]byte  // the collection's UUID
	Position   time.Time // date_added of the last item that was served, to the microsecond

	filters []byte // encodeFilters; nil: none
	digest  []byte // instead of filters that are too long to be carried
}

const (
	cursorPlain  = 0x11 // carries the filters
	cursorDigest = 0x12 // carries their digest

	cursorHead   = 1 + 16 + 8
	cursorTail   = 4
	cursorCarry  = 1100 // octets of filters that are carried: some forty identifiers
	cursorDigits = 8    // octets of digest

	longestCursor = (cursorHead + cursorCarry + cursorTail + 2) / 3 * 4 // characters
)

var cursorText = base64.RawURLEncoding.Strict()

// Cursor returns the cursor to what follows position in the answer to f within a collection. The position is the
// date_added of the last item of the page.
func (f Filter) Cursor(collection [16]byte, position time.Time) Cursor {
	c := Cursor{Collection: collection, Position: time.UnixMicro(position.UnixMicro()).UTC(), filters: encodeFilters(f)}
	if len(c.filters) > cursorCarry {
		c.filters, c.digest = nil, digest(c.filters)
	}
	return c
}

func digest(filters []byte) []byte {
	sum := sha256.Sum256(filters)
	return sum[:cursorDigits]
}

// String is the cursor's text: 39 characters without filters, below 200 with a few, never more than longestCursor.
func (c Cursor) String() string { return string(c.AppendTo(nil)) }

// AppendTo appends what String returns to dst.
func (c Cursor) AppendTo(dst []byte) []byte {
	b := make([]byte, 0, cursorHead+len(c.filters)+len(c.digest)+cursorTail)
	kind := byte(cursorPlain)
	if c.digest != nil {
		kind = cursorDigest
	}
	b = append(b, kind)
	b = append(b, c.Collection[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Position.UnixMicro()))
	b = append(b, c.filters...)
	b = append(b, c.digest...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return cursorText.AppendEncode(dst, b)
}

// ParseCursor reads what String wrote and nothing else: a text that parses is written back the same. The error is a
// [*ParameterError].
func ParseCursor(s string) (Cursor, error) {
	bad := func(what string) (Cursor, error) {
		return Cursor{}, &ParameterError{Param: "next", Value: s, Problem: what + ", expected the text of next as an earlier answer had it"}
	}
	if s == "" {
		return bad("is empty")
	}
	if len(s) > longestCursor {
		return bad("is longer than any cursor")
	}
	b, err := cursorText.DecodeString(s)
	if err != nil || len(b) < cursorHead+cursorTail {
		return bad("is no cursor")
	}
	body, tail := b[:len(b)-cursorTail], b[len(b)-cursorTail:]
	if binary.BigEndian.Uint32(tail) != crc32.ChecksumIEEE(body) {
		return bad("is a cursor that was cut or changed")
	}
	var c Cursor
	copy(c.Collection[:], body[1:17])
	c.Position = time.UnixMicro(int64(binary.BigEndian.Uint64(body[17:cursorHead]))).UTC()
	if year := c.Position.Year(); year < 0 || year > 9999 {
		return bad("is a cursor to a moment that no timestamp can name")
	}
	rest := body[cursorHead:]
	switch {
	case body[0] == cursorDigest && len(rest) == cursorDigits:
		c.digest = rest
	case body[0] == cursorPlain && len(rest) == 0:
	case body[0] == cursorPlain && len(rest) <= cursorCarry:
		f, ok := decodeFilters(rest)
		if !ok || !bytes.Equal(encodeFilters(f), rest) {
			return bad("is a cursor with filters that cannot be read")
		}
		c.filters = rest
	default:
		return bad("is a cursor of another kind")
	}
	if c.String() != s {
		return bad("is no cursor")
	}
	return c, nil
}

// OfObject returns f for an endpoint of one object (sections 5.6 and 5.8), which behaves as if match[id] were set to it: the
// cursors made under it are not taken for those of another object. Call it before Resolve.
func (f Filter) OfObject(id string) Filter {
	f.IDs = []string{id}
	f.Given |= ParamID
	f.defined |= ParamID
	return f
}

// Resolve applies the cursor of a request, if any, in a collection. Filters that the request leaves out are those the
// cursor was made under; a filter that contradicts them is an error. AddedAfter becomes the cursor's position, whatever
// added_after said, and limit may be any. A cursor of another collection is ignored: the most used connector carries the
// last cursor of one collection into the next (doc/decisions/0026). Afterwards the Filter is the whole query. The error is a
// [*ParameterError].
func (f Filter) Resolve(collection [16]byte) (Filter, error) {
	if f.Next == nil {
		return f, nil
	}
	bad := func(problem string) (Filter, error) {
		return Filter{}, &ParameterError{Param: "next", Value: f.Next.String(), Problem: problem}
	}
	if f.Next.Collection != collection {
		f.Next, f.Foreign = nil, true
		f.Given &^= ParamNext
		return f, nil
	}
	if f.Next.digest != nil {
		if !bytes.Equal(digest(encodeFilters(f)), f.Next.digest) {
			return bad("was made under filters too long for a cursor to carry, expected the request to repeat exactly the filters of the first page, or no next")
		}
	} else {
		made, ok := decodeFilters(f.Next.filters)
		if !ok {
			return bad("is a cursor with filters that cannot be read")
		}
		for _, p := range parameters {
			if p.bit&(ParamID|ParamType|ParamVersion|ParamSpec) == 0 {
				continue
			}
			if problem := f.adopt(made, p.bit, p.name); problem != "" {
				return bad(problem)
			}
		}
	}
	f.AddedAfter, f.HasAddedAfter = f.Next.Position, true
	return f, nil
}

// adopt takes one filter from those a cursor was made under, unless the request has it; then both must mean the same.
func (f *Filter) adopt(made Filter, bit ParamSet, name string) (problem string) {
	if f.Given&bit != 0 {
		if !bytes.Equal(encodeFilters(f.only(bit)), encodeFilters(made.only(bit))) {
			return "was made under another " + name + " than the request has, expected the same one or none beside next"
		}
		return ""
	}
	one := made.only(bit)
	if encodeFilters(one) == nil {
		return ""
	}
	if f.defined&bit == 0 {
		return "was made under " + name + ", which is no filter here, expected a cursor that this resource gave out"
	}
	switch bit {
	case ParamID:
		f.IDs = one.IDs
	case ParamType:
		f.Types = one.Types
	case ParamVersion:
		f.Versions = one.Versions
	case ParamSpec:
		f.Specs = one.Specs
	}
	return ""
}

// only returns f without its match fields, except one.
func (f Filter) only(bit ParamSet) Filter {
	var one Filter
	switch bit {
	case ParamID:
		one.IDs = f.IDs
	case ParamType:
		one.Types = f.Types
	case ParamVersion:
		one.Versions = f.Versions
	case ParamSpec:
		one.Specs = f.Specs
	}
	return one
}

// sorted returns a copy in order, without repetitions.
func sorted(items []string) []string {
	items = slices.Clone(items)
	slices.Sort(items)
	return slices.Compact(items)
}

package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// record is one stored version: what the objects bucket holds. Its bytes are a header and then the object's text as it
// came, compact:
//
//	flags, CRC-32C of all but itself (4 bytes, big-endian), position as uvarint, the identifier, for versioned objects the version
//
// A record without flagSum, as earlier programs wrote it, has no checksum. Each of the two texts as a span (offset and length, uvarints) in the object's text, or, where it is spelled with
// escapes there, as length and bytes. So listing and serving versions needs neither JSON nor the journal.
type record struct {
	position journal.Position
	form     form
	id       []byte
	version  []byte // nil for an unversioned object
	text     []byte
}

const (
	flagSpec21 = 1 << iota
	flagUnversioned
	flagIDInline
	flagVersionInline
	flagSum
)

// recordSum is the length of a record's checksum: what the disk did to a text is not to be taken for what was shared.
const recordSum = 4

var errRecord = errors.New("the record is damaged")

// span is where a string's value lies in a text; zero when it lies nowhere.
type span struct{ start, length int }

// spanOf finds the value of a string member of an object's text, unless it is spelled with escapes.
func spanOf(o stix.Object, member string) span {
	t := o.Tree
	i := t.Member(t.Root(), member)
	if i < 0 || t.Nodes[i].Escaped {
		return span{}
	}
	n := t.Nodes[i]
	return span{int(n.Start) + 1, int(n.End-n.Start) - 2}
}

// appendRecord writes a record; idSpan and versionSpan say where its texts lie.
func appendRecord(dst []byte, r record, idSpan, versionSpan span) []byte {
	start, flags := len(dst), byte(flagSum)
	if r.form&formSpec21 != 0 {
		flags |= flagSpec21
	}
	if r.form&formUnversioned != 0 {
		flags |= flagUnversioned
	}
	if idSpan == (span{}) {
		flags |= flagIDInline
	}
	if r.form&formUnversioned == 0 && versionSpan == (span{}) {
		flags |= flagVersionInline
	}
	dst = append(dst, flags, 0, 0, 0, 0)
	dst = binary.AppendUvarint(dst, uint64(r.position))
	dst = appendSpan(dst, r.id, idSpan)
	if r.form&formUnversioned == 0 {
		dst = appendSpan(dst, r.version, versionSpan)
	}
	dst = append(dst, r.text...)
	binary.BigEndian.PutUint32(dst[start+1:], sumOfRecord(dst[start:]))
	return dst
}

// sumOfRecord is the checksum of a record: of its flags and of what stands behind the place of the checksum.
func sumOfRecord(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:1], castagnoli), castagnoli, b[1+recordSum:])
}

func appendSpan(dst, text []byte, s span) []byte {
	if s == (span{}) {
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		return append(dst, text...)
	}
	dst = binary.AppendUvarint(dst, uint64(s.start))
	return binary.AppendUvarint(dst, uint64(s.length))
}

// parseRecord reads a record, whose slices are parts of b.
func parseRecord(b []byte) (record, error) {
	if len(b) == 0 || b[0] >= flagSum<<1 {
		return record{}, errRecord
	}
	var r record
	flags, rest := b[0], b[1:]
	if flags&flagSum != 0 {
		if len(rest) < recordSum || sumOfRecord(b) != binary.BigEndian.Uint32(rest) {
			return record{}, errRecord
		}
		rest = rest[recordSum:]
	}
	if flags&flagSpec21 != 0 {
		r.form |= formSpec21
	}
	versioned := flags&flagUnversioned == 0
	if !versioned {
		r.form |= formUnversioned
	}
	if !versioned && flags&flagVersionInline != 0 {
		return record{}, errRecord
	}
	position, n := binary.Uvarint(rest)
	if n <= 0 {
		return record{}, errRecord
	}
	r.position, rest = journal.Position(position), rest[n:]
	id, rest, ok := parseSpan(rest, flags&flagIDInline != 0)
	if !ok {
		return record{}, errRecord
	}
	var version spanned
	if versioned {
		if version, rest, ok = parseSpan(rest, flags&flagVersionInline != 0); !ok {
			return record{}, errRecord
		}
	}
	r.text = rest
	if r.id, ok = id.in(rest); !ok {
		return record{}, errRecord
	}
	if versioned {
		if r.version, ok = version.in(rest); !ok {
			return record{}, errRecord
		}
	}
	return r, nil
}

// spanned is a text that stands in the header, or where in the object's text it is.
type spanned struct {
	inline        []byte
	start, length uint64
}

func parseSpan(b []byte, inline bool) (s spanned, rest []byte, ok bool) {
	first, n := binary.Uvarint(b)
	if n <= 0 {
		return s, nil, false
	}
	b = b[n:]
	if inline {
		if first > uint64(len(b)) {
			return s, nil, false
		}
		return spanned{inline: b[:first:first]}, b[first:], true
	}
	length, n := binary.Uvarint(b)
	if n <= 0 {
		return s, nil, false
	}
	return spanned{start: first, length: length}, b[n:], true
}

func (s spanned) in(text []byte) ([]byte, bool) {
	if s.inline != nil {
		return s.inline, true
	}
	end := s.start + s.length
	if end < s.start || end > uint64(len(text)) {
		return nil, false
	}
	return text[s.start:end:end], true
}

// appendVersion appends the version as TAXII states it (T-065): the object's own text, else its date_added.
func (r record) appendVersion(dst []byte, added uint64) []byte {
	if r.form&formUnversioned != 0 {
		return append(dst, taxiiTime(added)...)
	}
	return append(dst, r.version...)
}

// versionText is what appendVersion appends.
func (r record) versionText(added uint64) string { return string(r.appendVersion(nil, added)) }

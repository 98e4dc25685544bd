package taxii

import (
	"encoding/binary"
	"strings"

	"github.com/google/uuid"
)

// Sections of encoded filters, in this order. Each appears only when it narrows something.
const (
	codeIDs      = 1
	codeTypes    = 2
	codeVersions = 3
	codeSpecs    = 4
)

// Bits of the byte that leads an encoded version filter.
const (
	codeAll = 1 << iota
	codeFirst
	codeLast
)

// encodeFilters writes the match fields of f so that filters which mean the same are the same bytes: lists sorted and
// without repetitions, the default left out, timestamps without trailing zeros. No filters are nil.
//
//	filters = { code list }               codes ascending
//	list    = count { item }              for versions a byte of keywords in front
//	item    = length text                 for ids (length of type)<<1|packed, type, then 16 bytes or length text
func encodeFilters(f Filter) []byte {
	var b []byte
	if len(f.IDs) > 0 {
		ids := sorted(f.IDs)
		b = binary.AppendUvarint(append(b, codeIDs), uint64(len(ids)))
		for _, id := range ids {
			b = appendID(b, id)
		}
	}
	if len(f.Types) > 0 {
		b = appendTexts(append(b, codeTypes), sorted(f.Types))
	}
	if v := f.Versions; !v.isDefault() {
		var words byte
		if v.All {
			words |= codeAll
		}
		if v.First {
			words |= codeFirst
		}
		if v.Last {
			words |= codeLast
		}
		exact := make([]string, len(v.Exact))
		for i, s := range v.Exact {
			exact[i] = shortest(s)
		}
		b = appendTexts(append(b, codeVersions, words), sorted(exact))
	}
	if len(f.Specs) > 0 {
		b = appendTexts(append(b, codeSpecs), sorted(f.Specs))
	}
	return b
}

// isDefault reports whether v selects the last version and nothing else.
func (v VersionFilter) isDefault() bool { return !v.All && !v.First && len(v.Exact) == 0 }

// shortest is a STIX timestamp without the zeros at the end of its fraction.
func shortest(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(strings.TrimSuffix(s, "Z"), "0"), ".") + "Z"
}

func appendTexts(b []byte, items []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(items)))
	for _, item := range items {
		b = append(binary.AppendUvarint(b, uint64(len(item))), item...)
	}
	return b
}

// appendID writes an identifier whose UUID is in lower case in half the space, any other text as it is.
func appendID(b []byte, id string) []byte {
	if typ, text, ok := strings.Cut(id, "--"); ok {
		if raw, err := uuid.Parse(text); err == nil && raw.String() == text {
			b = append(binary.AppendUvarint(b, uint64(len(typ))<<1|1), typ...)
			return append(b, raw[:]...)
		}
	}
	return append(binary.AppendUvarint(b, uint64(len(id))<<1), id...)
}

// decodeFilters reads what encodeFilters wrote. What it accepts need not be in that one form: ParseCursor checks that.
func decodeFilters(b []byte) (Filter, bool) {
	var f Filter
	d := decoder{rest: b, ok: true}
	for d.ok && len(d.rest) > 0 {
		switch d.octet() {
		case codeIDs:
			f.IDs = d.items(d.id)
		case codeTypes:
			f.Types = d.items(d.text)
		case codeVersions:
			words := d.octet()
			d.ok = d.ok && words < codeLast<<1
			f.Versions = VersionFilter{All: words&codeAll != 0, First: words&codeFirst != 0, Last: words&codeLast != 0, Exact: d.items(d.timestamp)}
		case codeSpecs:
			f.Specs = d.items(d.text)
		default:
			d.ok = false
		}
	}
	if !d.ok {
		return Filter{}, false
	}
	return f, true
}

// decoder reads values from the front of rest; ok becomes false at the first that is missing or malformed.
type decoder struct {
	rest []byte
	ok   bool
}

func (d *decoder) octet() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) take(n uint64) []byte {
	if !d.ok || n > uint64(len(d.rest)) {
		d.ok = false
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if !d.ok || size <= 0 {
		d.ok = false
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) items(read func() string) []string {
	n := d.number()
	if n > uint64(len(d.rest)) { // each takes a byte at least
		d.ok = false
	}
	var items []string
	for ; d.ok && n > 0; n-- {
		items = append(items, read())
	}
	return items
}

func (d *decoder) text() string { return string(d.take(d.number())) }

func (d *decoder) timestamp() string {
	s := d.text()
	d.ok = d.ok && stixTimestamp(s)
	return s
}

func (d *decoder) id() string {
	n := d.number()
	s := string(d.take(n >> 1))
	if n&1 == 1 {
		if raw := d.take(16); raw != nil {
			s += "--" + uuid.UUID(raw).String()
		}
	}
	return s
}

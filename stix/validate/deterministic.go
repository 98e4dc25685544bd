package validate

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// contributing holds the ID contributing properties of each SCO (section 6), sorted. A process has none.
var contributing = map[string][]string{
	"artifact":             {"hashes", "payload_bin"},
	"autonomous-system":    {"number"},
	"directory":            {"path"},
	"domain-name":          {"value"},
	"email-addr":           {"value"},
	"email-message":        {"body", "from_ref", "subject"},
	"file":                 {"extensions", "hashes", "name", "parent_directory_ref"},
	"ipv4-addr":            {"value"},
	"ipv6-addr":            {"value"},
	"mac-addr":             {"value"},
	"mutex":                {"name"},
	"network-traffic":      {"dst_port", "dst_ref", "end", "extensions", "protocols", "src_port", "src_ref", "start"},
	"software":             {"cpe", "name", "swid", "vendor", "version"},
	"url":                  {"value"},
	"user-account":         {"account_login", "account_type", "user_id"},
	"windows-registry-key": {"key", "values"},
	"x509-certificate":     {"hashes", "serial_number"},
}

func contributingText(typ string) string { return strings.Join(contributing[typ], ", ") }

// hasContributing reports whether the object has at least one ID contributing property.
func (s *subject) hasContributing() bool {
	for _, name := range contributing[s.typ] {
		if s.has(names[name]) {
			return true
		}
	}
	return false
}

// scoNamespace is the namespace of SCO identifiers (section 2.9).
var scoNamespace = [16]byte{0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7}

func reproducibleID(s *subject) {
	if !s.known || s.container > 0 || s.idVersion() != '5' {
		return
	}
	var buf [512]byte
	name, ok := s.idName(buf[:0])
	if !ok {
		return
	}
	var made [36]byte
	nameUUID(&made, name)
	id := s.get(pID)
	_, u, _ := splitID(s.str(id))
	if string(u) != string(made[:]) {
		s.report(id, "the contributing properties (%s) give %s--%s; another identifier hides that two objects are one", contributingText(s.typ), s.typ, made[:])
	}
}

// idName appends the name from which the identifier is made: the contributing properties present, as one object in the
// canonical form of RFC 8785. ok is false if there are none, or if the name depends on a choice that cannot be known.
func (s *subject) idName(dst []byte) (name []byte, ok bool) {
	dst = append(dst, '{')
	for _, property := range contributing[s.typ] {
		node := s.get(names[property])
		if node < 0 {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, property...)
		dst = append(dst, '"', ':')
		if property == "hashes" {
			if dst, ok = s.oneHash(dst, node); !ok {
				return nil, false
			}
			continue
		}
		dst = appendCanonical(dst, s.t, node)
	}
	return append(dst, '}'), len(dst) > 1
}

// oneHash appends the one hash that contributes: the first present of four.
func (s *subject) oneHash(dst []byte, hashes int) ([]byte, bool) {
	for _, algorithm := range [...]string{"MD5", "SHA-1", "SHA-256", "SHA-512"} {
		if value := s.t.Member(hashes, algorithm); value >= 0 {
			dst = append(append(append(dst, '{', '"'), algorithm...), '"', ':')
			return append(appendCanonical(dst, s.t, value), '}'), true
		}
	}
	return dst, false
}

// nameUUID writes the version 5 UUID of a name in the namespace of SCOs (RFC 4122, section 4.3).
func nameUUID(dst *[36]byte, name []byte) {
	h := sha1.New()
	h.Write(scoNamespace[:])
	h.Write(name)
	var sum [sha1.Size]byte
	u := h.Sum(sum[:0])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	hex.Encode(dst[0:8], u[0:4])
	hex.Encode(dst[9:13], u[4:6])
	hex.Encode(dst[14:18], u[6:8])
	hex.Encode(dst[19:23], u[8:10])
	hex.Encode(dst[24:36], u[10:16])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}

// appendCanonical appends the value at node in the canonical form of RFC 8785.
func appendCanonical(dst []byte, t *ijson.Tree, node int) []byte {
	switch t.Kind(node) {
	case ijson.String:
		return appendCanonicalString(dst, t.Bytes(node))
	case ijson.Number:
		return appendCanonicalNumber(dst, t.Raw(node))
	case ijson.Array:
		dst = append(dst, '[')
		for item := range t.Items(node) {
			if item != node+1 {
				dst = append(dst, ',')
			}
			dst = appendCanonical(dst, t, item)
		}
		return append(dst, ']')
	case ijson.Object:
		type member struct {
			name  []byte
			value int
		}
		var members []member
		for name, value := range t.Members(node) {
			members = append(members, member{t.Bytes(name), value})
		}
		slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
		dst = append(dst, '{')
		for i, m := range members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendCanonicalString(dst, m.name), ':')
			dst = appendCanonical(dst, t, m.value)
		}
		return append(dst, '}')
	}
	return append(dst, t.Raw(node)...) // true, false, null
}

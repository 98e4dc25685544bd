package validate

import (
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// typeBits gives each standard object type, and the bundle, a bit.
var typeBits, categoryBits = func() (map[string]uint64, map[stix.Category]uint64) {
	bits, categories := map[string]uint64{}, map[stix.Category]uint64{}
	for name := range strings.FieldsSeq(`attack-pattern campaign course-of-action grouping identity incident indicator
		infrastructure intrusion-set location malware malware-analysis note observed-data opinion report threat-actor tool
		vulnerability relationship sighting artifact autonomous-system directory domain-name email-addr email-message file
		ipv4-addr ipv6-addr mac-addr mutex network-traffic process software url user-account windows-registry-key
		x509-certificate extension-definition language-content marking-definition bundle`) {
		bits[name] = 1 << len(bits)
		categories[stix.CategoryOf(name)] |= bits[name]
	}
	return bits, categories
}()

// typeSet is a set of object types that a reference may name.
type typeSet struct {
	bits   uint64
	custom bool   // also custom types, because a whole category is allowed
	text   string // for messages
}

// parseTypeSet parses types and categories, separated by commas. "any" is any STIX Object.
func parseTypeSet(text string) typeSet {
	var set typeSet
	var words []string
	for _, name := range strings.Split(text, ",") {
		bits, category := uint64(0), true
		switch name {
		case "SDO":
			bits = categoryBits[stix.SDO]
		case "SRO":
			bits = categoryBits[stix.SRO]
		case "SCO":
			bits = categoryBits[stix.SCO]
		case "any":
			bits = categoryBits[stix.SDO] | categoryBits[stix.SRO] | categoryBits[stix.SCO] | categoryBits[stix.SMO]
			name = "STIX Object"
		default:
			bits, category = typeBits[name], false
			if bits == 0 {
				panic("model: no type " + name)
			}
		}
		set.bits |= bits
		set.custom = set.custom || category
		words = append(words, name)
	}
	set.text = strings.Join(words, " or ")
	return set
}

// has reports whether a reference to an object of the type is allowed.
func (set typeSet) has(typ []byte) bool {
	bit, standard := typeBits[string(typ)]
	if !standard {
		return set.custom
	}
	return set.bits&bit != 0
}

// splitID splits an identifier into type and UUID. ok reports whether it has the form of section 2.9.
func splitID(b []byte) (typ, uuid []byte, ok bool) {
	const uuidLen = 36
	i := len(b) - uuidLen - 2
	if i < 3 || i > 250 || b[i] != '-' || b[i+1] != '-' {
		return nil, nil, false
	}
	typ, uuid = b[:i], b[i+2:]
	return typ, uuid, typeForm(typ) && uuidForm(uuid)
}

// typeForm reports whether b has the form of an object type's name (section 3.1).
func typeForm(b []byte) bool {
	if len(b) < 3 || len(b) > 250 || b[0] < 'a' || b[0] > 'z' || b[len(b)-1] == '-' {
		return false
	}
	for i, c := range b {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' && b[i-1] != '-') {
			return false
		}
	}
	return true
}

func uuidForm(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

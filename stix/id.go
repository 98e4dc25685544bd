package stix

import (
	"fmt"
	"strings"
)

// ID is a STIX identifier, `object-type--UUID` (STIX 2.1, section 2.9). An ID that ParseID returns has its UUID in
// lower case: UUIDs are equal whatever the case of their digits (RFC 4122, section 3), so a marking, an owner or a
// reference spelled in capitals is the same.
type ID string

const uuidLen = 36

// ParseID checks the form of an identifier: an object type as section 3.1 allows it, two hyphens, and a UUID in the
// 8-4-4-4-12 form. It ignores the variant and version of the UUID. The result has the UUID in lower case.
func ParseID(s string) (ID, error) {
	typ, uuid, ok := splitID(s)
	if !ok {
		return "", fmt.Errorf("%s is no STIX identifier, expected object-type--UUID", clip(s))
	}
	if err := CheckType(typ); err != nil {
		return "", fmt.Errorf("%s is no STIX identifier: %w", clip(s), err)
	}
	if !isUUID(uuid) {
		return "", fmt.Errorf("%s is no STIX identifier: %s is no UUID of the form 8-4-4-4-12", clip(s), clip(uuid))
	}
	return ID(s[:len(s)-uuidLen] + strings.ToLower(uuid)), nil
}

// splitID cuts s at the "--" before the UUID.
func splitID(s string) (typ, uuid string, ok bool) {
	if i := len(s) - uuidLen - 2; i > 0 && s[i:i+2] == "--" {
		return s[:i], s[i+2:], true
	}
	return strings.Cut(s, "--")
}

// CheckType checks an object type's name (STIX 2.1, sections 3.1 and 7.3.2): 3 to 250 characters of a-z, 0-9 and
// hyphen, beginning with a letter, without two hyphens in a row or one at the end.
func CheckType(s string) error {
	if len(s) < 3 || len(s) > 250 {
		return fmt.Errorf("the type %s has %d characters, expected 3 to 250", clip(s), len(s))
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && '0' <= c && c <= '9':
		case i > 0 && c == '-' && s[i-1] != '-':
		default:
			return fmt.Errorf("the type %s may hold a-z, 0-9 and single hyphens, and begins with a letter", clip(s))
		}
	}
	if s[len(s)-1] == '-' {
		return fmt.Errorf("the type %s ends in a hyphen, which makes identifiers ambiguous", clip(s))
	}
	return nil
}

func isUUID(s string) bool {
	if len(s) != uuidLen {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// Type returns the part before the UUID.
func (id ID) Type() string {
	if len(id) < uuidLen+2 {
		return ""
	}
	return string(id[:len(id)-uuidLen-2])
}

// UUID returns the last 36 characters.
func (id ID) UUID() string {
	if len(id) < uuidLen {
		return ""
	}
	return string(id[len(id)-uuidLen:])
}

// UUIDVersion returns the version digit of the UUID (RFC 4122, section 4.1.3) as a character, such as '4' for a random
// one.
func (id ID) UUIDVersion() byte {
	if len(id) < uuidLen {
		return 0
	}
	return id[len(id)-22]
}

// clip quotes s for a message, shortened.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return fmt.Sprintf("%.*q...", most, s)
	}
	return fmt.Sprintf("%q", s)
}

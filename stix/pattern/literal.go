package pattern

import "unicode/utf8"

// hexFault returns what is wrong with the content of h'…', or "" if nothing is. It accepts digits of either case; Check
// warns of capitals. Empty content means no octets.
func hexFault(content string) string {
	for i := 0; i < len(content); i++ {
		if c := content[i]; !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			r, _ := utf8.DecodeRuneInString(content[i:])
			return character(r) + " is no hexadecimal digit"
		}
	}
	if len(content)%2 != 0 {
		return "the number of digits is odd"
	}
	return ""
}

// base64Fault returns what is wrong with the content of b'…' (RFC 4648, section 4), or "" if nothing is. Line feeds are
// ignored (section 9.2); other white space is an error. Empty content is refused, as in the OASIS grammar: a comparison
// with no octets is a mistake.
func base64Fault(content string) string {
	data, pad := 0, 0
	for i := 0; i < len(content); i++ {
		switch c := content[i]; {
		case c == '\n':
		case c == '=':
			pad++
		case !isWordByte(c) && c != '+' && c != '/' || c == '_':
			r, _ := utf8.DecodeRuneInString(content[i:])
			return character(r) + " is no base64 digit"
		case pad > 0:
			return "a digit stands after the padding"
		default:
			data++
		}
	}
	switch {
	case data == 0 && pad == 0:
		return "there are no octets"
	case (data+pad)%4 != 0 || pad > 2:
		return "digits and padding do not make groups of four"
	}
	return ""
}

// timestampForm checks the form of a timestamp, not whether the date exists.
func timestampForm(s string) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) || s[len(s)-1] != 'Z' {
		return false
	}
	for i := 0; i < len(form); i++ {
		if form[i] == '0' && !isDigit(s[i]) || form[i] != '0' && s[i] != form[i] {
			return false
		}
	}
	fraction := s[len(form) : len(s)-1]
	if fraction == "" {
		return true
	}
	for i := 1; i < len(fraction); i++ {
		if !isDigit(fraction[i]) {
			return false
		}
	}
	return fraction[0] == '.' && len(fraction) > 1
}

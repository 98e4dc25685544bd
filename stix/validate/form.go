package validate

import (
	"bytes"
	"strconv"
)

// The forms of the common types (STIX 2.1, section 2), as predicates over text.

// hexForm reports whether b is an even number of digits and lower-case a-f (section 2.8).
func hexForm(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(b)%2 == 0
}

// hexDigits reports whether b consists of hexadecimal digits of either case.
func hexDigits(b []byte) bool {
	for _, c := range b {
		if !isHex(c) {
			return false
		}
	}
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// base64Form reports whether b is base64 as in RFC 4648, section 4, with padding and without other characters.
func base64Form(b []byte) bool {
	if len(b)%4 != 0 {
		return false
	}
	if len(b) > 0 && b[len(b)-1] == '=' {
		b = b[:len(b)-1]
		if b[len(b)-1] == '=' {
			b = b[:len(b)-1]
		}
	}
	for _, c := range b {
		if !isAlphanumeric(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

func isAlpha(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isAlphanumeric(c byte) bool { return isAlpha(c) || isDigit(c) }

// dictionaryKey reports whether b has the alphabet and length of section 2.3.
func dictionaryKey(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return len(b) <= 250
}

func hasUpper(b []byte) bool {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}

// hyphenated reports whether b is written as the Standard writes values: in lower case, with hyphens instead of spaces
// and underscores. It ignores characters beyond ASCII.
func hyphenated(b []byte) bool {
	for _, c := range b {
		if c == ' ' || c == '_' || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// finite reports whether a JSON number has a finite double.
func finite(number []byte) bool {
	if len(number) < 300 && !bytes.ContainsAny(number, "eE") {
		return true
	}
	_, err := strconv.ParseFloat(string(number), 64)
	return err == nil
}

// maxInteger is the largest integer of section 2.10; the smallest is its negative.
const maxInteger = 1<<53 - 1

// integerForm reports whether a JSON number is whole, however it is spelled (1.0 and 1e2 are), and if so whether it is
// within the range of section 2.10. value is valid if both are true.
func integerForm(number []byte) (value int64, whole, inRange bool) {
	rest := number
	negative := rest[0] == '-'
	if negative {
		rest = rest[1:]
	}
	exponent := int64(0)
	if i := bytes.IndexAny(rest, "eE"); i >= 0 {
		e, err := strconv.ParseInt(string(bytes.TrimPrefix(rest[i+1:], []byte("+"))), 10, 32)
		if err != nil { // the exponent has too many digits
			e = 1 << 31
			if rest[i+1] == '-' {
				e = -e
			}
		}
		rest, exponent = rest[:i], e
	}
	whole = true
	mantissa := rest
	if i := bytes.IndexByte(rest, '.'); i >= 0 {
		fraction := bytes.TrimRight(rest[i+1:], "0")
		mantissa = rest[:i]
		if len(fraction) > 0 {
			exponent -= int64(len(fraction))
			mantissa = append(append(make([]byte, 0, len(rest)), rest[:i]...), fraction...)
		}
	}
	mantissa = bytes.TrimLeft(mantissa, "0")
	if len(mantissa) == 0 {
		return 0, true, true
	}
	for exponent < 0 && mantissa[len(mantissa)-1] == '0' {
		mantissa = mantissa[:len(mantissa)-1]
		exponent++
	}
	if exponent < 0 {
		return 0, false, false
	}
	if int64(len(mantissa))+exponent > 16 {
		return 0, true, false
	}
	for _, c := range mantissa {
		value = value*10 + int64(c-'0')
	}
	for range exponent {
		value *= 10
	}
	if negative {
		value = -value
	}
	return value, true, value <= maxInteger && value >= -maxInteger
}

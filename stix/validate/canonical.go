package validate

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// appendCanonicalString appends a string in the form of RFC 8785, section 3.2.2.2: with the fewest escapes that JSON
// allows.
func appendCanonicalString(dst, s []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			if c < 0x20 {
				dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
				continue
			}
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// appendCanonicalNumber appends a number in the form in which ECMAScript writes its double (RFC 8785, section 3.2.2.3).
func appendCanonicalNumber(dst, number []byte) []byte {
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return append(dst, number...)
	}
	if f == 0 {
		return append(dst, '0')
	}
	abs := max(f, -f)
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if e := bytes.IndexByte(dst[start:], 'e'); e >= 0 { // e-07 is e-7 in ECMAScript
		if i := start + e + 2; i < len(dst)-1 && dst[i] == '0' {
			dst = append(dst[:i], dst[i+1:]...)
		}
	}
	return dst
}

// compareUTF16 compares names by their UTF-16 code units (RFC 8785, section 3.2.3). This differs from the order of
// bytes only between a character beyond the basic plane and one above the surrogates.
func compareUTF16(a, b []byte) int {
	for len(a) > 0 && len(b) > 0 {
		ra, na := utf8.DecodeRune(a)
		rb, nb := utf8.DecodeRune(b)
		if ra != rb {
			beyondA, beyondB := ra > 0xffff, rb > 0xffff
			switch {
			case beyondA && !beyondB && rb >= 0xe000:
				return -1
			case beyondB && !beyondA && ra >= 0xe000:
				return 1
			case ra < rb:
				return -1
			}
			return 1
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) - len(b)
}

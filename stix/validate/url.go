package validate

import (
	"bytes"
	"strings"
	"unicode"
)

// urlForm reports whether b is a URI as in RFC 3986, section 3, with a scheme and something after it: only the
// characters of the grammar, percent signs only before two hexadecimal digits, brackets only around an IP literal.
func urlForm(b []byte) bool {
	colon := schemeEnd(b)
	if colon < 0 || colon+1 == len(b) {
		return false
	}
	rest := b[colon+1:]
	host := 0
	if len(rest) >= 2 && rest[0] == '/' && rest[1] == '/' {
		host = 2
		end := host
		for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
			end++
		}
		if !authorityForm(rest[host:end], b[:colon]) {
			return false
		}
		host = end
	}
	fragment := false
	for i := host; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '%':
			if i+2 >= len(rest) || !isHex(rest[i+1]) || !isHex(rest[i+2]) {
				return false
			}
		case c == '#':
			if fragment {
				return false
			}
			fragment = true
		case c == '[' || c == ']' || !uriCharacter[c]:
			return false
		}
	}
	return true
}

// browserURL reports whether b is a URL except for characters after its host that browsers encode themselves: printable
// ones, including inner spaces, and percent signs before anything. A host may have letters beyond ASCII.
func browserURL(b []byte) bool {
	colon := schemeEnd(b)
	if colon < 0 || colon+1 == len(b) || b[len(b)-1] == ' ' {
		return false
	}
	rest := b[colon+1:]
	if slashes, ok := bytes.CutPrefix(rest, []byte("//")); ok {
		end := bytes.IndexAny(slashes, "/?#\\")
		if end < 0 {
			end = len(slashes)
		}
		ascii := bytes.Map(func(r rune) rune {
			if r >= 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) {
				return 'x'
			}
			return r
		}, slashes[:end])
		if !authorityForm(ascii, b[:colon]) {
			return false
		}
		rest = slashes[end:]
	} else if needsHost[strings.ToLower(string(b[:colon]))] {
		return false
	}
	return !bytes.ContainsFunc(rest, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
}

// schemeEnd returns the index of the colon after a scheme, or -1 if there is none.
func schemeEnd(b []byte) int {
	for i, c := range b {
		switch {
		case isAlpha(c):
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return i
		default:
			return -1
		}
	}
	return -1
}

// needsHost holds schemes whose URLs must have a host; for others it is optional.
var needsHost = map[string]bool{"http": true, "https": true, "ftp": true, "ws": true, "wss": true}

// authorityForm reports whether b is `[user@]host[:port]`.
func authorityForm(b, scheme []byte) bool {
	if at := lastByte(b, '@'); at >= 0 {
		if !uriText(b[:at]) {
			return false
		}
		b = b[at+1:]
	}
	port := b[len(b):]
	if len(b) > 0 && b[0] == '[' {
		end := lastByte(b, ']')
		if end < 0 {
			return false
		}
		literal := b[1:end]
		port = b[end+1:]
		if len(literal) == 0 || literal[0] != 'v' && !ipv6Form(literal) {
			return false
		}
		if len(port) > 0 && port[0] != ':' {
			return false
		}
	} else {
		if colon := lastByte(b, ':'); colon >= 0 {
			b, port = b[:colon], b[colon:]
		}
		if len(b) == 0 {
			return !needsHost[strings.ToLower(string(scheme))]
		}
		for _, c := range b {
			if c == ':' {
				return false
			}
		}
		if !uriText(b) {
			return false
		}
	}
	return len(port) <= 1 || digits(port[1:])
}

func lastByte(b []byte, c byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == c {
			return i
		}
	}
	return -1
}

// uriText reports whether b has only characters of a user or host: unreserved, sub-delimiters, colon and
// percent-encoded octets.
func uriText(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '%':
			if i+2 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2]) {
				return false
			}
		case c == '/' || c == '?' || c == '#' || c == '[' || c == ']' || c == '@' || !uriCharacter[c]:
			return false
		}
	}
	return true
}

// uriCharacter marks unreserved and reserved characters of RFC 3986, section 2, except % and #.
var uriCharacter = func() (t [256]bool) {
	for c := range 128 {
		t[c] = isAlphanumeric(byte(c))
	}
	for _, c := range "-._~:/?[]@!$&'()*+,;=" {
		t[c] = true
	}
	return t
}()

package validate

import "bytes"

// cutPrefix removes `/bits` from an address. ok is false if what follows the slash is not a number from 0 to most.
func cutPrefix(b []byte, most int) (address []byte, ok bool) {
	address, length, cidr := bytes.Cut(b, []byte("/"))
	if !cidr {
		return address, true
	}
	if len(length) == 0 || len(length) > 3 || !digits(length) || len(length) > 1 && length[0] == '0' {
		return address, false
	}
	n := 0
	for _, c := range length {
		n = n*10 + int(c-'0')
	}
	return address, n <= most
}

// ipv4Form reports whether b is four decimal octets without leading zeros.
func ipv4Form(b []byte) bool {
	octets := 0
	for len(b) > 0 {
		n, i := 0, 0
		for i < len(b) && isDigit(b[i]) && i < 4 {
			n = n*10 + int(b[i]-'0')
			i++
		}
		if i == 0 || i > 3 || n > 255 || i > 1 && b[0] == '0' {
			return false
		}
		octets++
		b = b[i:]
		if len(b) == 0 {
			break
		}
		if b[0] != '.' || len(b) == 1 {
			return false
		}
		b = b[1:]
	}
	return octets == 4
}

// ipv6Form reports whether b is an address in one of the three forms of RFC 4291, section 2.2, without a zone.
func ipv6Form(b []byte) bool {
	groups, gap := 0, false
	if bytes.HasPrefix(b, []byte("::")) {
		gap = true
		b = b[2:]
	}
	for len(b) > 0 {
		i := 0
		for i < len(b) && isHex(b[i]) {
			i++
		}
		if i < len(b) && b[i] == '.' {
			if !ipv4Form(b) {
				return false
			}
			groups += 2
			break
		}
		if i == 0 || i > 4 {
			return false
		}
		groups++
		b = b[i:]
		if len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return false
		}
		b = b[1:]
		if b[0] == ':' {
			if gap {
				return false
			}
			gap = true
			b = b[1:]
		}
	}
	return groups == 8 || gap && groups <= 7
}

// macForm reports whether b is six octets of two lower-case hexadecimal digits, separated by colons.
func macForm(b []byte) bool {
	if len(b) != 17 {
		return false
	}
	for i, c := range b {
		if i%3 == 2 && c != ':' || i%3 != 2 && (!isHex(c) || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}

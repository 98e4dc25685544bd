package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix/ijson"
)

// addressRules lists the rules on the values of addresses and names of hosts (section 6).
var addressRules = []Rule{
	{ID: "S-143", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.1.1, 6.15.1",
		Summary: "url of an artifact and value of a url are URLs of RFC 3986 with a scheme; characters that browsers take, and anything defanged: a warning.", value: observedURL},
	{ID: "S-145", Level: must, Severity: Warning, Layer: layerSemantic, Section: "6.4.1",
		Summary: "A domain name is one of RFC 1034 with labels of RFC 5890; empty, with spaces or a scheme: an error unless defanged.", value: domainName},
	{ID: "S-146", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "6.5.1",
		Summary: "An email address is an addr-spec of RFC 5322.", value: emailAddress},
	{ID: "S-147", Level: mustNot, Severity: Error, Layer: layerSemantic, Section: "6.5.1",
		Summary: "An email address with a display name; defanged: a warning.", value: displayName},
	{ID: "S-159", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.8.1, 6.9.1, 6.10.1",
		Summary: "IP addresses are addresses or CIDR blocks of their family, a MAC address is lower-case with colons; defanged: a warning.", value: networkAddress},
}

func observedURL(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	switch b := s.t.Bytes(node); {
	case urlForm(b):
	case browserURL(b):
		s.warn(node, "%s has characters that RFC 3986 does not allow there, though browsers take them; expected them percent-encoded", s.show(node))
	default:
		s.unlessDefanged(node, "%s is no URL of RFC 3986, expected scheme:rest with unusual characters percent-encoded%s", s.show(node), defangedHint(b))
	}
}

// defangedMarks lists what people put into addresses so that programs do not follow them, in lower case.
var defangedMarks = [...]string{"[.", ".]", "(.", ".)", "{.", ".}", "[:", ":]", "(:", ":)", "[@", "@]", "[/", "/]", "[dot", "(dot", "{dot", " dot ", "[at]", "(at)", " at ", "hxxp", "h**p", "htxp", "\\."}

// defangedHint returns advice for a message about a value that looks defanged, or "".
func defangedHint(b []byte) string {
	lower := bytes.ToLower(b)
	for _, mark := range defangedMarks {
		if bytes.Contains(lower, []byte(mark)) {
			return "; if it was altered on purpose, say so with \"defanged\": true"
		}
	}
	return ""
}

func domainName(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	b := s.t.Bytes(node)
	switch {
	case len(b) == 0 || bytes.ContainsAny(b, " \t\r\n") || bytes.Contains(b, []byte("://")):
		s.unlessDefanged(node, "%s is no domain name, expected labels joined by dots, without spaces or a scheme%s", s.show(node), defangedHint(b))
	case !domainForm(b):
		s.warn(node, "%s is no domain name of RFC 1034, expected labels of letters, digits and hyphens joined by dots%s", s.show(node), defangedHint(b))
	}
}

// domainForm reports whether b consists of labels of 1 to 63 letters, digits and inner hyphens joined by dots, at most
// 253 in all. Characters beyond ASCII are allowed, for internationalised labels.
func domainForm(b []byte) bool {
	if len(b) > 253 {
		return false
	}
	for {
		label, rest, more := bytes.Cut(b, []byte("."))
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !isAlphanumeric(c) && c != '-' && c < 0x80 {
				return false
			}
		}
		if !more {
			return true
		}
		b = rest
	}
}

func emailAddress(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	if b := s.t.Bytes(node); !addrSpec(b) && !withDisplayName(b) {
		s.report(node, "%s is no email address, expected local-part@domain%s", s.show(node), defangedHint(b))
	}
}

func displayName(s *subject, _ *property, node int) {
	if b := s.str(node); withDisplayName(b) {
		s.unlessDefanged(node, "%s has a display name; put it into display_name and only the address here", s.show(node))
	}
}

// withDisplayName reports whether b is `name <address>`.
func withDisplayName(b []byte) bool {
	open := bytes.IndexByte(b, '<')
	return open > 0 && bytes.IndexByte(b[open:], '>') > 0 && len(bytes.TrimSpace(b[:open])) > 0 && !addrSpec(b)
}

// addrSpec reports whether b is local-part@domain (RFC 5322, section 3.4.1): a dot-atom or quoted string, and a
// dot-atom or domain literal.
func addrSpec(b []byte) bool {
	at := bytes.LastIndexByte(b, '@')
	if at < 1 || at == len(b)-1 {
		return false
	}
	local, domain := b[:at], b[at+1:]
	if local[0] == '"' {
		if !quotedString(local) {
			return false
		}
	} else if !dotAtom(local) {
		return false
	}
	if domain[0] == '[' {
		return domain[len(domain)-1] == ']' && !bytes.ContainsAny(domain[1:len(domain)-1], "[]\\ ")
	}
	return dotAtom(domain)
}

func quotedString(b []byte) bool {
	if len(b) < 2 || b[len(b)-1] != '"' {
		return false
	}
	inner := b[1 : len(b)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			i++
			if i == len(inner) {
				return false
			}
		case '"':
			return false
		}
	}
	return true
}

func dotAtom(b []byte) bool {
	last := byte('.')
	for _, c := range b {
		if c == '.' && last == '.' {
			return false
		}
		if c != '.' && c < 0x80 && !isAlphanumeric(c) && bytes.IndexByte([]byte("!#$%&'*+-/=?^_`{|}~"), c) < 0 {
			return false
		}
		last = c
	}
	return last != '.'
}

func networkAddress(s *subject, p *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	b := s.t.Bytes(node)
	switch p.in.name {
	case "ipv4-addr":
		if address, ok := cutPrefix(b, 32); !ok || !ipv4Form(address) {
			s.unlessDefanged(node, "%s is no IPv4 address, expected four numbers such as 198.51.100.3, or a block such as 198.51.100.0/24%s", s.show(node), defangedHint(b))
		}
	case "ipv6-addr":
		s.ipv6Address(node, b)
	case "mac-addr":
		if !macForm(b) {
			s.unlessDefanged(node, "%s is no MAC address, expected six lower-case octets joined by colons, such as 00:1b:44:11:3a:b7%s", s.show(node), defangedHint(b))
		}
	}
}

func (s *subject) ipv6Address(node int, b []byte) {
	address, ok := cutPrefix(b, 128)
	plain, zone, zoned := bytes.Cut(address, []byte("%"))
	switch {
	case !ok || !ipv6Form(plain) || zoned && len(zone) == 0:
		s.unlessDefanged(node, "%s is no IPv6 address, expected one such as 2001:db8::1, or a block such as 2001:db8::/32%s", s.show(node), defangedHint(b))
	case zoned:
		s.warn(node, "%s has a zone, which means nothing on another machine", s.show(node))
	}
}

package validate

import (
	"bytes"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// scoRules lists the rules on STIX Cyber-observable Objects (section 6), except for addresses and host names.
var scoRules = []Rule{
	seen("S-140", must, layerSchema, "6.1", "An artifact has exactly one of payload_bin and url."),
	seen("S-141", must, layerSchema, "6.1.1", "An artifact with a url has hashes."),
	seen("S-142", mustNot, layerSchema, "6.1.1", "decryption_key without encryption_algorithm."),
	seen("S-148", mustNot, layerSchema, "6.6.1", "body of an email message when is_multipart is true."),
	seen("S-149", mustNot, layerSchema, "6.6.1", "body_multipart when is_multipart is false."),
	seen("S-150", must, layerSchema, "6.6.1, 6.12.2", "Each value of additional_header_fields and request_header is a list of strings; in an observable container one string is taken, as in STIX 2.0."),
	{ID: "S-151", Level: must, Severity: Error, Layer: layerSchema, Section: "6.6.2",
		Summary: "A MIME part has body or body_raw_ref; both: a warning.", types: "email-message", object: twoBodies},
	seen("S-152", must, layerSchema, "6.7", "A file has hashes or name."),
	seen("S-153", mustNot, layerSchema, "6.7.1, 6.7.3, 6.7.6", "Negative sizes."),
	seen("S-154", definition, layerSchema, "6.7.6, 6.12.4", "number_of_sections, number_of_symbols and socket_descriptor are not negative."),
	seen("S-155", must, layerSchema, "6.7.3-6.7.6, 6.12.5, 6.13.2, 6.13.3, 6.16.2", "An extension with optional properties only has at least one; a Windows PE binary one besides pe_type."),
	seen("S-160", must, layerSchema, "6.12", "Network traffic has protocols, and src_ref or dst_ref."),
	seen("S-161", mustNot, layerSchema, "6.12.1", "end of network traffic with is_active true."),
	seen("S-162", must, layerSchema, "6.12.1", "Ports are from 0 to 65535."),
	{ID: "S-164", Level: should, Severity: Warning, Layer: layerSemantic, Section: "6.12, 6.12.1",
		Summary: "Network traffic has both ports, and protocols are IANA service names that include those of its extensions.",
		types:   "network-traffic", object: describedTraffic},
	seen("S-165", must, layerSchema, "6.13", "A process has at least one property of its own or an extension."),
	{ID: "S-167", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.14.1",
		Summary: "cpe is a formatted string of CPE 2.3.", value: cpeName},
	{ID: "S-168", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.14.1",
		Summary: "languages of software are well-formed language tags of RFC 5646; unregistered ones, and underscores for hyphens, are a warning.", value: softwareLanguage},
	seen("S-169", must, layerSchema, "6.16", "A user account has at least one property of its own or an extension."),
	seen("S-170", must, layerSchema, "6.17", "A registry key has at least one of its properties."),
	{ID: "S-171", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.17.1",
		Summary: "The hive of a registry key is written out in full; a key without a hive: a warning.", value: fullHive},
	{ID: "S-176", Level: must, Severity: Warning, Layer: layerSemantic, Section: "6.6",
		Summary: "Header fields of an email message are decoded: no encoded-words of RFC 2047.", types: "email-message", object: plainHeaders},
	{ID: "S-177", Level: must, Severity: Warning, Layer: layerSemantic, Section: "6.12.1",
		Summary: "protocols of network traffic stand from outer to inner.", types: "network-traffic", object: orderedProtocols},
	seen("S-172", must, layerSchema, "6.17.2", "A registry value has at least one of name, data and data_type."),
	seen("S-173", must, layerSchema, "6.18", "A certificate has at least one of its properties."),
	seen("S-174", must, layerSchema, "6.18.2", "x509_v3_extensions has at least one property."),
}

var (
	pBodyMultipart = prop("body_multipart")
	pSrcPort       = prop("src_port")
	pDstPort       = prop("dst_port")
	pProtocols     = prop("protocols")

	pSubject                = prop("subject")
	pAdditionalHeaderFields = prop("additional_header_fields")
)

func twoBodies(s *subject) {
	for part := range s.t.Items(s.get(pBodyMultipart)) {
		if s.t.Member(part, "body") >= 0 && s.t.Member(part, "body_raw_ref") >= 0 {
			s.warn(part, "the part has body and body_raw_ref, expected one of them")
		}
	}
}

func describedTraffic(s *subject) {
	if src, dst := s.has(pSrcPort), s.has(pDstPort); !src || !dst {
		what := "src_port and dst_port"
		switch {
		case src:
			what = "dst_port"
		case dst:
			what = "src_port"
		}
		s.report(s.root, "the traffic has no %s", what)
	}
	protocols := s.get(pProtocols)
	for item := range s.t.Items(protocols) {
		if b := s.str(item); b != nil && !serviceName(b) {
			s.report(item, "%s is no IANA service name, expected up to 15 of a-z, 0-9 and hyphen, such as ipv4, tcp or http", s.show(item))
		}
	}
	if !s.isList(protocols) {
		return
	}
	for name, value := range s.t.Members(s.get(pExtensions)) {
		var want string
		switch string(s.t.Bytes(name)) {
		case "http-request-ext":
			want = "http"
		case "icmp-ext":
			want = "icmp"
		case "tcp-ext":
			want = "tcp"
		default:
			continue
		}
		if !s.lists(protocols, want) {
			s.report(value, "the extension describes %s, which protocols does not list", want)
		}
	}
}

// lists reports whether the list contains a protocol, or a variant of it such as https or icmpv6 (ipv6-icmp).
func (s *subject) lists(protocols int, want string) bool {
	for item := range s.t.Items(protocols) {
		if bytes.Contains(s.str(item), []byte(want)) {
			return true
		}
	}
	return false
}

// serviceName reports whether b has the syntax of RFC 6335, section 5.1, in lower case as the Standard requires. It
// does not consult the registry, which has thousands of names and grows.
func serviceName(b []byte) bool {
	if len(b) == 0 || len(b) > 15 || b[0] == '-' || b[len(b)-1] == '-' {
		return false
	}
	letter := false
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z':
			letter = true
		case isDigit(c):
		case c == '-' && b[i-1] != '-':
		default:
			return false
		}
	}
	return letter
}

// cpeName checks for `cpe:2.3:` and eleven components (NISTIR 7695, section 6.2): part, then attribute values that are
// * or - or text in which special characters are escaped by a backslash.
func cpeName(s *subject, _ *property, node int) {
	b := s.str(node)
	if s.t.Kind(node) != ijson.String || cpeForm(b) {
		return
	}
	s.report(node, "%s is no CPE 2.3 name, expected cpe:2.3: and eleven parts separated by colons, such as cpe:2.3:a:vendor:product:1.0:*:*:*:*:*:*:*", s.show(node))
}

func cpeForm(b []byte) bool {
	rest, ok := bytes.CutPrefix(b, []byte("cpe:2.3:"))
	if !ok {
		return false
	}
	parts, length := 1, 0
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\\':
			i++
			if i == len(rest) || rest[i] <= ' ' || rest[i] >= 0x7f {
				return false
			}
			length++
		case c == ':':
			if length == 0 {
				return false
			}
			parts, length = parts+1, 0
		case isAlphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '*' || c == '?' || c == '~' || c == '%':
			length++
		default:
			return false
		}
	}
	part := rest[0]
	return parts == 11 && length > 0 && rest[1] == ':' && (part == 'a' || part == 'o' || part == 'h' || part == '*' || part == '-')
}

// hives maps abbreviations of registry hives to their names.
var hives = map[string]string{"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT",
	"HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG"}

func fullHive(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	hive, _, _ := bytes.Cut(s.t.Bytes(node), []byte{'\\'})
	name := bytes.ToUpper(hive)
	switch full := hives[string(name)]; {
	case full != "":
		s.report(node, "the key begins with the abbreviation %s, expected %s", hive, full)
	case !rootKeys[string(name)]:
		s.warn(node, "%s does not begin with a hive, expected the whole key, such as HKEY_LOCAL_MACHINE\\SOFTWARE", s.show(node))
	}
}

// rootKeys holds the names of registry hives.
var rootKeys = map[string]bool{"HKEY_LOCAL_MACHINE": true, "HKEY_CURRENT_USER": true, "HKEY_CLASSES_ROOT": true, "HKEY_USERS": true,
	"HKEY_CURRENT_CONFIG": true, "HKEY_PERFORMANCE_DATA": true, "HKEY_PERFORMANCE_TEXT": true, "HKEY_PERFORMANCE_NLSTEXT": true,
	"HKEY_DYN_DATA": true, "HKEY_CURRENT_USER_LOCAL_SETTINGS": true}

// softwareLanguage accepts the spelling of locales with a warning, because its meaning is clear.
func softwareLanguage(s *subject, p *property, node int) {
	b := s.str(node)
	if tag := bytes.ReplaceAll(b, []byte("_"), []byte("-")); len(tag) > 0 && !tagForm(b) && tagForm(tag) {
		s.warn(node, "%s has underscores, expected the language tag %s of RFC 5646", s.show(node), tag)
		return
	}
	languageTag(s, p, node)
}

// plainHeaders reports header fields with characters encoded as in RFC 2047: they must be decoded.
func plainHeaders(s *subject) {
	s.plainHeader(s.get(pSubject))
	for _, values := range s.t.Members(s.get(pAdditionalHeaderFields)) {
		s.plainHeader(values)
		for value := range s.t.Items(values) {
			s.plainHeader(value)
		}
	}
}

func (s *subject) plainHeader(node int) {
	if encodedWord(s.str(node)) {
		s.report(node, "%s holds an encoded-word of RFC 2047, expected the decoded text", s.show(node))
	}
}

// encodedWord reports whether b holds `=?charset?encoding?text?=` (RFC 2047, section 2).
func encodedWord(b []byte) bool {
	for {
		_, rest, ok := bytes.Cut(b, []byte("=?"))
		if !ok {
			return false
		}
		b = rest
		charset, rest, ok := bytes.Cut(rest, []byte("?"))
		if !ok || len(charset) == 0 || bytes.ContainsAny(charset, " \t=") || len(rest) < 3 || rest[1] != '?' || bytes.IndexByte([]byte("bBqQ"), rest[0]) < 0 {
			continue
		}
		if end := bytes.Index(rest[2:], []byte("?=")); end >= 0 && !bytes.ContainsAny(rest[2:2+end], " \t?") {
			return true
		}
	}
}

// layers maps protocols to their layers, the outermost first; others may be anywhere.
var layers = func() map[string]int {
	all := map[string]int{}
	for layer, names := range []string{
		"ethernet wlan ppp ppoe arp token-ring",
		"ip ipv4 ipv6 ipx",
		"tcp udp sctp dccp gre esp ah",
		"ssl tls dtls",
		"http https ftp ftps smtp smtps imap imaps pop3 pop3s dns ssh telnet smb snmp ntp ldap ldaps rdp sip irc dhcp tftp nntp",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = layer + 1
		}
	}
	return all
}()

// networkLayer is the layer with which the protocols inside a tunnel begin again.
const networkLayer = 2

// orderedProtocols reports an inner protocol before an outer one, unless a tunnel carries the outer one.
func orderedProtocols(s *subject) {
	highest, at, carried := 0, -1, false
	for item := range s.t.Items(s.get(pProtocols)) {
		layer := layers[string(bytes.ToLower(s.str(item)))]
		switch {
		case layer == 0:
			continue
		case layer < highest && (layer > networkLayer || !carried):
			s.report(item, "%s stands behind %s, expected protocols from outer to inner, such as ipv4, tcp, http", s.show(item), s.show(at))
			return
		}
		highest, at, carried = layer, item, carried || layer == networkLayer
	}
}

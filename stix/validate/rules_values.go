package validate

import (
	"bytes"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// valueRules lists the rules on single values of the common types.
var valueRules = []Rule{
	{ID: "S-007", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.10",
		Summary: "An integer is whole and within -(2^53)+1 and 2^53-1.", on: kindInteger, value: wholeNumber},
	{ID: "S-008", Level: definition, Severity: Error, Layer: layerSemantic, Section: "2.6",
		Summary: "A float is finite in double precision.", on: kindFloat, value: finiteNumber},
	{ID: "S-028", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.3",
		Summary: "A dictionary key has A-Z, a-z, 0-9, hyphen and underscore, at most 250; keys that copy an outside name: a warning.",
		on:      kindDictionary, value: keyAlphabet},
	{ID: "S-029", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.3",
		Summary: "Dictionary keys are lower-case, unless their case has a meaning."},
	{ID: "S-031", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.7",
		Summary: "Hash algorithms are named as in hash-algorithm-ov, in its spelling.", on: kindHashes, value: hashNames},
	{ID: "S-032", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.7",
		Summary: "Hashes include SHA-256.", on: kindHashes, value: hashStrength},
	{ID: "S-038", Level: must, Severity: Error, Layer: layerSemantic, Section: "10.7",
		Summary: "A hash has the form of its algorithm.", on: kindHashes, value: hashForms},
	{ID: "S-039", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.8",
		Summary: "A hex value has an even number of digits and a-f; upper-case is a warning.", on: kindHex, value: hexValue},
	{ID: "S-040", Level: definition, Severity: Error, Layer: layerSemantic, Section: "2.1",
		Summary: "A binary value is base64 of RFC 4648 with padding.", on: kindBinary, value: binaryValue},
	{ID: "S-042", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.14, 10",
		Summary: "A value of an open vocabulary is one of those listed.", on: kindVocabulary, value: knownTerm},
	{ID: "S-043", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.14",
		Summary: "One's own value of an open vocabulary is lower-case with hyphens.", on: kindVocabulary, value: ownTerm},
	{ID: "S-045", Level: should, Severity: Warning, Layer: layerSemantic, Section: "2.11",
		Summary: "Names of kill chains and their phases are lower-case with hyphens.", value: hyphenatedName},
	{ID: "S-048", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "2.5.1",
		Summary: "The url of an external reference is a URL of RFC 3986.", value: referenceURL},
	{ID: "S-083", Level: must, Severity: Warning, Layer: layerSemantic, Section: "3.9.1, 6.3.1, 6.7.1",
		Summary: "A name's encoding is an IANA character set, by its preferred MIME name if it has one.", value: characterSet},
	{ID: "S-158", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.7.4, 6.7.5, 6.12.1, 6.12.4, 6.13.1",
		Summary: "Values of document_info_dict and environment_variables are strings, of exif_tags and ipfix integers or strings, of socket options integers.",
		value:   dictionaryValues},
	{ID: "S-163", Level: definition, Severity: Error, Layer: layerSemantic, Section: "6.12.1",
		Summary: "Byte and packet counts are not negative.", value: countValue},
	{ID: "S-166", Level: should, Severity: Warning, Layer: layerSemantic, Section: "6.13.2",
		Summary: "The priority of a Windows process ends in _CLASS.", value: priorityClass},
	{ID: "S-175", Level: should, Severity: Warning, Layer: layerSemantic, Section: "6.1.1, 6.7.1",
		Summary: "A mime_type is an IANA media type.", value: mediaType},
	{ID: "S-178", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "6.12.2",
		Summary: "request_method and request_version are lower-case.", value: lowerCase},
}

func wholeNumber(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.Number {
		return
	}
	switch _, whole, inRange := integerForm(s.t.Raw(node)); {
	case !whole:
		s.report(node, "%s is no whole number, expected an integer", s.show(node))
	case !inRange:
		s.report(node, "%s is out of the range of integers, expected -9007199254740991 to 9007199254740991", s.show(node))
	}
}

func finiteNumber(s *subject, _ *property, node int) {
	if s.t.Kind(node) == ijson.Number && !finite(s.t.Raw(node)) {
		s.report(node, "%s is no finite number of double precision", s.show(node))
	}
}

func keyAlphabet(s *subject, p *property, node int) {
	for name, value := range s.t.Members(node) {
		if dictionaryKey(s.t.Bytes(name)) {
			continue
		}
		const message = "the key %s has characters or a length that a dictionary key may not have; expected at most 250 of A-Z, a-z, 0-9, - and _"
		if p.outside {
			s.warn(value, message, s.show(name))
			continue
		}
		s.report(value, message, s.show(name))
	}
}

var hashAlgorithms, hashAlgorithms20 = vocabularies["hash-algorithm-ov"], vocabularies["2.0/hash-algorithm-ov"]

func hashNames(s *subject, _ *property, node int) {
	for name, value := range s.t.Members(node) {
		key := s.t.Bytes(name)
		if hashAlgorithms.has(key) || s.legacy && hashAlgorithms20.has(key) {
			continue
		}
		if known := spelledAs(key); known != "" {
			s.report(value, "the hash algorithm %s is spelled %q in hash-algorithm-ov", s.show(name), known)
			continue
		}
		s.report(value, "the hash algorithm %s is not in hash-algorithm-ov; expected one of MD5, SHA-1, SHA-256, SHA-512, SHA3-256, SHA3-512, SSDEEP, TLSH", s.show(name))
	}
}

// spelledAs returns the algorithm of the vocabulary that key seems to mean, or "".
func spelledAs(key []byte) string {
	const longest = len("sha3-256") + 4 // with space for a few more hyphens
	if len(key) > longest {
		return ""
	}
	var room [longest]byte
	return hashSpellings[string(foldAlgorithm(room[:0], key))]
}

// hashSpellings maps folded names to those of the vocabulary.
var hashSpellings = func() map[string]string {
	all := map[string]string{}
	for known := range hashAlgorithms.values {
		all[string(foldAlgorithm(nil, []byte(known)))] = known
	}
	return all
}()

// foldAlgorithm appends a name in lower case, without its hyphens and underscores.
func foldAlgorithm(dst, name []byte) []byte {
	for _, c := range name {
		switch {
		case c == '-' || c == '_':
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c|0x20)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func hashStrength(s *subject, _ *property, node int) {
	if s.t.Kind(node) == ijson.Object && s.t.Nodes[node].Count > 0 && s.t.Member(node, "SHA-256") < 0 {
		s.report(node, "there is no SHA-256 among the hashes; add it where the content is at hand")
	}
}

// hashLengths holds the number of hexadecimal digits of each algorithm.
var hashLengths = map[string]int{"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA3-256": 64, "SHA-512": 128, "SHA3-512": 128}

func hashForms(s *subject, _ *property, node int) {
	for name, value := range s.t.Members(node) {
		if s.t.Kind(value) != ijson.String {
			continue
		}
		key, hash := s.t.Bytes(name), s.t.Bytes(value)
		switch string(key) {
		case "SSDEEP":
			if !ssdeepForm(hash) {
				s.report(value, "%s is no SSDEEP hash, expected blocksize:hash:hash", s.show(value))
			}
		case "TLSH":
			switch {
			case len(hash) == 70 && hexDigits(hash):
			case len(hash) == 72 && bytes.HasPrefix(hash, []byte("T1")) && hexDigits(hash[2:]):
				s.warn(value, "%s has the prefix T1 of newer tools, expected 70 hexadecimal digits", s.show(value))
			default:
				s.report(value, "%s is no TLSH hash, expected 70 hexadecimal digits", s.show(value))
			}
		default:
			if n := hashLengths[string(key)]; n > 0 && (len(hash) != n || !hexDigits(hash)) {
				s.report(value, "%s is no %s hash, expected %d hexadecimal digits, found %d characters", s.show(value), key, n, len(hash))
			}
		}
	}
}

// ssdeepForm reports whether b is `digits:base64 characters:base64 characters`.
func ssdeepForm(b []byte) bool {
	parts := bytes.Split(b, []byte(":"))
	if len(parts) != 3 || !digits(parts[0]) {
		return false
	}
	for _, c := range append(parts[1][:len(parts[1]):len(parts[1])], parts[2]...) {
		if !isAlphanumeric(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

func hexValue(s *subject, _ *property, node int) {
	b := s.str(node)
	switch {
	case s.t.Kind(node) != ijson.String || hexForm(b):
	case hexDigits(b) && len(b)%2 == 0:
		s.warn(node, "%s has upper-case digits, expected a-f", s.show(node))
	case hexDigits(b):
		s.report(node, "%s has an odd number of digits, expected two an octet", s.show(node))
	default:
		s.report(node, "%s is not hexadecimal, expected an even number of digits and a-f", s.show(node))
	}
}

func binaryValue(s *subject, _ *property, node int) {
	if s.t.Kind(node) == ijson.String && !base64Form(s.t.Bytes(node)) {
		s.report(node, "%s is not base64, expected RFC 4648 base64 with padding and without line breaks", s.show(node))
	}
}

func knownTerm(s *subject, p *property, node int) {
	if s.t.Kind(node) == ijson.String && !p.vocab.has(s.t.Bytes(node)) {
		s.report(node, "%s is not a value of %s", s.show(node), p.vocab.name)
	}
}

func ownTerm(s *subject, p *property, node int) {
	if b := s.str(node); !hyphenated(b) && !p.vocab.has(b) {
		s.report(node, "%s has capitals, spaces or underscores; own values of %s are lower-case with hyphens", s.show(node), p.vocab.name)
	}
}

func hyphenatedName(s *subject, _ *property, node int) {
	if b := s.str(node); !hyphenated(b) {
		s.report(node, "%s has capitals, spaces or underscores, expected lower-case with hyphens", s.show(node))
	}
}

func referenceURL(s *subject, _ *property, node int) {
	if s.t.Kind(node) == ijson.String && !urlForm(s.t.Bytes(node)) {
		s.report(node, "%s is no URL of RFC 3986, expected scheme:rest with unusual characters percent-encoded", s.show(node))
	}
}

func characterSet(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	name := s.t.Bytes(node)
	if preferred := preferredCharset(name); preferred != "" && !bytes.EqualFold(name, []byte(preferred)) {
		s.report(node, "%s is an alias, expected the preferred name %s of the IANA character set", s.show(node), preferred)
	} else if preferred == "" && !isCharset(name) {
		s.report(node, "%s is not known as an IANA character set, expected a name such as UTF-8 or ISO-8859-1", s.show(node))
	}
}

func dictionaryValues(s *subject, p *property, node int) {
	for _, value := range s.t.Members(node) {
		kind := s.t.Kind(value)
		switch {
		case kind == ijson.String && strings.Contains(p.values, "str"):
		case kind == ijson.Number && strings.Contains(p.values, "int"):
			if _, whole, inRange := integerForm(s.t.Raw(value)); !whole || !inRange {
				s.report(value, "%s is no integer of STIX", s.show(value))
			}
		case kind == ijson.Null: // S-005
		case s.found.full(Error):
			return
		default:
			want := strings.NewReplacer("int", "an integer", "str", "a string", "|", " or ").Replace(p.values)
			s.report(value, "%s is %s, a value of %s is %s", s.show(value), kind, p.name, want)
		}
	}
}

func countValue(s *subject, p *property, node int) {
	if s.t.Kind(node) == ijson.Number {
		if n, whole, _ := integerForm(s.t.Raw(node)); whole && n < 0 {
			s.report(node, "%s is %s, a count is not negative", p.name, s.show(node))
		}
	}
}

func priorityClass(s *subject, _ *property, node int) {
	if b := s.str(node); b != nil && !bytes.HasSuffix(b, []byte("_CLASS")) {
		s.report(node, "%s does not end in _CLASS, expected a Windows priority class such as NORMAL_PRIORITY_CLASS", s.show(node))
	}
}

func lowerCase(s *subject, p *property, node int) {
	if b := s.str(node); hasUpper(b) {
		s.report(node, "%s is %s, expected it in lower case", p.name, s.show(node))
	}
}

// mediaTrees lists the top-level media types of the IANA registry.
const mediaTrees = " application audio example font haptics image message model multipart text video "

func mediaType(s *subject, _ *property, node int) {
	b := s.str(node)
	if b == nil {
		return
	}
	tree, subtype, ok := bytes.Cut(b, []byte("/"))
	ok = ok && len(tree) > 0 && strings.Contains(mediaTrees, " "+strings.ToLower(string(tree))+" ") && len(subtype) > 0
	for _, c := range subtype {
		ok = ok && (isAlphanumeric(c) || strings.IndexByte("!#$&-^_.+;= \"", c) >= 0)
	}
	if !ok {
		s.report(node, "%s is no IANA media type, expected type/subtype such as application/pdf", s.show(node))
	}
}

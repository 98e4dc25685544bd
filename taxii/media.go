package taxii

import (
	"strconv"
	"strings"
)

// The media types of TAXII 2.1 and of what it carries (section 1.6.8), in the one spelling that every client reads.
const (
	MediaType     = "application/taxii+json;version=2.1"
	StixMediaType = "application/stix+json;version=2.1"
)

// MIME types without their version parameter.
const (
	taxiiType = "application/taxii+json"
	stixType  = "application/stix+json"
	jsonType  = "application/json"
	version   = "2.1"
)

// Negotiate decides whether the values of the Accept header lines let MediaType be sent (section 3.1). An absent header,
// */* and application/* do, so do a TAXII range without a version and one among others; q=0 excludes. With stixToo, as
// for a manifest (section 5.3), a STIX 2.1 range does as well. The error is a [*NotAcceptableError].
func Negotiate(accept []string, stixToo bool) error {
	if len(accept) == 1 && accept[0] == MediaType {
		return nil
	}
	header := strings.Join(accept, ",")
	var taxii, stix choice
	any := false
	for item := range split(header, ',') {
		item = trim(item)
		if item == "" {
			continue
		}
		any = true
		m, ok := parseMedia(item)
		if !ok {
			continue
		}
		taxii.consider(m, taxiiType)
		stix.consider(m, stixType)
	}
	if !any || taxii.served() || stixToo && stix.served() {
		return nil
	}
	err := &NotAcceptableError{Accept: header, Offered: []string{MediaType}, Hint: hint(header)}
	if stixToo {
		err.Offered = append(err.Offered, StixMediaType)
	}
	return err
}

// choice is the most specific media range that matches one media type (RFC 9110, section 12.5.1).
type choice struct {
	rank   int // 0 none, 1 */*, 2 application/*, 3 the type, 4 the type and version
	refuse bool
}

func (c *choice) served() bool { return c.rank > 0 && !c.refuse }

func (c *choice) consider(m media, name string) {
	rank := 0
	switch {
	case m.name == name && !m.versioned:
		rank = 3
	case m.name == name && m.version == version:
		rank = 4
	case m.name == "application/*":
		rank = 2
	case m.name == "*/*" || m.name == "*":
		rank = 1
	}
	if rank > c.rank || rank == c.rank && c.refuse {
		*c = choice{rank: rank, refuse: m.zero}
	}
}

// hint tells what the sender of a refused media type may not know.
func hint(header string) string {
	lower := strings.ToLower(header)
	switch {
	case strings.Contains(lower, "vnd.oasis"):
		return "the vnd.oasis types are those of TAXII and STIX 2.0; this server speaks TAXII 2.1"
	case strings.Contains(lower, "taxii") && strings.Contains(lower, "version"):
		return "this server speaks TAXII 2.1 only"
	}
	return ""
}

// CheckContentType decides whether the body of a POST is read, from the values of its Content-Type and Content-Encoding
// header lines: TAXII 2.1, STIX of any version 2.x, or JSON, in any spelling that HTTP allows, with or without a version,
// and not compressed. A server may take types beside its own (section 3.1), and clients send all of these. The error is an
// [*UnsupportedMediaError].
func CheckContentType(values []string, contentEncoding []string) error {
	for _, line := range contentEncoding {
		for coding := range split(line, ',') {
			if coding = trim(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return &UnsupportedMediaError{Header: "Content-Encoding", Value: coding, Want: "none: the body is read uncompressed"}
			}
		}
	}
	if len(values) == 1 && values[0] == MediaType {
		return nil
	}
	refuse := &UnsupportedMediaError{Header: "Content-Type", Value: strings.Join(values, ", "), Want: MediaType}
	if len(values) != 1 {
		return refuse
	}
	if m, ok := parseMedia(values[0]); ok && m.isBody() {
		return nil
	}
	refuse.Hint = hint(values[0])
	return refuse
}

// media is a media type or range as HTTP writes it.
type media struct {
	name      string // lower case, type/subtype
	version   string
	versioned bool
	zero      bool // q=0
}

// isBody reports whether a POST may have this type.
func (m media) isBody() bool {
	switch m.name {
	case taxiiType:
		return !m.versioned || m.version == version
	case stixType:
		return !m.versioned || len(m.version) > 2 && strings.HasPrefix(m.version, "2.") && allDigits(m.version[2:])
	}
	return m.name == jsonType
}

// parseMedia reads one media type with its parameters (RFC 9110, section 8.3.1). It ignores parameters other than version
// and q, malformed ones too.
func parseMedia(s string) (media, bool) {
	var m media
	first := true
	for part := range split(s, ';') {
		part = trim(part)
		if first {
			first = false
			m.name = strings.ToLower(part)
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		value = unquote(trim(value))
		switch strings.ToLower(trim(name)) {
		case "version":
			if m.versioned && m.version != value {
				value = "" // two different ones match none
			}
			m.versioned, m.version = true, value
		case "q":
			q, err := strconv.ParseFloat(value, 64)
			m.zero = err == nil && q <= 0
		}
	}
	return m, m.name != "" && !strings.ContainsAny(m.name, " \t\"")
}

// split yields the parts of s between separators that stand outside quoted strings.
func split(s string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '"':
				quoted = !quoted
			case quoted && s[i] == '\\':
				i++
			case !quoted && s[i] == separator:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}

func trim(s string) string { return strings.Trim(s, " \t") }

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

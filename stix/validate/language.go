package validate

import (
	"bytes"
	"strings"

	"golang.org/x/text/language"
)

// tagForm reports whether b is a well-formed language tag (RFC 5646, section 2.1), in any case. It does not check
// whether the subtags are registered.
func tagForm(b []byte) bool {
	if len(b) == 0 || len(b) > 255 {
		return false
	}
	if irregularTags[strings.ToLower(string(b))] {
		return true
	}
	subtag, rest := nextSubtag(b)
	if len(subtag) == 1 && subtag[0]|0x20 == 'x' {
		return len(rest) > 0 && subtags(rest, 1, 8)
	}
	if len(subtag) < 2 || len(subtag) > 8 || !alphabetic(subtag) {
		return false
	}
	next, after := nextSubtag(rest)
	for i := 0; i < 3 && len(subtag) <= 3 && len(next) == 3 && alphabetic(next); i++ { // extended languages
		rest = after
		next, after = nextSubtag(rest)
	}
	if len(next) == 4 && alphabetic(next) { // script
		rest = after
		next, after = nextSubtag(rest)
	}
	if len(next) == 2 && alphabetic(next) || len(next) == 3 && digits(next) { // region
		rest = after
		next, after = nextSubtag(rest)
	}
	for len(next) >= 5 && len(next) <= 8 && alphanumeric(next) || len(next) == 4 && isDigit(next[0]) && alphanumeric(next) { // variants
		rest = after
		next, after = nextSubtag(rest)
	}
	for len(next) == 1 && isAlphanumeric(next[0]) && next[0]|0x20 != 'x' { // extensions
		rest = after
		next, after = nextSubtag(rest)
		if len(next) < 2 {
			return false
		}
		for len(next) >= 2 && len(next) <= 8 && alphanumeric(next) {
			rest = after
			next, after = nextSubtag(rest)
		}
	}
	if len(next) == 1 && next[0]|0x20 == 'x' {
		return len(after) > 0 && subtags(after, 1, 8)
	}
	return rest == nil
}

// nextSubtag splits b at the first hyphen. rest is nil at the end, and empty but not nil after a trailing hyphen.
func nextSubtag(b []byte) (subtag, rest []byte) {
	i := bytes.IndexByte(b, '-')
	if i < 0 {
		return b, nil
	}
	return b[:i], b[i+1:]
}

func subtags(b []byte, least, most int) bool {
	for b != nil {
		var one []byte
		one, b = nextSubtag(b)
		if len(one) < least || len(one) > most || !alphanumeric(one) {
			return false
		}
	}
	return true
}

func alphabetic(b []byte) bool {
	for _, c := range b {
		if !isAlpha(c) {
			return false
		}
	}
	return true
}

func alphanumeric(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

// irregularTags holds the grandfathered tags that do not follow the grammar.
var irregularTags = map[string]bool{
	"en-gb-oed": true, "i-ami": true, "i-bnn": true, "i-default": true, "i-enochian": true, "i-hak": true, "i-klingon": true,
	"i-lux": true, "i-mingo": true, "i-navajo": true, "i-pwn": true, "i-tao": true, "i-tay": true, "i-tsu": true,
	"sgn-be-fr": true, "sgn-be-nl": true, "sgn-ch-de": true,
}

// registeredTag reports whether the subtags of a well-formed tag are registered.
func registeredTag(b []byte) bool {
	if string(b) == "en" || b[0]|0x20 == 'x' && b[1] == '-' || irregularTags[strings.ToLower(string(b))] {
		return true
	}
	_, err := language.Parse(string(b))
	return err == nil
}

// languageTag is the check of every rule on language tags: a malformed tag has the rule's severity, an unregistered one
// is a warning.
func languageTag(s *subject, _ *property, node int) {
	if b := s.str(node); b != nil {
		s.tag(node, b)
	}
}

func (s *subject) tag(node int, b []byte) {
	switch {
	case !tagForm(b):
		s.report(node, "%q is no language tag of RFC 5646, expected one such as en, de-CH or zh-Hant", shorten(b))
	case !registeredTag(b):
		s.warn(node, "%q has the form of a language tag, but its parts are not registered; expected one such as en, de-CH or zh-Hant", shorten(b))
	}
}

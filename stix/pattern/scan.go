package pattern

import (
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenOpenBracket
	tokenCloseBracket
	tokenOpenParen
	tokenCloseParen
	tokenColon
	tokenDot
	tokenComma
	tokenStar
	tokenEqual
	tokenNotEqual
	tokenLess
	tokenLessOrEqual
	tokenGreater
	tokenGreaterOrEqual
	tokenInteger
	tokenFloat
	tokenString
	tokenHex
	tokenBinary
	tokenTimestamp
	tokenHyphened // a word with a hyphen, which only object types may have
	tokenWord
	tokenAnd // from here on: keywords
	tokenOr
	tokenNot
	tokenFollowedBy
	tokenLike
	tokenMatches
	tokenIsSubset
	tokenIsSuperset
	tokenExists
	tokenIn
	tokenStart
	tokenStop
	tokenSeconds
	tokenWithin
	tokenRepeats
	tokenTimes
	tokenTrue
	tokenFalse
)

type token struct {
	kind       tokenKind
	start, end int
}

// scanner splits a text into tokens. It works on bytes, since every token except a string is ASCII. After the first
// error, which it keeps, it only returns the end of the text.
type scanner struct {
	text string
	pos  int // of the next byte to read
	tok  token
	err  *SyntaxError
}

// next reads one token into s.tok.
func (s *scanner) next() {
	s.skipSpace()
	if s.err != nil || s.pos >= len(s.text) {
		s.tok = token{kind: tokenEnd, start: len(s.text), end: len(s.text)}
		return
	}
	start, c := s.pos, s.text[s.pos]
	var kind tokenKind
	switch {
	case isWordStart(c):
		kind = s.word()
	case c == '\'':
		kind = s.quoted()
	case isDigit(c), c == '.' && isDigit(s.at(1)), (c == '-' || c == '+') && s.signed():
		kind = s.number()
	default:
		kind = s.mark(c)
	}
	if s.err != nil {
		s.tok = token{kind: tokenEnd, start: len(s.text), end: len(s.text)}
		return
	}
	s.tok = token{kind: kind, start: start, end: s.pos}
}

// at returns the byte i places after the current one, or 0 past the end.
func (s *scanner) at(i int) byte {
	if s.pos+i < len(s.text) {
		return s.text[s.pos+i]
	}
	return 0
}

// skipSpace skips white space: the characters with the Unicode property White_Space (section 9.1).
func (s *scanner) skipSpace() {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c < utf8.RuneSelf {
			if c != ' ' && (c < '\t' || c > '\r') {
				return
			}
			s.pos++
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if !unicode.Is(unicode.White_Space, r) {
			return
		}
		s.pos += size
	}
}

// mark reads an operator or a punctuation mark.
func (s *scanner) mark(c byte) tokenKind {
	following := s.at(1)
	s.pos++
	two := func(kind tokenKind) tokenKind {
		s.pos++
		return kind
	}
	switch c {
	case '[':
		return tokenOpenBracket
	case ']':
		return tokenCloseBracket
	case '(':
		return tokenOpenParen
	case ')':
		return tokenCloseParen
	case ':':
		return tokenColon
	case '.':
		return tokenDot
	case ',':
		return tokenComma
	case '*':
		return tokenStar
	case '=':
		if following == '=' {
			return two(tokenEqual)
		}
		return tokenEqual
	case '!':
		if following == '=' {
			return two(tokenNotEqual)
		}
	case '<':
		switch following {
		case '=':
			return two(tokenLessOrEqual)
		case '>':
			return two(tokenNotEqual)
		}
		return tokenLess
	case '>':
		if following == '=' {
			return two(tokenGreaterOrEqual)
		}
		return tokenGreater
	}
	s.pos--
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	s.fail(ruleGrammar, s.pos, "the character "+character(r), "", strayHint(r, s.text[s.pos:]))
	return tokenEnd
}

// word reads a word, or the prefix of a literal that touches its apostrophe.
func (s *scanner) word() tokenKind {
	start := s.pos
	if s.at(1) == '\'' {
		switch s.text[s.pos] {
		case 'h', 'b', 't':
			return s.prefixed()
		}
	}
	for s.pos < len(s.text) && isWordByte(s.text[s.pos]) {
		s.pos++
	}
	if s.at(0) != '-' {
		return keyword(s.text[start:s.pos])
	}
	for s.pos < len(s.text) && (isWordByte(s.text[s.pos]) || s.text[s.pos] == '-') {
		s.pos++
	}
	return tokenHyphened
}

// signed reports whether the sign at the cursor begins a number.
func (s *scanner) signed() bool {
	return isDigit(s.at(1)) || s.at(1) == '.' && isDigit(s.at(2))
}

// number reads an integer or a float: no exponent, and an integer has no leading zero.
func (s *scanner) number() tokenKind {
	start := s.pos
	if !isDigit(s.text[s.pos]) && s.text[s.pos] != '.' {
		s.pos++
	}
	first := s.pos
	s.skipDigits()
	if s.at(0) == '.' && isDigit(s.at(1)) {
		s.pos++
		s.skipDigits()
		return tokenFloat
	}
	if s.pos-first > 1 && s.text[first] == '0' {
		s.fail(ruleGrammar, start, "the number "+clip(s.text[start:s.pos]), "", "an integer has no leading zeros")
	}
	return tokenInteger
}

func (s *scanner) skipDigits() {
	for s.pos < len(s.text) && isDigit(s.text[s.pos]) {
		s.pos++
	}
}

// quoted reads a string. Only an apostrophe or a backslash may follow a backslash (section 9.2).
func (s *scanner) quoted() tokenKind {
	start := s.pos
	for i := start + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\'':
			s.pos = i + 1
			return tokenString
		case '\\':
			i++
			if i < len(s.text) && s.text[i] != '\'' && s.text[i] != '\\' {
				r, _ := utf8.DecodeRuneInString(s.text[i:])
				s.fail("S-302", i-1, "a backslash before "+character(r), `\' or \\`, `a backslash that stands for itself is written \\`)
				return tokenEnd
			}
		}
	}
	s.fail(ruleGrammar, start, "a string without an end: "+clip(s.text[start:]), "an apostrophe that closes it", "")
	return tokenEnd
}

// prefixed reads h'…', b'…' or t'…'. None of them has escapes.
func (s *scanner) prefixed() tokenKind {
	start := s.pos
	prefix := s.text[start]
	end := start + 2
	for end < len(s.text) && s.text[end] != '\'' {
		end++
	}
	if end >= len(s.text) {
		s.fail(prefixRule(prefix), start, "a constant without an end: "+clip(s.text[start:]), "an apostrophe that closes it", "")
		return tokenEnd
	}
	content := s.text[start+2 : end]
	s.pos = end + 1
	switch prefix {
	case 'h':
		if message := hexFault(content); message != "" {
			s.fail(ruleHex, start, "the constant "+clip(s.text[start:s.pos]), "pairs of hexadecimal digits", message)
		}
		return tokenHex
	case 'b':
		if message := base64Fault(content); message != "" {
			s.fail(ruleBinary, start, "the constant "+clip(s.text[start:s.pos]), "base64 with padding", message)
		}
		return tokenBinary
	}
	if !timestampForm(content) {
		s.fail(ruleTimestamp, start, "the constant "+clip(s.text[start:s.pos]), "t'YYYY-MM-DDTHH:mm:ss.sssZ'", "")
	}
	return tokenTimestamp
}

func prefixRule(prefix byte) string {
	switch prefix {
	case 'h':
		return ruleHex
	case 'b':
		return ruleBinary
	}
	return ruleTimestamp
}

// fail keeps the first error.
func (s *scanner) fail(rule string, offset int, found, expected, hint string) {
	if s.err != nil {
		return
	}
	message := "found " + found
	if expected != "" {
		message += ", expected " + expected
	}
	if hint != "" {
		message += "; " + hint
	}
	line, column := position(s.text, offset)
	s.err = &SyntaxError{Rule: rule, Line: line, Column: column, Found: found, Expected: expected, Message: message}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

func isWordByte(c byte) bool { return isWordStart(c) || isDigit(c) }

// keyword returns the kind of a word: tokenWord if it is not a keyword.
func keyword(word string) tokenKind {
	switch word {
	case "AND":
		return tokenAnd
	case "OR":
		return tokenOr
	case "NOT":
		return tokenNot
	case "FOLLOWEDBY":
		return tokenFollowedBy
	case "LIKE":
		return tokenLike
	case "MATCHES":
		return tokenMatches
	case "ISSUBSET":
		return tokenIsSubset
	case "ISSUPERSET":
		return tokenIsSuperset
	case "EXISTS":
		return tokenExists
	case "IN":
		return tokenIn
	case "START":
		return tokenStart
	case "STOP":
		return tokenStop
	case "SECONDS":
		return tokenSeconds
	case "WITHIN":
		return tokenWithin
	case "REPEATS":
		return tokenRepeats
	case "TIMES":
		return tokenTimes
	case "true":
		return tokenTrue
	case "false":
		return tokenFalse
	}
	return tokenWord
}

package pattern

import (
	"fmt"
	"unicode/utf8"
)

// alternatives reads comparisons joined by OR: the content of brackets and of parentheses inside them (section 9.6).
func (p *parser) alternatives() Comparison {
	first := p.conjunction()
	if p.err != nil || p.tok.kind != tokenOr {
		return first
	}
	parts := []Comparison{first}
	for p.err == nil && p.tok.kind == tokenOr {
		p.next()
		parts = append(parts, p.conjunction())
	}
	return &Combined{Joiner: Or, Parts: parts}
}

// conjunction reads comparisons joined by AND, which binds stronger than OR.
func (p *parser) conjunction() Comparison {
	first := p.comparison()
	if p.err != nil || p.tok.kind != tokenAnd {
		return first
	}
	parts := []Comparison{first}
	for p.err == nil && p.tok.kind == tokenAnd {
		p.next()
		parts = append(parts, p.comparison())
	}
	return &Combined{Joiner: And, Parts: parts}
}

// comparison reads one test or a comparison in parentheses.
func (p *parser) comparison() Comparison {
	if p.tok.kind == tokenOpenParen {
		parens := &Parens{Offset: p.tok.start}
		p.enter()
		parens.Inner = p.alternatives()
		if p.err == nil && p.tok.kind != tokenCloseParen {
			p.failAfterTest("')'")
		}
		p.leave()
		return parens
	}
	return p.test()
}

// test reads a path with its relation, or EXISTS with a path.
func (p *parser) test() Comparison {
	p.tests++
	if p.tests > p.opts.Tests {
		p.fail(ruleLimit, p.tok.start, fmt.Sprintf("a pattern of more than %d comparisons", p.opts.Tests), "",
			fmt.Sprintf("at most %d are taken", p.opts.Tests))
		return nil
	}
	t := p.newTest()
	t.Offset = p.tok.start
	if p.tok.kind == tokenNot {
		p.next()
		t.Not = true
		if p.tok.kind != tokenExists {
			p.fail(ruleGrammar, t.Offset, "NOT before an object path", "NOT EXISTS or an object path",
				"NOT stands behind the path: file:name NOT = 'a.exe'")
			return nil
		}
	}
	if p.tok.kind == tokenExists && !p.plainExists() {
		t.Operator, t.Spelling, t.OpOffset = Exists, "EXISTS", p.tok.start
		p.next()
		p.path(&t.Path)
		return t
	}
	p.path(&t.Path)
	if p.err == nil {
		p.relation(t)
	}
	return t
}

// plainExists reports whether the EXISTS at the cursor is an object type: it is not a keyword in version 2.0.
func (p *parser) plainExists() bool {
	if p.opts.Version != version20 {
		return false
	}
	ahead := scanner{text: p.text, pos: p.pos}
	ahead.skipSpace()
	return ahead.at(0) == ':'
}

// relation reads what follows a path: NOT, an operator, and the constants that the operator takes (section 9.6.1).
func (p *parser) relation(t *Test) {
	if p.tok.kind == tokenNot {
		t.Not = true
		p.next()
	}
	t.OpOffset = p.tok.start
	t.Spelling = p.text[p.tok.start:p.tok.end]
	switch kind := p.tok.kind; kind {
	case tokenEqual, tokenNotEqual:
		t.Operator = Equal + Operator(kind-tokenEqual)
		p.next()
		p.value(t, true, "a constant")
	case tokenLess, tokenLessOrEqual, tokenGreater, tokenGreaterOrEqual:
		t.Operator = Equal + Operator(kind-tokenEqual)
		p.next()
		p.value(t, false, "a constant that has an order, which true and false have not")
	case tokenIn:
		t.Operator = In
		p.next()
		p.set(t)
	case tokenLike, tokenMatches, tokenIsSubset, tokenIsSuperset:
		t.Operator = Like + Operator(kind-tokenLike)
		p.next()
		if p.err == nil && p.tok.kind != tokenString {
			p.failToken(ruleGrammar, "a string")
			return
		}
		t.Values = append(p.pattern.value[:0:p.room()], p.constant())
	case tokenExists:
		p.fail(ruleGrammar, p.tok.start, p.found(), "a comparison operator", "EXISTS stands before the path: EXISTS file:name")
	default:
		p.failRelation(t)
	}
}

// failRelation reports an unexpected token where a path continues or its operator follows.
func (p *parser) failRelation(t *Test) {
	const expected = "a comparison operator"
	if p.tok.kind == tokenHyphened || p.tok.kind == tokenInteger || p.tok.kind == tokenFloat {
		p.failToken(ruleGrammar, expected)
		return
	}
	if t.Not {
		p.failToken(ruleGrammar, expected+" after NOT")
		return
	}
	p.failToken(ruleGrammar, expected+", NOT, '.' or '['")
}

// value reads the one constant of an operator.
func (p *parser) value(t *Test, truth bool, expected string) {
	if p.err == nil && !p.isConstant(truth) {
		p.failToken(ruleGrammar, expected)
		return
	}
	t.Values = append(p.pattern.value[:0:p.room()], p.constant())
}

// room returns how many constants of the pattern's own storage are free: one for the first test, then none.
func (p *parser) room() int {
	if p.tests == 1 {
		return 1
	}
	return 0
}

// set reads the constants of IN. An empty set is refused, since no value is in it.
func (p *parser) set(t *Test) {
	p.expect(tokenOpenParen, ruleGrammar, "'(' and the constants of the set")
	if p.err == nil && p.tok.kind == tokenCloseParen {
		p.fail(ruleSet, p.tok.start, "an empty set", "at least one constant", "")
	}
	for p.err == nil {
		if !p.isConstant(true) {
			p.failToken(ruleGrammar, "a constant")
			return
		}
		t.Values = append(t.Values, p.constant())
		if p.tok.kind != tokenComma {
			break
		}
		p.next()
	}
	p.expect(tokenCloseParen, ruleGrammar, "',' or ')'")
}

// isConstant reports whether the current token is a constant, true and false included if truth is set.
func (p *parser) isConstant(truth bool) bool {
	kind := p.tok.kind
	return kind >= tokenInteger && kind <= tokenTimestamp || truth && (kind == tokenTrue || kind == tokenFalse)
}

// constant consumes the current token, which must be a constant.
func (p *parser) constant() Constant {
	c := Constant{Text: p.text[p.tok.start:p.tok.end], Offset: p.tok.start, Kind: Boolean}
	switch p.tok.kind {
	case tokenInteger:
		c.Kind = Integer
	case tokenFloat:
		c.Kind = Float
	case tokenString:
		c.Kind = String
	case tokenHex:
		c.Kind = Hex
	case tokenBinary:
		c.Kind = Binary
	case tokenTimestamp:
		c.Kind = Timestamp
	}
	p.next()
	return c
}

// path reads an object path (section 9.7): a type, a colon, a key, and steps.
func (p *parser) path(path *Path) {
	path.Offset = p.tok.start
	if kind := p.tok.kind; kind != tokenWord && kind != tokenHyphened && !(kind == tokenExists && p.plainExists()) {
		if kind == tokenString {
			p.fail(ruleGrammar, p.tok.start, p.found(), "an object type", "an object type stands without apostrophes")
		}
		p.failToken(ruleGrammar, "an object type")
		return
	}
	path.Type = p.text[p.tok.start:p.tok.end]
	p.next()
	p.expect(tokenColon, ruleGrammar, "':' after the object type "+clip(path.Type))
	path.Steps = p.pattern.steps[:0:0]
	if p.tests == 1 {
		path.Steps = p.pattern.steps[:0]
	}
	p.key(path)
	for p.err == nil {
		switch p.tok.kind {
		case tokenDot:
			p.next()
			p.key(path)
		case tokenOpenBracket:
			p.index(path)
		default:
			return
		}
	}
}

// key reads one key of a path. A key with a hyphen or a dot needs apostrophes.
func (p *parser) key(path *Path) {
	switch kind := p.tok.kind; {
	case kind == tokenWord, kind == tokenString, kind == tokenExists && p.opts.Version == version20:
		path.Steps = append(path.Steps, Step{Kind: Key, Text: p.text[p.tok.start:p.tok.end], Offset: p.tok.start})
		p.next()
	case kind == tokenHyphened:
		text := clip(p.text[p.tok.start:p.tok.end])
		p.fail(ruleQuotedKey, p.tok.start, "the key "+text, "", "a key with a hyphen stands between apostrophes: '"+text+"'")
	case kind > tokenWord:
		text := p.text[p.tok.start:p.tok.end]
		p.fail(ruleGrammar, p.tok.start, p.found(), "a key", "a key that is a keyword stands between apostrophes: '"+text+"'")
	default:
		p.failToken(ruleGrammar, "a property name or a quoted key")
	}
}

// index reads [n] or [*].
func (p *parser) index(path *Path) {
	p.next()
	step := Step{Kind: Index, Text: p.text[p.tok.start:p.tok.end], Offset: p.tok.start}
	switch {
	case p.tok.kind == tokenStar:
		step.Kind = Any
	case p.tok.kind == tokenInteger && step.Text[0] != '-':
	default:
		p.failToken(ruleIndex, "an index from 0, or *")
		return
	}
	path.Steps = append(path.Steps, step)
	p.next()
	p.expect(tokenCloseBracket, ruleIndex, "']' after the index")
}

// failAfterTest reports an unexpected token after a comparison.
func (p *parser) failAfterTest(closing string) {
	expected := "AND, OR or " + closing
	if p.tok.kind == tokenFollowedBy || p.tok.kind == tokenWithin || p.tok.kind == tokenRepeats || p.tok.kind == tokenStart {
		p.fail(ruleGrammar, p.tok.start, p.found()+" inside brackets", expected, "it stands behind ']' or ')'")
		return
	}
	p.failToken(ruleGrammar, expected)
}

// invalidUTF8 returns the offset of the first byte that is not valid UTF-8, or -1 if there is none.
func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			return i
		}
	}
	return -1
}

package pattern

import "fmt"

// parser is a recursive descent over the grammar of section 9, one function a production. After a fault every function
// returns at once, because the scanner then returns the end of the text.
type parser struct {
	scanner
	opts    Options
	pattern *Pattern
	depth   int // parentheses open
	tests   int // comparisons read
}

// whole reads the text as one observation expression with nothing after it.
func (p *parser) whole() Observation {
	if len(p.text) > p.opts.Length {
		p.fail(ruleLimit, 0, fmt.Sprintf("a pattern of %d bytes", len(p.text)), "",
			fmt.Sprintf("at most %d bytes are taken", p.opts.Length))
		return nil
	}
	if bad := invalidUTF8(p.text); bad >= 0 {
		p.fail(ruleGrammar, bad, fmt.Sprintf("the byte 0x%02x, which is no UTF-8", p.text[bad]), "", "a pattern is Unicode text")
		return nil
	}
	p.next()
	if p.err == nil && p.tok.kind == tokenEnd {
		p.fail(ruleGrammar, 0, "an empty pattern", "an observation expression such as [file:name = 'a.exe']", "")
		return nil
	}
	root := p.sequence()
	if p.err == nil && p.tok.kind != tokenEnd {
		p.failAfterObservation("the end of the pattern")
	}
	return root
}

// sequence reads observation expressions joined by FOLLOWEDBY, the weakest operator.
func (p *parser) sequence() Observation { return p.joined(FollowedBy) }

// joined reads observation expressions joined by the operator or by stronger ones. A single expression is returned
// unjoined.
func (p *parser) joined(joiner Joiner) Observation {
	operand := func() Observation {
		if joiner == And {
			return p.observation()
		}
		return p.joined(joiner + 1)
	}
	first := operand()
	if p.err != nil || joinerOf(p.tok.kind) != joiner {
		return first
	}
	parts := []Observation{first}
	for p.err == nil && joinerOf(p.tok.kind) == joiner {
		p.next()
		parts = append(parts, operand())
	}
	return &Joined{Joiner: joiner, Parts: parts}
}

func joinerOf(kind tokenKind) Joiner {
	switch kind {
	case tokenAnd:
		return And
	case tokenOr:
		return Or
	case tokenFollowedBy:
		return FollowedBy
	}
	return 0
}

// observation reads a bracket or a group, and the qualifiers after it.
func (p *parser) observation() Observation {
	start := p.tok.start
	var inner Observation
	switch p.tok.kind {
	case tokenOpenBracket:
		p.next()
		bracket := p.newBracket()
		bracket.Offset = start
		bracket.Comparison = p.alternatives()
		if p.err == nil && p.tok.kind != tokenCloseBracket {
			p.failAfterTest("']'")
		}
		p.next()
		inner = bracket
	case tokenOpenParen:
		p.enter()
		group := &Group{Offset: start, Inner: p.sequence()}
		if p.err == nil && p.tok.kind != tokenCloseParen {
			p.failAfterObservation("')'")
		}
		p.leave()
		inner = group
	default:
		p.failToken(ruleGrammar, "an observation expression, which begins with '[' or '('")
		return nil
	}
	var qualifiers []Qualifier
	for p.err == nil && (p.tok.kind == tokenWithin || p.tok.kind == tokenRepeats || p.tok.kind == tokenStart) {
		qualifiers = append(qualifiers, p.qualifier())
	}
	if qualifiers == nil {
		return inner
	}
	return &Qualified{Inner: inner, Qualifiers: qualifiers}
}

// qualifier reads WITHIN, REPEATS or START and what follows (section 9.5.1).
func (p *parser) qualifier() Qualifier {
	q := Qualifier{Offset: p.tok.start}
	switch p.tok.kind {
	case tokenWithin:
		q.Kind = Within
		p.next()
		q.Amount = p.amount(ruleWithin, "a positive number of seconds", true)
		p.expect(tokenSeconds, ruleWithin, "SECONDS")
	case tokenRepeats:
		q.Kind = Repeats
		p.next()
		q.Amount = p.amount(ruleRepeats, "a positive integer", false)
		p.expect(tokenTimes, ruleRepeats, "TIMES")
	default:
		q.Kind = StartStop
		p.next()
		q.Amount = p.timestamp("after START")
		p.expect(tokenStop, ruleStartStop, "STOP with its timestamp")
		q.Stop = p.timestamp("after STOP")
	}
	return q
}

// amount reads the number of a qualifier. It accepts a plus sign, of which Check warns, but no minus sign.
func (p *parser) amount(rule, expected string, fraction bool) Constant {
	ok := p.tok.kind == tokenInteger || fraction && p.tok.kind == tokenFloat
	if !ok || p.text[p.tok.start] == '-' {
		p.failToken(rule, expected)
		return Constant{}
	}
	return p.constant()
}

func (p *parser) timestamp(where string) Constant {
	if p.opts.Version == version20 && p.tok.kind == tokenString { // STIX 2.0 has '…' here, and t'…' elsewhere
		c := p.constant()
		c.Kind = Timestamp
		if !timestampForm(c.Content()) {
			p.fail(ruleStartStop, c.Offset, "the string "+clip(c.Text), "a timestamp 'YYYY-MM-DDTHH:mm:ss.sssZ' "+where, "")
		}
		return c
	}
	if p.tok.kind != tokenTimestamp {
		p.failToken(ruleStartStop, "a timestamp t'…' "+where)
		return Constant{}
	}
	return p.constant()
}

// enter opens a parenthesis, leave closes it.
func (p *parser) enter() {
	p.depth++
	if p.depth > p.opts.Depth {
		p.fail(ruleLimit, p.tok.start, fmt.Sprintf("%d parentheses within each other", p.depth), "",
			fmt.Sprintf("at most %d are taken", p.opts.Depth))
	}
	p.next()
}

func (p *parser) leave() {
	p.depth--
	p.next()
}

// expect consumes a token of the given kind.
func (p *parser) expect(kind tokenKind, rule, expected string) {
	if p.err == nil && p.tok.kind != kind {
		p.failToken(rule, expected)
	}
	p.next()
}

// failToken reports the current token as unexpected.
func (p *parser) failToken(rule, expected string) {
	if p.err != nil {
		return
	}
	text := p.text[p.tok.start:p.tok.end]
	hint := ""
	if p.tok.kind == tokenWord || p.tok.kind == tokenHyphened {
		hint = wordHint(text, expected)
	}
	p.fail(rule, p.tok.start, p.found(), expected, hint)
}

// found describes the current token.
func (p *parser) found() string {
	text := clip(p.text[p.tok.start:p.tok.end])
	switch kind := p.tok.kind; {
	case kind == tokenEnd:
		return "the end of the pattern"
	case kind == tokenInteger || kind == tokenFloat:
		return "the number " + text
	case kind == tokenString:
		return "the string " + text
	case kind == tokenHex || kind == tokenBinary || kind == tokenTimestamp:
		return "the constant " + text
	case kind == tokenWord || kind == tokenHyphened:
		return "the word " + text
	case kind > tokenWord:
		return "the keyword " + text
	}
	return "'" + text + "'"
}

// failAfterObservation reports an unexpected token after an observation expression.
func (p *parser) failAfterObservation(closing string) {
	if p.tok.kind == tokenCloseParen || p.tok.kind == tokenCloseBracket {
		p.fail(ruleGrammar, p.tok.start, p.found()+", which closes nothing", closing+", AND, OR, FOLLOWEDBY or a qualifier", "")
		return
	}
	if p.tok.kind == tokenStop {
		p.failToken(ruleStartStop, "START with its timestamp before STOP")
		return
	}
	p.failToken(ruleGrammar, closing+", AND, OR, FOLLOWEDBY or a qualifier")
}

// newBracket, newTest and the like return the first node from the pattern itself, and later ones from the heap.
func (p *parser) newBracket() *Bracket {
	if first := &p.pattern.bracket[0]; first.Comparison == nil && p.tests == 0 {
		return first
	}
	return new(Bracket)
}

func (p *parser) newTest() *Test {
	if p.tests == 1 {
		return &p.pattern.test[0]
	}
	return new(Test)
}

package pattern

import "strings"

// String returns the pattern with canonical white space: one space around operators and keywords, none elsewhere.
// Constants, keys and operators keep their spelling. Parsing the result gives an equal pattern, which prints the same.
func (p *Pattern) String() string {
	var b strings.Builder
	b.Grow(len(p.text) + 16)
	printObservation(&b, p.Root)
	return b.String()
}

func printObservation(b *strings.Builder, o Observation) {
	switch o := o.(type) {
	case *Joined:
		for i, part := range o.Parts {
			if i > 0 {
				b.WriteString(" " + o.Joiner.String() + " ")
			}
			printObservation(b, part)
		}
	case *Bracket:
		b.WriteByte('[')
		printComparison(b, o.Comparison)
		b.WriteByte(']')
	case *Group:
		b.WriteByte('(')
		printObservation(b, o.Inner)
		b.WriteByte(')')
	case *Qualified:
		printObservation(b, o.Inner)
		for i := range o.Qualifiers {
			b.WriteString(" " + o.Qualifiers[i].String())
		}
	}
}

func printComparison(b *strings.Builder, c Comparison) {
	switch c := c.(type) {
	case *Combined:
		for i, part := range c.Parts {
			if i > 0 {
				b.WriteString(" " + c.Joiner.String() + " ")
			}
			printComparison(b, part)
		}
	case *Parens:
		b.WriteByte('(')
		printComparison(b, c.Inner)
		b.WriteByte(')')
	case *Test:
		printTest(b, c)
	}
}

func printTest(b *strings.Builder, t *Test) {
	if t.Operator == Exists {
		if t.Not {
			b.WriteString("NOT ")
		}
		b.WriteString("EXISTS ")
		printPath(b, &t.Path)
		return
	}
	printPath(b, &t.Path)
	if t.Not {
		b.WriteString(" NOT")
	}
	b.WriteString(" " + t.Spelling + " ")
	if t.Operator != In {
		b.WriteString(t.Values[0].Text)
		return
	}
	b.WriteByte('(')
	for i, v := range t.Values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.Text)
	}
	b.WriteByte(')')
}

func printPath(b *strings.Builder, p *Path) {
	b.WriteString(p.Type)
	for i, step := range p.Steps {
		switch {
		case step.Kind != Key:
			b.WriteString("[" + step.Text + "]")
			continue
		case i == 0:
			b.WriteByte(':')
		default:
			b.WriteByte('.')
		}
		b.WriteString(step.Text)
	}
}

// String returns the test as written in patterns.
func (n *Test) String() string {
	var b strings.Builder
	printTest(&b, n)
	return b.String()
}

// String returns the path as written in patterns: file:hashes.'SHA-256'.
func (p *Path) String() string {
	var b strings.Builder
	printPath(&b, p)
	return b.String()
}

// String returns the qualifier as written in patterns: WITHIN 300 SECONDS.
func (n *Qualifier) String() string {
	switch n.Kind {
	case Within:
		return "WITHIN " + n.Amount.Text + " SECONDS"
	case Repeats:
		return "REPEATS " + n.Amount.Text + " TIMES"
	}
	return "START " + n.Amount.Text + " STOP " + n.Stop.Text
}

package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/accord-taxii/accord/stix/pattern"
)

// patternView is a pattern in words and as a tree.
type patternView struct {
	Text     string
	Words    string
	Tree     patternNode
	Findings []pattern.Finding
	Fault    string // it does not follow the grammar
	At       string // where
}

// patternNode is a part of a pattern.
type patternNode struct {
	Text  string
	Parts []patternNode
}

// readPattern parses a pattern. One that does not follow the grammar says where it stops making sense.
func readPattern(text string) *patternView {
	v := &patternView{Text: text}
	parsed, err := pattern.Parse(text, pattern.Options{})
	if err != nil {
		v.Fault = err.Error()
		var syntax *pattern.SyntaxError
		if errors.As(err, &syntax) {
			v.Fault = syntax.Error()
		}
		return v
	}
	v.Findings = pattern.Validate(text, "2.1")
	v.Tree = observationNode(parsed.Root)
	v.Words = "It looks for " + observationWords(parsed.Root) + "."
	return v
}

var joinerWords = map[pattern.Joiner]string{pattern.And: "all of", pattern.Or: "any of", pattern.FollowedBy: "in this order"}

func observationNode(o pattern.Observation) patternNode {
	switch o := o.(type) {
	case *pattern.Bracket:
		return patternNode{"one observation with", []patternNode{comparisonNode(o.Comparison)}}
	case *pattern.Group:
		return observationNode(o.Inner)
	case *pattern.Joined:
		n := patternNode{Text: joinerWords[o.Joiner]}
		for _, part := range o.Parts {
			n.Parts = append(n.Parts, observationNode(part))
		}
		return n
	case *pattern.Qualified:
		n := patternNode{Parts: []patternNode{observationNode(o.Inner)}}
		var words []string
		for _, q := range o.Qualifiers {
			words = append(words, qualifierWords(q))
		}
		n.Text = strings.Join(words, ", ")
		return n
	}
	return patternNode{}
}

func comparisonNode(c pattern.Comparison) patternNode {
	switch c := c.(type) {
	case *pattern.Combined:
		n := patternNode{Text: joinerWords[c.Joiner]}
		for _, part := range c.Parts {
			n.Parts = append(n.Parts, comparisonNode(part))
		}
		return n
	case *pattern.Parens:
		return comparisonNode(c.Inner)
	case *pattern.Test:
		return patternNode{Text: testWords(c)}
	}
	return patternNode{}
}

func observationWords(o pattern.Observation) string {
	switch o := o.(type) {
	case *pattern.Bracket:
		return comparisonWords(o.Comparison)
	case *pattern.Group:
		return "(" + observationWords(o.Inner) + ")"
	case *pattern.Joined:
		var parts []string
		for _, part := range o.Parts {
			parts = append(parts, observationWords(part))
		}
		return strings.Join(parts, map[pattern.Joiner]string{pattern.And: ", and also ", pattern.Or: ", or ", pattern.FollowedBy: ", and after that "}[o.Joiner])
	case *pattern.Qualified:
		words := observationWords(o.Inner)
		for _, q := range o.Qualifiers {
			words += ", " + qualifierWords(q)
		}
		return words
	}
	return ""
}

func comparisonWords(c pattern.Comparison) string {
	switch c := c.(type) {
	case *pattern.Combined:
		var parts []string
		for _, part := range c.Parts {
			parts = append(parts, comparisonWords(part))
		}
		return strings.Join(parts, map[pattern.Joiner]string{pattern.And: " and ", pattern.Or: " or "}[c.Joiner])
	case *pattern.Parens:
		return "(" + comparisonWords(c.Inner) + ")"
	case *pattern.Test:
		return testWords(c)
	}
	return ""
}

// operatorWords are the operators in words, and when they are negated.
var operatorWords = map[pattern.Operator][2]string{
	pattern.Equal: {"is", "is not"}, pattern.NotEqual: {"is not", "is"}, pattern.Less: {"is less than", "is not less than"},
	pattern.LessOrEqual: {"is at most", "is more than"}, pattern.Greater: {"is more than", "is at most"}, pattern.GreaterOrEqual: {"is at least", "is less than"},
	pattern.In: {"is one of", "is none of"}, pattern.Like: {"is like", "is not like"}, pattern.Matches: {"matches", "does not match"},
	pattern.IsSubset: {"lies in", "does not lie in"}, pattern.IsSuperset: {"holds", "does not hold"}, pattern.Exists: {"is there", "is not there"},
}

// typeWords are types of observables as people call them; others are called as the Standard does.
var typeWords = map[string]string{
	"ipv4-addr": "IPv4 address", "ipv6-addr": "IPv6 address", "email-addr": "e-mail address", "email-message": "e-mail", "mac-addr": "MAC address", "url": "URL",
	"windows-registry-key": "Windows registry key", "x509-certificate": "X.509 certificate",
}

// testWords says what a comparison asks of an object.
func testWords(t *pattern.Test) string {
	kind := typeWords[t.Path.Type]
	if kind == "" {
		kind = strings.ReplaceAll(t.Path.Type, "-", " ")
	}
	var path []string
	for _, step := range t.Path.Steps {
		switch step.Kind {
		case pattern.Key:
			path = append(path, strings.ReplaceAll(step.Name(), "_", " "))
		case pattern.Any:
			path = append(path, "(any of them)")
		default:
			path = append(path, "(number "+strings.Trim(step.Text, "[]")+")")
		}
	}
	words := operatorWords[t.Operator][0]
	if t.Not {
		words = operatorWords[t.Operator][1]
	}
	var values []string
	for _, v := range t.Values {
		values = append(values, v.Text)
	}
	article := "a"
	if strings.ContainsAny(kind[:1], "aeioAEIOX") {
		article = "an"
	}
	return strings.TrimSpace(article + " " + kind + " whose " + strings.Join(path, " ") + " " + words + " " + strings.Join(values, ", "))
}

func qualifierWords(q pattern.Qualifier) string {
	switch q.Kind {
	case pattern.Within:
		return "within " + q.Amount.Text + " seconds"
	case pattern.Repeats:
		return q.Amount.Text + " times"
	}
	return "between " + q.Amount.Text + " and " + q.Stop.Text
}

// showPattern answers: what does this pattern look for?
func showPattern(p *page) error {
	var v *patternView
	var commands []command
	if text := p.value("pattern"); text != "" {
		if len(text) > pattern.MaxLength {
			return formError{errors.New("the pattern is too long")}
		}
		v = readPattern(text)
		commands = append(commands, command{"Whether it is valid:", "printf '%s\\n' " + quote(text) + " | accord validate --pattern -"})
	}
	return p.show(http.StatusOK, "pattern", "Pattern", v, commands...)
}

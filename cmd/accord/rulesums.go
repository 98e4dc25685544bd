package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/stix/validate"
)

// ruleSums counts the objects that each rule refuses or warns about.
type ruleSums map[ruleKey]int

type ruleKey struct {
	rule     string
	severity validate.Severity
}

func (s *ruleSums) add(rule string, severity validate.Severity) {
	if *s == nil {
		*s = ruleSums{}
	}
	(*s)[ruleKey{rule, severity}]++
}

// addFindings counts one object for each rule among its findings.
func (s *ruleSums) addFindings(findings []validate.Finding) {
	for i, f := range findings {
		same := func(o validate.Finding) bool { return o.Rule == f.Rule && o.Severity == f.Severity }
		if !slices.ContainsFunc(findings[:i], same) {
			s.add(f.Rule, f.Severity)
		}
	}
}

func (s *ruleSums) addAll(other ruleSums) {
	for key, n := range other {
		if *s == nil {
			*s = ruleSums{}
		}
		(*s)[key] += n
	}
}

// ruleSum is a line of --format json.
type ruleSum struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Objects  int    `json:"objects"`
}

// rows returns the sums: errors first, each severity sorted by the number of objects.
func (s ruleSums) rows() []ruleSum {
	keys := make([]ruleKey, 0, len(s))
	for key := range s {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b ruleKey) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(s[b], s[a]), cmp.Compare(a.rule, b.rule))
	})
	rows := make([]ruleSum, len(keys))
	for i, key := range keys {
		rows[i] = ruleSum{key.rule, key.severity.String(), s[key]}
	}
	return rows
}

func (s ruleSums) appendJSON(dst []byte) []byte {
	for _, row := range s.rows() {
		dst = appendLine(dst, row)
	}
	return dst
}

func (s ruleSums) appendText(dst []byte) []byte {
	for _, row := range s.rows() {
		rule := row.Rule
		if rule == noRule {
			rule = "no rule"
		}
		dst = fmt.Appendf(dst, "  %s: %s (%s)\n", rule, count(row.Objects, "object"), row.Severity)
	}
	return dst
}

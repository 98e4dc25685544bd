package validate

import (
	_ "embed"
	"strings"
	"sync"
)

// examplesText holds, for each rule, an example that breaks it: a line `-- rule: sentence --`, then the text. The test
// of doc/rules.md makes it from the cases in testdata.
//
//go:embed examples.txt
var examplesText string

var examples = sync.OnceValue(func() map[string][2]string {
	all := map[string][2]string{}
	for _, part := range strings.Split("\n"+examplesText, "\n-- ")[1:] {
		head, text, _ := strings.Cut(part, " --\n")
		rule, name, _ := strings.Cut(head, ": ")
		all[rule] = [2]string{name, strings.TrimSuffix(text, "\n")}
	}
	return all
})

// Example returns an object that breaks a rule (or a pattern, for the rules on patterns) and a sentence about it. ok is
// false if the rule has no example.
func Example(rule string) (name, text string, ok bool) {
	e, ok := examples()[rule]
	return e[0], e[1], ok
}

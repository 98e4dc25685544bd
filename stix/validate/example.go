package validate

import (
	_ "embed"
	"strings"
	"sync"
)

// examplesText is an example for each rule that breaks it: a line `-- rule: sentence --`, then the text. The test of the
// document of rules makes it from the cases of testdata.
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

// Example is an object, or a pattern for the rules of patterns, that breaks a rule, and a sentence on how. ok is false for a rule
// that has none: what it asks for cannot be shown in a few lines.
func Example(rule string) (name, text string, ok bool) {
	e, ok := examples()[rule]
	return e[0], e[1], ok
}

package agreement

import (
	"fmt"
	"slices"
	"strings"
)

// toleratedMark is the prefix, in the warnings recorded with an object, of the id of a rule that the object breaks and
// its agreement tolerates.
const toleratedMark = "tolerated "

// Tolerates reports whether the agreement takes objects that break a rule.
func (a *Accept) Tolerates(rule string) bool { return slices.Contains(a.Tolerate, rule) }

// Tolerated returns the recorded warning for a tolerated rule.
func Tolerated(rule string) string { return toleratedMark + rule }

// ToleratedRule returns the rule that a recorded warning says was tolerated.
func ToleratedRule(warning string) (rule string, ok bool) {
	return strings.CutPrefix(warning, toleratedMark)
}

// refuseBroken refuses an object that breaks a rule which the source tolerates and this agreement does not.
func (a *Agreement) refuseBroken(warnings []string) (list []Refusal) {
	for _, w := range warnings {
		if rule, ok := ToleratedRule(w); ok && !a.Accept.Tolerates(rule) {
			list = append(list, Refusal{Term: "accept.tolerate", Message: fmt.Sprintf(
				"it breaks the rule %s, which the agreement it comes from tolerates and %s does not", rule, a.Name)})
		}
	}
	return list
}

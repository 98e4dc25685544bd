package agreement

import (
	"fmt"
	"slices"
	"strings"
)

// toleratedMark stands in front of the id of a rule that an object breaks and its agreement tolerates, among the warnings
// that are recorded with the object.
const toleratedMark = "tolerated "

// Tolerates reports whether the agreement takes objects that break a rule.
func (a *Accept) Tolerates(rule string) bool { return slices.Contains(a.Tolerate, rule) }

// Tolerated returns what is recorded of a rule that is tolerated.
func Tolerated(rule string) string { return toleratedMark + rule }

// ToleratedRule returns the rule that a recorded warning says was tolerated.
func ToleratedRule(warning string) (rule string, ok bool) {
	return strings.CutPrefix(warning, toleratedMark)
}

// refuseBroken refuses what breaks a rule that this agreement does not tolerate, though the source does.
func (a *Agreement) refuseBroken(warnings []string) (list []Refusal) {
	for _, w := range warnings {
		if rule, ok := ToleratedRule(w); ok && !a.Accept.Tolerates(rule) {
			list = append(list, Refusal{Term: "accept.tolerate", Message: fmt.Sprintf(
				"it breaks the rule %s, which the agreement it comes from tolerates and %s does not", rule, a.Name)})
		}
	}
	return list
}

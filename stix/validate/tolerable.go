package validate

import (
	"fmt"
	"strings"
)

// tolerable holds the rules that an agreement may tolerate: errors that only concern readers. Rules on which storage,
// markings or ownership depend are not among them. The list is closed.
var tolerable = func() map[string]bool {
	all := map[string]bool{}
	for rule := range strings.FieldsSeq(`
		S-006 S-007 S-008 S-025 S-026 S-027 S-028 S-030 S-038 S-039 S-040 S-041 S-044 S-046 S-051 S-053 S-054 S-063 S-065 S-066
		S-067 S-070 S-073 S-080 S-082 S-101 S-102 S-103 S-104 S-110 S-111 S-113 S-114 S-115 S-116 S-117 S-118 S-119 S-120 S-121
		S-122 S-124 S-125 S-127 S-128 S-129 S-131 S-132 S-134 S-135 S-136 S-137 S-140 S-141 S-142 S-143 S-144 S-145 S-147 S-148
		S-149 S-150 S-151 S-152 S-153 S-154 S-155 S-156 S-157 S-158 S-159 S-160 S-161 S-162 S-163 S-165 S-167 S-168 S-169 S-170
		S-171 S-172 S-173 S-174 S-181 S-182 S-193
		S-301 S-302 S-303 S-304 S-306 S-307 S-308 S-309 S-310 S-313 S-314 S-316 S-317 S-318 S-319 S-320 S-321 S-322 S-324 S-325`) {
		all[rule] = true
	}
	return all
}()

// needed maps rules that no agreement may tolerate to what depends on them.
var needed = func() map[string]string {
	all := map[string]string{}
	for what, rules := range map[string]string{
		"the server stores objects by what it asks for": "S-001 S-002 S-003 S-004 S-005 S-010 S-011 S-012 S-013 S-014 S-015 S-016 S-017 S-021 S-023 S-024 S-050 S-079 S-081 S-195 S-196 S-197 S-201 S-323",
		"markings are read by it":                       "S-056 S-057 S-058 S-059 S-060 S-061 S-062 S-064 S-185 S-186 S-187 S-188 S-189 S-205",
		"owners are known by it":                        "S-052 S-180 S-190 S-203",
	} {
		for rule := range strings.FieldsSeq(rules) {
			all[rule] = what
		}
	}
	return all
}()

// Tolerable reports whether an agreement may tolerate a rule, that is, accept objects that break it as if that were a
// warning. If not, why is the reason. A refused pattern breaks S-113 and a rule on patterns (S-301 and on): each must
// be tolerated separately.
func Tolerable(rule string) (ok bool, why string) {
	r := the.byID[rule]
	what, depends := needed[rule]
	switch {
	case tolerable[rule]:
		return true, ""
	case depends:
		return false, fmt.Sprintf("%s cannot be tolerated: %s", rule, what)
	case strings.HasPrefix(rule, "A-"):
		return false, fmt.Sprintf("%s is a term of the agreement: change the term instead", rule)
	case r != nil && r.Severity == Warning:
		return false, fmt.Sprintf("%s is a warning, which refuses nothing unless accept.warnings is reject", rule)
	case r != nil:
		return false, fmt.Sprintf("%s is not among the rules that may be tolerated", rule)
	}
	return false, fmt.Sprintf("there is no rule %s that refuses objects; doc/rules.md lists the rules", rule)
}

package pattern

import (
	"fmt"
	"strings"
)

// regex warns of a regular expression that no PCRE engine accepts (rule S-321). It looks for the few faults that need
// no PCRE parser: unbalanced brackets, a quantifier with nothing before it, a backslash at the end. Go's regexp cannot
// decide, since PCRE has lookaround, backreferences and more, and a stranger's expression is never run.
func (c *checker) regex(t *Test) {
	v := &t.Values[0]
	if fault := regexFault(v.Content()); fault != "" {
		c.warn(ruleRegex, v.Offset, fmt.Sprintf("found the regular expression %s, in which %s", clip(v.Text), fault))
	}
}

// regexFault scans an expression once. It gives up, without a fault, at constructs that change how the rest is read:
// \Q…\E, inline flags that may switch on comments, comments themselves, verbs.
func regexFault(re string) string {
	if strings.Contains(re, `\Q`) || strings.Contains(re, `\E`) {
		return ""
	}
	open := 0
	repeatable := false // a quantifier here has something to repeat
	for i := 0; i < len(re); i++ {
		switch re[i] {
		case '\\':
			i++
			if i == len(re) {
				return "a backslash stands at the end"
			}
			repeatable = true
		case '[':
			end := classEnd(re, i)
			if end < 0 {
				return "a [ is never closed"
			}
			i, repeatable = end, true
		case '(':
			skip, known := groupStart(re[i:])
			if !known {
				return ""
			}
			i += skip
			open++
			repeatable = false
		case ')':
			if open == 0 {
				return "a ) closes nothing"
			}
			open--
			repeatable = true
		case '|':
			repeatable = false
		case '*', '+', '?':
			if !repeatable {
				return fmt.Sprintf("the quantifier %c has nothing before it", re[i])
			}
		default: // ^ and $ among them, which PCRE lets repeat; and {, which is literal where it is no quantifier
			repeatable = true
		}
	}
	if open > 0 {
		return "a ( is never closed"
	}
	return ""
}

// groupStart returns how many bytes after the parenthesis open the group. known is false if the group is not read like
// any other.
func groupStart(re string) (skip int, known bool) {
	if len(re) < 2 || re[1] != '?' && re[1] != '*' {
		return 0, true
	}
	if re[1] == '*' || len(re) < 3 {
		return 0, false
	}
	switch re[2] {
	case ':', '=', '!', '>', '|':
		return 2, true
	case '<':
		if len(re) > 3 && (re[3] == '=' || re[3] == '!') {
			return 3, true
		}
	}
	return 0, false
}

// classEnd returns the offset of the bracket that closes the class at start, or -1 if it is not closed. A bracket at
// the beginning of the class is literal.
func classEnd(re string, start int) int {
	i := start + 1
	if i < len(re) && re[i] == '^' {
		i++
	}
	if i < len(re) && re[i] == ']' {
		i++
	}
	for ; i < len(re); i++ {
		switch re[i] {
		case '\\':
			i++
		case '[':
			i = posixEnd(re, i)
		case ']':
			return i
		}
	}
	return -1
}

// posixEnd returns the offset of the bracket that closes the POSIX class at start, such as [:alpha:], or start if there
// is none.
func posixEnd(re string, start int) int {
	i := start + 1
	if i >= len(re) || re[i] != ':' {
		return start
	}
	for i++; i < len(re) && (re[i] == '^' || 'a' <= re[i] && re[i] <= 'z'); i++ {
	}
	if strings.HasPrefix(re[i:], ":]") {
		return i + 1
	}
	return start
}

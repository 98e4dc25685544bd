package pattern

import (
	"fmt"
	"strings"
)

// regex warns of a regular expression that no PCRE engine takes (rule S-321). It looks for the few faults that can be seen
// without knowing PCRE: brackets that do not pair, a quantifier with nothing before it, a backslash at the end. Go's regexp
// is no judge, since PCRE has lookaround, backreferences and more; and what a stranger wrote is never run.
func (c *checker) regex(t *Test) {
	v := &t.Values[0]
	if fault := regexFault(v.Content()); fault != "" {
		c.warn(ruleRegex, v.Offset, fmt.Sprintf("found the regular expression %s, in which %s", clip(v.Text), fault))
	}
}

// regexFault scans an expression once. It gives up, without a fault, at what changes the rules of reading: \Q…\E, inline
// flags that may switch on comments, comments themselves, verbs.
func regexFault(re string) string {
	if strings.Contains(re, `\Q`) || strings.Contains(re, `\E`) {
		return ""
	}
	open := 0
	repeatable := false // something stands before the cursor that a quantifier can repeat
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

// groupStart is how many bytes after the parenthesis open a group of a kind that reads like any other; known is false for
// those that do not.
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

// classEnd is the offset of the bracket that closes the class which begins at start, -1 when none does. A bracket that comes
// first in it is literal.
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

// posixEnd is the offset of the bracket that closes a POSIX class such as [:alpha:] which begins at start, else start.
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

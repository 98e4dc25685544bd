package schemas

import (
	"bytes"
	"regexp"
)

// matcher reports whether a pattern is found in a string.
type matcher func([]byte) bool

// matcherOf returns a hand-written matcher for the patterns that nearly every object is checked against, and the
// regular expression itself for others. A test compares each with its expression.
func matcherOf(pattern *regexp.Regexp) matcher {
	if m, ok := matchers[pattern.String()]; ok {
		return m
	}
	return pattern.Match
}

var matchers = map[string]matcher{
	`^[a-z][a-z0-9]*(-[a-z0-9]+)*--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`: matchIdentifier,
	`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`:                                       matchType,
	`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$`: matchTimestamp,
	`^(id|[a-z][a-z0-9_]{2,249})$`:                                        matchProperty,
	`^[A-Za-z0-9_-]{3,250}$`:                                              matchHash,
	`^[a-z0-9-]+$`:                                                        matchRelationship,
	`^extension-definition--`: func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("extension-definition--"))
	},
}

// class is a set of ASCII characters.
type class [256]bool

func classOf(ranges string) *class {
	var c class
	for i := 0; i < len(ranges); i += 2 {
		for b := int(ranges[i]); b <= int(ranges[i+1]); b++ {
			c[b] = true
		}
	}
	return &c
}

var (
	hexDigit     = classOf("09afAF")
	digit        = classOf("09")
	lower        = classOf("az")
	lowerOrDigit = classOf("az09")
	propertyChar = classOf("az09__")
	hashChar     = classOf("AZaz09__--")
	relationChar = classOf("az09--")
)

func (c *class) all(b []byte) bool {
	for _, x := range b {
		if !c[x] {
			return false
		}
	}
	return true
}

func matchIdentifier(b []byte) bool {
	const uuid = 36
	cut := len(b) - uuid - 2
	if cut < 1 || b[cut] != '-' || b[cut+1] != '-' || !matchType(b[:cut]) {
		return false
	}
	for i, c := range b[cut+2:] {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !hexDigit[c] {
			return false
		}
	}
	return true
}

func matchType(b []byte) bool {
	if len(b) == 0 || !lower[b[0]] || b[len(b)-1] == '-' {
		return false
	}
	for i := 1; i < len(b); i++ {
		if !lowerOrDigit[b[i]] && (b[i] != '-' || b[i-1] == '-') {
			return false
		}
	}
	return true
}

func matchTimestamp(b []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(b) <= len(form) || b[len(b)-1] != 'Z' {
		return false
	}
	for i := 0; i < len(form); i++ {
		if form[i] == '0' && !digit[b[i]] || form[i] != '0' && b[i] != form[i] {
			return false
		}
	}
	fraction := b[len(form) : len(b)-1]
	return len(fraction) == 0 || len(fraction) > 1 && fraction[0] == '.' && digit.all(fraction[1:])
}

func matchProperty(b []byte) bool {
	if len(b) < 3 || len(b) > 250 {
		return string(b) == "id"
	}
	return lower[b[0]] && propertyChar.all(b)
}

func matchHash(b []byte) bool { return len(b) >= 3 && len(b) <= 250 && hashChar.all(b) }

func matchRelationship(b []byte) bool { return len(b) > 0 && relationChar.all(b) }

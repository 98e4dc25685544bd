package pattern

import (
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// constant checks what the grammar cannot express about a constant: rules S-303, S-305, S-306.
func (c *checker) constant(v *Constant) {
	switch v.Kind {
	case Integer, Float:
		c.number(v)
	case Hex:
		if strings.ContainsAny(v.Text, "ABCDEF") {
			c.warn(ruleHex, v.Offset, fmt.Sprintf("found upper-case digits in %s; hexadecimal digits are 0-9 and a-f", clip(v.Text)))
		}
	case Timestamp:
		c.timestamp(v)
	}
}

// largestInteger is 2^53-1, the largest integer that STIX has (section 2.10).
const largestInteger = "9007199254740991"

func (c *checker) number(v *Constant) {
	digits := v.Text
	switch digits[0] {
	case '+':
		c.warn(ruleNumber, v.Offset, fmt.Sprintf("found a plus sign in %s; a positive number has no sign", clip(v.Text)))
		digits = digits[1:]
	case '-':
		digits = digits[1:]
	}
	if v.Kind == Integer {
		if len(digits) > len(largestInteger) || len(digits) == len(largestInteger) && digits > largestInteger {
			c.warn(ruleNumber, v.Offset, fmt.Sprintf("found the integer %s; integers go from -%s to %s", clip(v.Text), largestInteger, largestInteger))
		}
		return
	}
	whole, _, _ := strings.Cut(digits, ".")
	if largestFloat := 308; len(strings.TrimLeft(whole, "0")) > largestFloat+1 {
		c.warn(ruleNumber, v.Offset, fmt.Sprintf("found the float %s, which no IEEE 754 double can hold", clip(v.Text)))
	}
}

// timestamp checks that a timestamp names a date and a time of day (section 2.16). Second 60 is correct at 23:59:60,
// where leap seconds occur; elsewhere it is accepted with a warning.
func (c *checker) timestamp(v *Constant) {
	text := v.Content()
	if _, err := stix.ParseInstant(text); err == nil {
		return
	}
	const second = len("0000-00-00T00:00:")
	if text[second:second+2] == "60" {
		if _, err := stix.ParseInstant(text[:second] + "59" + text[second+2:]); err == nil {
			c.warn(ruleTimestamp, v.Offset, fmt.Sprintf("found second 60 in %s; leap seconds come at 23:59:60 only", clip(v.Text)))
			return
		}
	}
	c.refuse(ruleTimestamp, v.Offset, fmt.Sprintf("found %s, which names a date or a time of day that does not exist", clip(v.Text)))
}

// oneKind checks that the constants of IN are of one kind (rule S-320). Integers and floats count as one kind.
func (c *checker) oneKind(t *Test) {
	family := func(k Kind) Kind {
		if k == Float {
			return Integer
		}
		return k
	}
	for i := range t.Values[1:] {
		v := &t.Values[i+1]
		if family(v.Kind) != family(t.Values[0].Kind) {
			c.refuse(ruleSet, v.Offset, fmt.Sprintf("found the %s %s in a set that begins with the %s %s; the constants of IN are of one kind",
				v.Kind, clip(v.Text), t.Values[0].Kind, clip(t.Values[0].Text)))
			return
		}
	}
}

// qualifiers checks the qualifiers of one observation expression: rules S-305 to S-312.
func (c *checker) qualifiers(qs []Qualifier) {
	var seen [StartStop + 1]bool
	for i := range qs {
		q := &qs[i]
		if seen[q.Kind] {
			c.refuse(ruleQualifier, q.Offset, fmt.Sprintf("found %s a second time on one observation expression; put the first into parentheses with it, or drop one", q.Kind))
		}
		seen[q.Kind] = true
		c.constant(&q.Amount)
		switch q.Kind {
		case Within:
			if isZero(q.Amount.Text) {
				c.refuse(ruleWithin, q.Amount.Offset, fmt.Sprintf("found WITHIN %s SECONDS; the number of seconds is positive", clip(q.Amount.Text)))
			}
		case Repeats:
			if isZero(q.Amount.Text) {
				c.refuse(ruleRepeats, q.Amount.Offset, "found REPEATS 0 TIMES; the number of times is positive")
			}
		case StartStop:
			c.constant(&q.Stop)
			c.window(q)
		}
	}
}

func isZero(number string) bool { return strings.Trim(number, "+0.") == "" }

// window checks that the window between START and STOP is not empty and lies within the time in which the indicator is
// valid.
func (c *checker) window(q *Qualifier) {
	start, err := q.Amount.Instant()
	stop, err2 := q.Stop.Instant()
	if err != nil || err2 != nil {
		return
	}
	if start.Compare(stop) >= 0 {
		c.warn(ruleWindow, q.Offset, fmt.Sprintf("found START %s, which is not before STOP %s; no observation is in that window", clip(q.Amount.Text), clip(q.Stop.Text)))
	}
	if !c.opts.ValidFrom.IsZero() && start.Compare(c.opts.ValidFrom) < 0 {
		c.warn(ruleValidity, q.Amount.Offset, fmt.Sprintf("found START %s, which is before the indicator's valid_from", clip(q.Amount.Text)))
	}
	if !c.opts.ValidUntil.IsZero() && stop.Compare(c.opts.ValidUntil) > 0 {
		c.warn(ruleValidity, q.Stop.Offset, fmt.Sprintf("found STOP %s, which is after the indicator's valid_until", clip(q.Stop.Text)))
	}
}

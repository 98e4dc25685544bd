package ijson

import (
	"bytes"
	"strconv"
	"strings"
)

// Equal reports whether a and b are texts of the same JSON value: the order of members, white space, the spelling of
// escapes and of numbers (1.0 and 1) aside. Text that does not parse equals nothing.
func Equal(a, b []byte) bool {
	var ta, tb Tree
	if ta.Parse(a, Limits{}) != nil || tb.Parse(b, Limits{}) != nil {
		return false
	}
	return equal(&ta, 0, &tb, 0)
}

func equal(a *Tree, i int, b *Tree, j int) bool {
	na, nb := &a.Nodes[i], &b.Nodes[j]
	if na.Kind != nb.Kind || na.Count != nb.Count {
		return false
	}
	switch na.Kind {
	case String:
		return bytes.Equal(a.Bytes(i), b.Bytes(j))
	case Number:
		return bytes.Equal(a.Raw(i), b.Raw(j)) || decimalOf(string(a.Raw(i))) == decimalOf(string(b.Raw(j)))
	case Array:
		k := j + 1
		for item := range a.Items(i) {
			if !equal(a, item, b, k) {
				return false
			}
			k = int(b.Nodes[k].Next)
		}
	case Object:
		others := make(map[string]int, nb.Count)
		for name, value := range b.Members(j) {
			others[b.Str(name)] = value
		}
		for name, value := range a.Members(i) {
			other, ok := others[a.Str(name)]
			if !ok || !equal(a, value, b, other) {
				return false
			}
		}
	}
	return true
}

// decimal is a number in one form whatever its spelling: digits without zeros at either end, times ten to the exponent.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

// decimalOf reads a checked JSON number. An exponent beyond 64 bits keeps the number's own spelling, so that it equals
// only itself.
func decimalOf(s string) decimal {
	var d decimal
	spelled := s
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa := s
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		n, err := strconv.ParseInt(s[e+1:], 10, 62)
		if err != nil {
			return decimal{digits: spelled}
		}
		mantissa, d.exponent = s[:e], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.exponent -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	d.digits = strings.TrimRight(digits, "0")
	d.exponent += int64(len(digits) - len(d.digits))
	if d.digits == "" {
		return decimal{}
	}
	return d
}

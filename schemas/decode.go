package schemas

import (
	"encoding/json"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// decode returns the value at node i in the form that jsonschema expects.
func decode(t *ijson.Tree, i int) any {
	switch t.Kind(i) {
	case ijson.Object:
		object := make(map[string]any, t.Nodes[i].Count)
		for name, value := range t.Members(i) {
			object[decodeName(t.Str(name))] = decode(t, value)
		}
		return object
	case ijson.Array:
		list := make([]any, 0, t.Nodes[i].Count)
		for item := range t.Items(i) {
			list = append(list, decode(t, item))
		}
		return list
	case ijson.String:
		return t.Str(i)
	case ijson.Number:
		return decodeNumber(t.Raw(i))
	case ijson.True:
		return true
	case ijson.False:
		return false
	}
	return nil
}

// decodeName returns the name, or a replacement for an empty one, because jsonschema omits empty names from the
// locations that it reports. No pattern of the schemas distinguishes the two. A name of only NULs gets one more.
func decodeName(name string) string {
	if strings.Trim(name, "\x00") == "" {
		return name + "\x00"
	}
	return name
}

// decodeNumber returns the number, or a replacement that compares the same with every bound of the schemas (at most 64
// bits) and is whole if the number is. jsonschema computes with fractions of any size, and 1e999999 would keep it busy.
func decodeNumber(b []byte) json.Number {
	const large = 30 // digits before the point or zeros after it, more than any bound has
	if _, small := smallInt(b); small || len(b) < large && !strings.ContainsAny(string(b), "eE") {
		return json.Number(b)
	}
	d := ijson.NewDecimal(b)
	if d.IsZero() {
		return "0"
	}
	negative, significant, scale := d.Parts()
	sign := ""
	if negative {
		sign = "-"
	}
	switch whole := d.IsWhole(); {
	case scale > large && whole:
		return json.Number(sign + "1" + strings.Repeat("0", large))
	case scale > large:
		return json.Number(sign + "1" + strings.Repeat("0", large) + ".5")
	case scale < -large:
		return json.Number(sign + "0." + strings.Repeat("0", large) + "1")
	}
	digits := string(significant)
	if len(digits) > 2*large {
		digits = digits[:2*large] + "1"
	}
	switch n := int(scale); {
	case n <= 0:
		return json.Number(sign + "0." + strings.Repeat("0", -n) + digits)
	case n >= len(digits):
		return json.Number(sign + digits + strings.Repeat("0", n-len(digits)))
	default:
		return json.Number(sign + digits[:n] + "." + digits[n:])
	}
}

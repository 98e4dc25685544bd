package schemas

import (
	"encoding/json"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// decode builds the value at node i as jsonschema wants it.
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

// decodeName is the name, or one that no pattern of the schemas tells from it: jsonschema leaves an empty name out of the
// locations that it reports. Names of nothing but NULs get one more.
func decodeName(name string) string {
	if strings.Trim(name, "\x00") == "" {
		return name + "\x00"
	}
	return name
}

// decodeNumber is the number, or one that compares the same with every bound of the schemas (which have 64 bits at most)
// and is whole if it is: jsonschema computes with fractions of any size, and 1e999999 would keep it busy.
func decodeNumber(b []byte) json.Number {
	const large = 30 // digits in front of the point or zeros behind it, more than any bound has
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

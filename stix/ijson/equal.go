package ijson

import "bytes"

// Equal reports whether a and b are texts of the same JSON value, ignoring the order of members, white space, and the
// spelling of escapes and numbers (1.0 and 1). Text that does not parse equals nothing.
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
		return bytes.Equal(a.Raw(i), b.Raw(j)) || equalNumbers(a.Raw(i), b.Raw(j))
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

func equalNumbers(a, b []byte) bool {
	x, y := NewDecimal(a), NewDecimal(b)
	return x.Equal(&y)
}

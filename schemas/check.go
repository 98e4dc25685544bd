package schemas

import (
	"unicode/utf8"

	"github.com/accord-taxii/accord/stix/ijson"
)

// holds reports whether value i of t has the shape.
func (s *shape) holds(t *ijson.Tree, i int) bool {
	if s == nil {
		return true
	}
	n := &t.Nodes[i]
	if !s.kinds.has(n.Kind) {
		return false
	}
	switch n.Kind {
	case ijson.String:
		if s.text != nil && !s.text.holds(t.Bytes(i)) {
			return false
		}
	case ijson.Number:
		if s.num != nil && !s.num.holds(t.Raw(i)) {
			return false
		}
	case ijson.Array:
		if s.list != nil && !s.list.holds(t, n, uint32(i)) {
			return false
		}
	case ijson.Object:
		if s.dict != nil && !s.dict.holds(t, n, uint32(i)) {
			return false
		}
	}
	for c := range s.conditions {
		if !s.conditions[c].holds(t, uint32(i), nil) {
			return false
		}
	}
	return true
}

func (s *textShape) holds(b []byte) bool {
	for _, set := range s.words {
		if !oneOf(set, b) {
			return false
		}
	}
	for _, match := range s.patterns {
		if !match(b) {
			return false
		}
	}
	if s.min > 0 || s.max >= 0 {
		length := utf8.RuneCount(b)
		return length >= s.min && (s.max < 0 || length <= s.max)
	}
	return true
}

func oneOf(words []string, b []byte) bool {
	for _, word := range words {
		if word == string(b) {
			return true
		}
	}
	return false
}

func (s *numShape) holds(b []byte) bool {
	v, small := smallInt(b)
	if small {
		for i := range s.bounds {
			if !s.bounds[i].allowsInt(v) {
				return false
			}
		}
		return true
	}
	d := ijson.NewDecimal(b)
	if s.whole && !d.IsWhole() {
		return false
	}
	for i := range s.bounds {
		if !s.bounds[i].allows(d) {
			return false
		}
	}
	return true
}

func (s *listShape) holds(t *ijson.Tree, n *ijson.Node, i uint32) bool {
	if int(n.Count) < s.min || s.max >= 0 && int(n.Count) > s.max {
		return false
	}
	if s.items != nil {
		for j := i + 1; j < n.Next; j = t.Nodes[j].Next {
			if !s.items.holds(t, int(j)) {
				return false
			}
		}
	}
	for _, contained := range s.contains {
		found := false
		for j := i + 1; j < n.Next && !found; j = t.Nodes[j].Next {
			found = contained.holds(t, int(j))
		}
		if !found {
			return false
		}
	}
	return true
}

func (s *dictShape) holds(t *ijson.Tree, n *ijson.Node, i uint32) bool {
	if int(n.Count) < s.min || s.max >= 0 && int(n.Count) > s.max {
		return false
	}
	var m members
	for name := i + 1; name < n.Next; {
		value := name + 1
		if slot := s.table.find(t, name); slot >= 0 {
			m.present |= 1 << slot
			m.at[slot] = value
			if p := s.props[slot]; p != nil && !p.holds(t, int(value)) {
				return false
			}
		} else if !s.holdsOther(t, name) {
			return false
		}
		name = t.Nodes[value].Next
	}
	if m.present&s.required != s.required {
		return false
	}
	for c := range s.conditions {
		if !s.conditions[c].holds(t, i, &m) {
			return false
		}
	}
	return true
}

// holdsOther checks a member whose name is not in the table.
func (s *dictShape) holdsOther(t *ijson.Tree, name uint32) bool {
	value := int(name) + 1
	for _, shape := range s.names {
		if !shape.holds(t, int(name)) {
			return false
		}
	}
	for i := range s.rest {
		r := &s.rest[i]
		additional := true
		for _, p := range r.patterns {
			if p.match(t.Bytes(int(name))) {
				additional = false
				if !p.shape.holds(t, value) {
					return false
				}
			}
		}
		if additional && !r.additional.holds(t, value) {
			return false
		}
	}
	return true
}

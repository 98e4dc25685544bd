package schemas

import (
	"maps"
	"slices"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// slots is a set of slots of a name table, a bit each.
type slots uint64

// members are the members of one object that its table knows, noted on the way over them.
type members struct {
	present slots
	at      [64]uint32 // by slot: the node of the value, where present
}

// condition is what not, anyOf, oneOf, if and dependentRequired ask of value i, whose members are m when it is an object.
type condition interface {
	holds(t *ijson.Tree, i uint32, m *members) bool
}

type (
	hasAll  slots       // all of these are there
	allHold []condition // each holds
	anyHold []condition // one holds at least
	oneHold []condition // exactly one holds
	notHold struct{ condition }
	choice  struct{ when, then, otherwise condition }
	propHas struct { // the property, if there, has the shape
		slot  int
		shape *shape
	}
	wholeHas struct{ shape *shape } // the value itself has the shape
)

func (h hasAll) holds(_ *ijson.Tree, _ uint32, m *members) bool {
	return m.present&slots(h) == slots(h)
}

func (h allHold) holds(t *ijson.Tree, i uint32, m *members) bool {
	for _, c := range h {
		if !c.holds(t, i, m) {
			return false
		}
	}
	return true
}

func (h anyHold) holds(t *ijson.Tree, i uint32, m *members) bool {
	for _, c := range h {
		if c.holds(t, i, m) {
			return true
		}
	}
	return false
}

func (h oneHold) holds(t *ijson.Tree, i uint32, m *members) bool {
	n := 0
	for _, c := range h {
		if c.holds(t, i, m) {
			n++
		}
	}
	return n == 1
}

func (h notHold) holds(t *ijson.Tree, i uint32, m *members) bool { return !h.condition.holds(t, i, m) }

func (h choice) holds(t *ijson.Tree, i uint32, m *members) bool {
	if h.when.holds(t, i, m) {
		return h.then.holds(t, i, m)
	}
	return h.otherwise.holds(t, i, m)
}

func (h propHas) holds(t *ijson.Tree, _ uint32, m *members) bool {
	return m.present&(1<<h.slot) == 0 || h.shape.holds(t, int(m.at[h.slot]))
}

func (h wholeHas) holds(t *ijson.Tree, i uint32, _ *members) bool { return h.shape.holds(t, int(i)) }

// conditions makes the conditions of one shape.
type conditions struct {
	shapes  *shapes
	table   *nameTable
	merged  []*jsonschema.Schema // what the shape is made of, and so holds wherever a condition matters
	objects bool                 // the shape is of objects alone, so that a condition can look at the members noted
}

// dependent makes the conditions of dependentRequired.
func (c *conditions) dependent(s *jsonschema.Schema) []condition {
	var made []condition
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		made = append(made, choice{c.all([]string{name}), c.all(s.DependentRequired[name]), allHold{}})
	}
	return made
}

// of makes the conditions of the other keywords.
func (c *conditions) of(s *jsonschema.Schema) []condition {
	var made []condition
	if s.Not != nil {
		made = append(made, notHold{c.inner(s.Not)})
	}
	if len(s.AnyOf) > 0 {
		made = append(made, anyHold(c.each(s.AnyOf)))
	}
	if len(s.OneOf) > 0 {
		made = append(made, oneHold(c.each(s.OneOf)))
	}
	if s.If != nil {
		h := choice{c.inner(s.If), allHold{}, allHold{}}
		if s.Then != nil {
			h.then = c.inner(s.Then)
		}
		if s.Else != nil {
			h.otherwise = c.inner(s.Else)
		}
		made = append(made, h)
	}
	return made
}

func (c *conditions) each(schemas []*jsonschema.Schema) []condition {
	made := make([]condition, len(schemas))
	for i, s := range schemas {
		made[i] = c.inner(s)
	}
	return made
}

// inner makes the condition that a value has the shape of s, short of what is known of the value anyway. Where s speaks of
// nothing but the presence and shapes of listed properties, those noted in members are looked at; otherwise the value is
// gone over again.
func (c *conditions) inner(s *jsonschema.Schema) condition {
	flat := slices.DeleteFunc(flatten(nil, []*jsonschema.Schema{s}), func(s *jsonschema.Schema) bool {
		return slices.Contains(c.merged, s)
	})
	if !c.objects || slices.ContainsFunc(flat, func(s *jsonschema.Schema) bool { return !aboutMembers(s) }) {
		return wholeHas{c.shapes.of(s)}
	}
	var all allHold
	for _, s := range flat {
		c.shapes.unsupported(s)
		if len(s.Required) > 0 {
			all = append(all, c.all(s.Required))
		}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			all = append(all, propHas{c.table.slots[name], c.shapes.of(s.Properties[name])})
		}
		all = append(all, c.dependent(s)...)
		all = append(all, c.of(s)...)
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (c *conditions) all(names []string) hasAll {
	var set slots
	for _, name := range names {
		set |= 1 << c.table.slots[name]
	}
	return hasAll(set)
}

// aboutMembers reports whether s asks no more of an object than what members can tell.
func aboutMembers(s *jsonschema.Schema) bool {
	return s.Always == nil && s.Constant == nil && s.Enum == nil &&
		(len(s.Types) == 0 || slices.Contains(s.Types, "object")) &&
		s.MinProperties <= 0 && s.MaxProperties < 0 && s.PropertyNames == nil &&
		s.AdditionalProperties == nil && len(s.PatternProperties) == 0
}

package schemas

import (
	"maps"
	"slices"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// slots is a set of slots of a name table, one bit each.
type slots uint64

// members records the members of one object that are in its name table, as they are read.
type members struct {
	present slots
	at      [64]uint32 // by slot: the node of the value, where present
}

// condition is what not, anyOf, oneOf, if and dependentRequired require of a value. (It is a struct, not an interface
// with an implementation for each way, because members would then escape to the heap.)
type condition struct {
	way   way
	set   slots       // hasAll
	slot  int         // propHas
	shape *shape      // propHas, wholeHas
	of    []condition // the others
}

type way uint8

const (
	hasAll   way = iota // these members are present
	allHold             // each of the conditions holds
	anyHold             // at least one holds
	oneHold             // exactly one holds
	noneHold            // none holds
	choice              // if the first holds, the second must hold, otherwise the third
	propHas             // the member, if present, has the shape
	wholeHas            // the value itself has the shape
)

// holds reports whether value i satisfies c. If the value is an object, m holds its members.
func (c *condition) holds(t *ijson.Tree, i uint32, m *members) bool {
	switch c.way {
	case hasAll:
		return m.present&c.set == c.set
	case propHas:
		return m.present&(1<<c.slot) == 0 || c.shape.holds(t, int(m.at[c.slot]))
	case wholeHas:
		return c.shape.holds(t, int(i))
	case choice:
		if c.of[0].holds(t, i, m) {
			return c.of[1].holds(t, i, m)
		}
		return c.of[2].holds(t, i, m)
	}
	return c.holdsAmong(t, i, m)
}

// holdsAmong implements holds for conditions that count how many of their parts hold.
func (c *condition) holdsAmong(t *ijson.Tree, i uint32, m *members) bool {
	n := 0
	for k := range c.of {
		holds := c.of[k].holds(t, i, m)
		switch {
		case holds && c.way == anyHold:
			return true
		case holds && c.way == noneHold, !holds && c.way == allHold:
			return false
		case holds:
			n++
		}
	}
	return c.way == allHold || c.way == noneHold || c.way == oneHold && n == 1
}

// conditions builds the conditions of one shape.
type conditions struct {
	shapes  *shapes
	table   *nameTable
	merged  []*jsonschema.Schema // the schemas in the shape, which hold wherever a condition is checked
	objects bool                 // the shape allows only objects, so conditions can use the recorded members
}

// dependent returns the conditions of dependentRequired.
func (c *conditions) dependent(s *jsonschema.Schema) []condition {
	var made []condition
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		made = append(made, condition{way: choice, of: []condition{c.all([]string{name}), c.all(s.DependentRequired[name]), {way: allHold}}})
	}
	return made
}

// of returns the conditions of the other keywords.
func (c *conditions) of(s *jsonschema.Schema) []condition {
	var made []condition
	if s.Not != nil {
		made = append(made, condition{way: noneHold, of: c.each([]*jsonschema.Schema{s.Not})})
	}
	if len(s.AnyOf) > 0 {
		made = append(made, condition{way: anyHold, of: c.each(s.AnyOf)})
	}
	if len(s.OneOf) > 0 {
		made = append(made, condition{way: oneHold, of: c.each(s.OneOf)})
	}
	if s.If != nil {
		of := []condition{c.inner(s.If), {way: allHold}, {way: allHold}}
		if s.Then != nil {
			of[1] = c.inner(s.Then)
		}
		if s.Else != nil {
			of[2] = c.inner(s.Else)
		}
		made = append(made, condition{way: choice, of: of})
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

// inner returns the condition that a value has the shape of s, without what is already known about the value. If s only
// concerns the presence and shapes of listed properties, the condition uses the recorded members; otherwise it reads
// the value again.
func (c *conditions) inner(s *jsonschema.Schema) condition {
	flat := slices.DeleteFunc(flatten(nil, []*jsonschema.Schema{s}), func(s *jsonschema.Schema) bool {
		return slices.Contains(c.merged, s)
	})
	if !c.objects || slices.ContainsFunc(flat, func(s *jsonschema.Schema) bool { return !aboutMembers(s) }) {
		return condition{way: wholeHas, shape: c.shapes.of(s)}
	}
	var all []condition
	for _, s := range flat {
		c.shapes.unsupported(s)
		if len(s.Required) > 0 {
			all = append(all, c.all(s.Required))
		}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			all = append(all, condition{way: propHas, slot: c.table.slots[name], shape: c.shapes.of(s.Properties[name])})
		}
		all = append(all, c.dependent(s)...)
		all = append(all, c.of(s)...)
	}
	if len(all) == 1 {
		return all[0]
	}
	return condition{way: allHold, of: all}
}

func (c *conditions) all(names []string) condition {
	var set slots
	for _, name := range names {
		set |= 1 << c.table.slots[name]
	}
	return condition{way: hasAll, set: set}
}

// aboutMembers reports whether the recorded members are enough to check an object against s.
func aboutMembers(s *jsonschema.Schema) bool {
	return s.Always == nil && s.Constant == nil && s.Enum == nil &&
		(len(s.Types) == 0 || slices.Contains(s.Types, "object")) &&
		s.MinProperties <= 0 && s.MaxProperties < 0 && s.PropertyNames == nil &&
		s.AdditionalProperties == nil && len(s.PatternProperties) == 0
}

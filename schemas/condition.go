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

// condition is what not, anyOf, oneOf, if and dependentRequired ask of a value. (It is a struct and not an interface with
// an implementation for each way, because members would then have to live on the heap.)
type condition struct {
	way   way
	set   slots       // hasAll
	slot  int         // propHas
	shape *shape      // propHas, wholeHas
	of    []condition // the others
}

type way uint8

const (
	hasAll   way = iota // these members are there
	allHold             // each of the conditions holds
	anyHold             // one holds at least
	oneHold             // exactly one holds
	noneHold            // none holds
	choice              // when the first holds, the second, otherwise the third
	propHas             // the member, if there, has the shape
	wholeHas            // the value itself has the shape
)

// holds reports whether value i, whose members are m when it is an object, does what c asks.
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

// holdsAmong is holds for conditions that count how many of their own hold.
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
		made = append(made, condition{way: choice, of: []condition{c.all([]string{name}), c.all(s.DependentRequired[name]), {way: allHold}}})
	}
	return made
}

// of makes the conditions of the other keywords.
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

// inner makes the condition that a value has the shape of s, short of what is known of the value anyway. Where s speaks of
// nothing but the presence and shapes of listed properties, those noted in members are looked at; otherwise the value is
// gone over again.
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

// aboutMembers reports whether s asks no more of an object than what members can tell.
func aboutMembers(s *jsonschema.Schema) bool {
	return s.Always == nil && s.Constant == nil && s.Enum == nil &&
		(len(s.Types) == 0 || slices.Contains(s.Types, "object")) &&
		s.MinProperties <= 0 && s.MaxProperties < 0 && s.PropertyNames == nil &&
		s.AdditionalProperties == nil && len(s.PatternProperties) == 0
}

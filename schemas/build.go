package schemas

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// shapes builds shapes from schemas. It keeps the first error in err: a keyword that it does not support is never
// ignored.
type shapes struct {
	err  error
	ids  map[*jsonschema.Schema]int
	made map[string]*shape
}

func newShapes() *shapes {
	return &shapes{ids: map[*jsonschema.Schema]int{}, made: map[string]*shape{}}
}

// of returns the shape of values that satisfy all of the schemas, or nil if every value does.
func (c *shapes) of(schemas ...*jsonschema.Schema) *shape {
	flat := flatten(nil, schemas)
	if len(flat) == 0 {
		return nil
	}
	key := c.key(flat)
	if s, ok := c.made[key]; ok {
		return s
	}
	s := &shape{kinds: anyKind}
	c.made[key] = s // before it is complete, since schemas may refer to themselves
	for _, schema := range flat {
		c.unsupported(schema)
		c.limitKinds(s, schema)
	}
	s.text = c.textOf(flat)
	s.num = c.numOf(flat)
	s.list = c.listOf(flat)
	c.dictOf(s, flat)
	return s
}

// key returns a key that identifies a set of schemas.
func (c *shapes) key(flat []*jsonschema.Schema) string {
	ids := make([]int, len(flat))
	for i, schema := range flat {
		if c.ids[schema] == 0 {
			c.ids[schema] = len(c.ids) + 1
		}
		ids[i] = c.ids[schema]
	}
	slices.Sort(ids)
	return fmt.Sprint(ids)
}

// flatten appends the schemas and all schemas that they refer to with $ref and allOf, each once.
func flatten(flat, schemas []*jsonschema.Schema) []*jsonschema.Schema {
	for _, schema := range schemas {
		if schema == nil || slices.Contains(flat, schema) {
			continue
		}
		flat = append(flat, schema)
		if schema.Ref != nil {
			flat = flatten(flat, []*jsonschema.Schema{schema.Ref})
		}
		flat = flatten(flat, schema.AllOf)
	}
	return flat
}

func (c *shapes) refuse(s *jsonschema.Schema, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("make a checker of schema %s: %s", s.Location, fmt.Sprintf(format, args...))
	}
}

// unsupported refuses keywords that the checker does not know.
func (c *shapes) unsupported(s *jsonschema.Schema) {
	for keyword, used := range map[string]bool{
		"format":                            s.Format != "",
		"$recursiveRef":                     s.RecursiveRef != nil,
		"$dynamicRef":                       s.DynamicRef != nil,
		"dependencies":                      len(s.Dependencies) > 0,
		"dependentSchemas":                  len(s.DependentSchemas) > 0,
		"unevaluatedProperties":             s.UnevaluatedProperties != nil,
		"unevaluatedItems":                  s.UnevaluatedItems != nil,
		"uniqueItems":                       s.UniqueItems,
		"items of older drafts":             s.Items != nil || s.AdditionalItems != nil,
		"prefixItems":                       len(s.PrefixItems) > 0,
		"minContains":                       s.MinContains != 1,
		"maxContains":                       s.MaxContains != -1,
		"contentEncoding":                   s.ContentEncoding != "",
		"contentMediaType":                  s.ContentMediaType != "" || s.ContentSchema != nil,
		"exclusiveMinimum":                  s.ExclusiveMinimum != nil,
		"exclusiveMaximum":                  s.ExclusiveMaximum != nil,
		"multipleOf":                        s.MultipleOf != nil,
		"property names that are a pattern": s.RegexProperties,
		"an extension of the vocabulary":    len(s.Extensions) > 0,
	} {
		if used {
			c.refuse(s, "the keyword %s is not supported", keyword)
		}
	}
}

// limitKinds leaves the kinds of s that type, const, enum and boolean schemas allow.
func (c *shapes) limitKinds(s *shape, schema *jsonschema.Schema) {
	if schema.Always != nil && !*schema.Always {
		s.kinds = 0
	}
	if len(schema.Types) > 0 {
		var allowed kinds
		for _, name := range schema.Types {
			allowed |= kindsOf[name]
		}
		s.kinds &= allowed
	}
	for _, values := range [][]any{schema.Constant, schema.Enum} {
		if len(values) == 0 {
			continue
		}
		var allowed kinds
		for _, value := range values {
			switch value := value.(type) {
			case nil:
				allowed |= 1 << ijson.Null
			case bool:
				allowed |= map[bool]kinds{true: 1 << ijson.True, false: 1 << ijson.False}[value]
			case string:
				allowed |= 1 << ijson.String
			default:
				c.refuse(schema, "const and enum of %T are not supported", value)
			}
		}
		s.kinds &= allowed
	}
}

// kindsOf maps a type of JSON Schema to kinds.
var kindsOf = map[string]kinds{
	"null":    1 << ijson.Null,
	"boolean": 1<<ijson.False | 1<<ijson.True,
	"number":  1 << ijson.Number,
	"integer": 1 << ijson.Number, // numOf also requires a whole number
	"string":  1 << ijson.String,
	"array":   1 << ijson.Array,
	"object":  1 << ijson.Object,
}

func (c *shapes) textOf(flat []*jsonschema.Schema) *textShape {
	s := textShape{max: -1}
	used := false
	for _, schema := range flat {
		for _, values := range [][]any{schema.Constant, schema.Enum} {
			if len(values) == 0 {
				continue
			}
			var words []string
			for _, value := range values {
				if word, ok := value.(string); ok {
					words = append(words, word)
				}
			}
			s.words, used = append(s.words, words), true
		}
		if schema.Pattern != nil {
			s.patterns, used = append(s.patterns, matcherOf(schema.Pattern)), true
		}
		if schema.MinLength > s.min {
			s.min, used = schema.MinLength, true
		}
		if schema.MaxLength >= 0 && (s.max < 0 || schema.MaxLength < s.max) {
			s.max, used = schema.MaxLength, true
		}
	}
	if !used {
		return nil
	}
	return &s
}

func (c *shapes) numOf(flat []*jsonschema.Schema) *numShape {
	var s numShape
	for _, schema := range flat {
		if slices.Contains(schema.Types, "integer") && !slices.Contains(schema.Types, "number") {
			s.whole = true
		}
		if schema.Minimum != nil {
			s.bounds = append(s.bounds, c.bound(schema, -1, schema.Minimum))
		}
		if schema.Maximum != nil {
			s.bounds = append(s.bounds, c.bound(schema, 1, schema.Maximum))
		}
	}
	if !s.whole && len(s.bounds) == 0 {
		return nil
	}
	return &s
}

// bound returns a minimum (side -1) or a maximum (side 1).
func (c *shapes) bound(schema *jsonschema.Schema, side int, at *big.Rat) bound {
	if !at.IsInt() || !at.Num().IsInt64() {
		c.refuse(schema, "the bound %s is no whole number of 64 bits", at.RatString())
		return bound{}
	}
	return newBound(side, at.Num().Int64())
}

func (c *shapes) listOf(flat []*jsonschema.Schema) *listShape {
	s := listShape{max: -1}
	var items []*jsonschema.Schema
	for _, schema := range flat {
		s.min = max(s.min, schema.MinItems)
		if schema.MaxItems >= 0 && (s.max < 0 || schema.MaxItems < s.max) {
			s.max = schema.MaxItems
		}
		items = append(items, schema.Items2020)
		if schema.Contains != nil {
			s.contains = append(s.contains, c.of(schema.Contains))
		}
	}
	s.items = c.of(items...)
	if s.min == 0 && s.max < 0 && s.items == nil && len(s.contains) == 0 {
		return nil
	}
	return &s
}

// dictOf sets what s requires of objects, and the conditions of s, which nearly always concern objects.
func (c *shapes) dictOf(s *shape, flat []*jsonschema.Schema) {
	d := &dictShape{max: -1}
	s.dict = d
	names := map[string]bool{}
	for _, schema := range flat {
		d.min = max(d.min, schema.MinProperties)
		if schema.MaxProperties >= 0 && (d.max < 0 || schema.MaxProperties < d.max) {
			d.max = schema.MaxProperties
		}
		addNames(names, schema)
	}
	d.table = newNameTable(slices.Sorted(maps.Keys(names)))
	if len(names) > 64 {
		c.refuse(flat[0], "it speaks of %d properties, more than 64", len(names))
		return
	}
	for slot, name := range d.table.names {
		d.props = append(d.props, c.property(flat, name))
		for _, schema := range flat {
			if slices.Contains(schema.Required, name) {
				d.required |= 1 << slot
			}
		}
	}
	for _, schema := range flat {
		if schema.PropertyNames != nil {
			d.names = append(d.names, c.of(schema.PropertyNames))
		}
		if r, ok := c.restOf(schema); ok {
			d.rest = append(d.rest, r)
		}
	}
	made := &conditions{shapes: c, table: d.table, merged: flat, objects: s.kinds == 1<<ijson.Object}
	for _, schema := range flat {
		d.conditions = append(d.conditions, made.dependent(schema)...)
		if made.objects {
			d.conditions = append(d.conditions, made.of(schema)...)
		} else {
			s.conditions = append(s.conditions, made.of(schema)...)
		}
	}
	if len(names) == 0 && d.min == 0 && d.max < 0 && len(d.names) == 0 && len(d.rest) == 0 && len(d.conditions) == 0 {
		s.dict = nil
	}
}

// addNames adds the property names in a schema, including those in its conditions.
func addNames(names map[string]bool, s *jsonschema.Schema) {
	if s == nil {
		return
	}
	for name := range s.Properties {
		names[name] = true
	}
	for _, name := range s.Required {
		names[name] = true
	}
	for name, others := range s.DependentRequired {
		names[name] = true
		for _, other := range others {
			names[other] = true
		}
	}
	for _, sub := range slices.Concat([]*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf) {
		addNames(names, sub)
	}
}

// property returns the shape of the named property, which combines what the schemas require of it as a listed property,
// by pattern, as an additional property, and by propertyNames.
func (c *shapes) property(flat []*jsonschema.Schema, name string) *shape {
	var of []*jsonschema.Schema
	for _, schema := range flat {
		listed := false
		if sub, ok := schema.Properties[name]; ok {
			of, listed = append(of, sub), true
		}
		for pattern, sub := range schema.PatternProperties {
			if pattern.MatchString(name) {
				of, listed = append(of, sub), true
			}
		}
		if sub, ok := schema.AdditionalProperties.(*jsonschema.Schema); ok && !listed {
			of = append(of, sub)
		}
		closed := schema.AdditionalProperties == false && !listed
		if closed || schema.PropertyNames != nil && schema.PropertyNames.Validate(name) != nil {
			return &shape{}
		}
	}
	return c.of(of...)
}

func (c *shapes) restOf(schema *jsonschema.Schema) (rest, bool) {
	var r rest
	patterns := slices.SortedFunc(maps.Keys(schema.PatternProperties), func(a, b *regexp.Regexp) int {
		return strings.Compare(a.String(), b.String())
	})
	for _, pattern := range patterns {
		r.patterns = append(r.patterns, patternShape{matcherOf(pattern), c.of(schema.PatternProperties[pattern])})
	}
	switch additional := schema.AdditionalProperties.(type) {
	case bool:
		if !additional {
			r.additional = &shape{}
		}
	case *jsonschema.Schema:
		r.additional = c.of(additional)
	}
	return r, len(r.patterns) > 0 || r.additional != nil
}

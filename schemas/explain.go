package schemas

import (
	"bytes"
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

const (
	// mostValues is the largest number of values in an object that is explained with jsonschema, which builds an error
	// for each fault and each schema around it. A larger object could take gigabytes.
	mostValues = 20_000
	// mostViolations is the largest number of violations reported for one object.
	mostViolations = 1000
)

// explain returns the violations of the object in t.
func (lib *compiled) explain(e *entry, t *ijson.Tree) []Violation {
	if len(t.Nodes) > mostValues {
		return e.firstFault(t)
	}
	err := e.schema.Validate(decode(t, t.Root()))
	if err == nil {
		return nil
	}
	x := explainer{lib: lib, entry: e, tree: t}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []Violation{{Rule: "S-014", Message: "the object can't be held to its schema: " + err.Error()}}
	}
	x.walk(invalid, nil)
	x.place()
	return x.violations()
}

// fault is one leaf of jsonschema's errors: a keyword of a schema that a value does not satisfy.
type fault struct {
	path    string // JSON pointer to the value
	node    int    // its node, or that of the name
	named   bool   // the fault is in the name of a member
	keyword string
	schema  *jsonschema.Schema
	around  []*jsonschema.Schema // schemas that lead to schema by $ref, outermost first
}

type explainer struct {
	lib    *compiled
	entry  *entry
	tree   *ijson.Tree
	faults []fault
}

// walk collects the leaves below err. A keyword that joins several schemas (anyOf, if) counts as a leaf if its schema
// names and describes a rule, since the faults of the alternatives say little.
func (x *explainer) walk(err *jsonschema.ValidationError, around []*jsonschema.Schema) {
	schema, keyword := x.schemaOf(err)
	if schema == nil {
		for _, cause := range err.Causes {
			x.walk(cause, around)
		}
		return
	}
	switch keyword {
	case "$ref":
		inside := append(slices.Clip(around), schema)
		for _, cause := range err.Causes {
			x.walk(cause, inside)
		}
		return
	case "allOf":
		for _, cause := range err.Causes {
			x.walk(cause, around)
		}
		return
	case "then", "else", "anyOf", "oneOf", "minContains":
		if schema.Description == "" || commentRule(schema.Comment, keyword) == "" {
			for _, cause := range err.Causes {
				x.walk(cause, around)
			}
			return
		}
	}
	x.faults = append(x.faults, fault{
		path:    pointerOf(err.InstanceLocation),
		named:   strings.Contains(err.KeywordLocation, "/propertyNames"),
		keyword: keyword,
		schema:  schema,
		around:  sameValue(around, err),
	})
}

// sameValue returns those of the schemas around err that apply to the same value as err. jsonschema gives a value below
// an outer schema a longer location, so the reference that led to err is at the end of its location.
func sameValue(around []*jsonschema.Schema, err *jsonschema.ValidationError) []*jsonschema.Schema {
	location := err.KeywordLocation
	if i := strings.LastIndexByte(location, '/'); i >= 0 {
		location = location[:i]
	}
	n := 0
	for strings.HasSuffix(location, "/$ref") && n < len(around) {
		location = strings.TrimSuffix(location, "/$ref")
		n++
	}
	return around[len(around)-n:]
}

// schemaOf returns the schema that err is about and the keyword in it that failed, or nil for an error that only groups
// others.
func (x *explainer) schemaOf(err *jsonschema.ValidationError) (schema *jsonschema.Schema, keyword string) {
	if err.Message == "" {
		return nil, ""
	}
	location := err.AbsoluteKeywordLocation
	for range 3 { // at most a name and an index follow a keyword
		i := strings.LastIndexByte(location, '/')
		if i < strings.IndexByte(location, '#') {
			return nil, ""
		}
		location, keyword = location[:i], location[i+1:]
		if s := x.lib.schemas[location]; s != nil {
			return s, keyword
		}
	}
	return nil, ""
}

// pointerOf returns the JSON pointer in a location, which jsonschema has escaped once more for a URL.
func pointerOf(location string) string {
	if !strings.Contains(location, "%") {
		return location
	}
	tokens := strings.Split(location, "/")
	for i, token := range tokens {
		if plain, err := url.PathUnescape(token); err == nil {
			tokens[i] = plain
		}
	}
	return strings.Join(tokens, "/")
}

// place finds the nodes of all faults in one pass over the tree, and sorts the faults by their place in the text.
func (x *explainer) place() {
	wanted := map[string][]int{}
	for i, f := range x.faults {
		wanted[f.path] = append(wanted[f.path], i)
	}
	x.placeBelow(x.tree.Root(), nil, wanted)
	slices.SortStableFunc(x.faults, func(a, b fault) int { return cmp.Compare(a.node, b.node) })
}

func (x *explainer) placeBelow(node int, path []byte, wanted map[string][]int) {
	for _, i := range wanted[string(path)] {
		x.faults[i].node = node
		if bytes.IndexByte(path, 0) >= 0 {
			x.faults[i].path = x.tree.Pointer(node)
		}
		if x.faults[i].named {
			x.faults[i].node = node - 1
		}
	}
	t := x.tree
	switch t.Kind(node) {
	case ijson.Object:
		for name, value := range t.Members(node) {
			x.placeBelow(value, append(append(path, '/'), ijson.EscapePointer(decodeName(t.Str(name)))...), wanted)
		}
	case ijson.Array:
		i := 0
		for item := range t.Items(node) {
			x.placeBelow(item, strconv.AppendInt(append(path, '/'), int64(i), 10), wanted)
			i++
		}
	}
}

// violations returns the faults as sentences, without duplicates, in the order of the text and then of the rules.
func (x *explainer) violations() []Violation {
	type placed struct {
		node int
		Violation
	}
	var all []placed
	for _, f := range x.faults {
		if x.saidBetter(f) {
			continue
		}
		for _, v := range x.tell(f) {
			all = append(all, placed{f.node, v})
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.node, b.node), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	all = slices.Compact(all)
	told := make([]Violation, min(len(all), mostViolations))
	for i := range told {
		told[i] = all[i].Violation
	}
	return told
}

// anyValue is the schema that applies to every property of an object, even if it has a schema of its own.
const anyValue = BaseURL + "common.json#/$defs/value"

// saidBetter reports whether f comes from the schema of any value and the value's own schema reports the same fault.
func (x *explainer) saidBetter(f fault) bool {
	if f.schema.Location != anyValue {
		return false
	}
	first, _ := slices.BinarySearchFunc(x.faults, f.node, func(f fault, node int) int { return cmp.Compare(f.node, node) })
	for _, other := range x.faults[first:] {
		if other.node != f.node {
			break
		}
		if other.schema != f.schema && other.keyword == f.keyword && !other.named {
			return true
		}
	}
	return false
}

// firstFault returns one violation of an object that is too large to explain fully: the innermost value without the
// required shape.
func (e *entry) firstFault(t *ijson.Tree) []Violation {
	if e.shape.holds(t, t.Root()) {
		return nil
	}
	at := e.shape.faulty(t, t.Root())
	return []Violation{{
		Rule: "S-014",
		Path: t.Pointer(at),
		Message: "found " + t.Kind(at).String() + " that " + e.name + " can't have here; the object has more than " +
			strconv.Itoa(mostValues) + " values, so that only its first fault is told, and not in detail",
	}}
}

// faulty returns the innermost value on the way to the first fault below value i, which must not have the shape.
func (s *shape) faulty(t *ijson.Tree, i int) int {
	switch {
	case s == nil:
	case t.Kind(i) == ijson.Array && s.list != nil:
		for item := range t.Items(i) {
			if !s.list.items.holds(t, item) {
				return s.list.items.faulty(t, item)
			}
		}
	case t.Kind(i) == ijson.Object && s.dict != nil:
		for name, value := range t.Members(i) {
			if slot := s.dict.table.find(t, uint32(name)); slot >= 0 {
				if p := s.dict.props[slot]; !p.holds(t, value) {
					return p.faulty(t, value)
				}
			} else if !s.dict.holdsOther(t, uint32(name)) {
				return value
			}
		}
	}
	return i
}

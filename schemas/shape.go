package schemas

import "github.com/accord-taxii/accord/stix/ijson"

// kinds is a set of kinds of JSON value, one bit each.
type kinds uint16

const anyKind = kinds(1<<ijson.Null | 1<<ijson.False | 1<<ijson.True | 1<<ijson.Number | 1<<ijson.String | 1<<ijson.Array | 1<<ijson.Object)

func (k kinds) has(kind ijson.Kind) bool { return k&(1<<kind) != 0 }

// shape is everything that one value must satisfy. It stands for several schemas at once: schemas that refer to each
// other with $ref and allOf are merged, so that a value is examined once, and a property has one shape however many
// schemas mention it. Every value satisfies a shape that is zero except for anyKind.
type shape struct {
	kinds      kinds
	text       *textShape  // nil: any string
	num        *numShape   // nil: any number
	list       *listShape  // nil: any list
	dict       *dictShape  // nil: any object
	conditions []condition // for values of any kind
}

type textShape struct {
	words    [][]string // the string is in each set
	patterns []matcher
	min, max int // length in code points; max -1: none
}

type numShape struct {
	whole  bool
	bounds []bound
}

type listShape struct {
	min, max int // items; max -1: none
	items    *shape
	contains []*shape // at least one item satisfies each
}

type dictShape struct {
	min, max   int // members; max -1: none
	table      *nameTable
	props      []*shape // by slot of the table; nil: anything
	required   slots
	names      []*shape // for names not in the table
	rest       []rest   // for values whose names are not in the table
	conditions []condition
}

// rest is what one schema requires of properties that it does not list.
type rest struct {
	patterns   []patternShape
	additional *shape // nil: anything
}

type patternShape struct {
	match matcher
	shape *shape
}

package schemas

import (
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Violation is one place where an object breaks its schema.
type Violation struct {
	Rule    string // S-nnn of the rule table
	Path    string // JSON pointer to the value, or to the object that lacks a property
	Message string // what was found and what would be right
}

// Check reports whether the object in t has the shape of its type, or of a custom object when the type is not Known.
func Check(typ string, t *ijson.Tree) bool { return true }

// Explain says what keeps the object in t from the shape of its type, in document order; nothing when Check holds.
func Explain(typ string, t *ijson.Tree) []Violation { return nil }

// Types are the object types that have a schema of their own, sorted; bundle is among them.
func Types() []string { return nil }

// Known reports whether typ has a schema of its own.
func Known(typ string) bool { return typ == "bundle" || stix.CategoryOf(typ) != stix.Unknown }

package schemas

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// BaseURL is the prefix of each schema's $id; the name of its file follows.
const BaseURL = "https://accord-taxii.github.io/schemas/stix-2.1/"

// customName names the schema of objects whose type the Standard does not define.
const customName = "custom"

//go:embed *.json README.md
var files embed.FS

// Files returns the schemas and their README, as published.
func Files() fs.FS { return files }

// Violation is one place where an object breaks its schema.
type Violation struct {
	Rule    string // S-nnn of the rule table
	Path    string // JSON pointer (RFC 6901) to the value, or to the object without a required property
	Message string // what was found and what would be right
}

// Check reports whether the object in t has the shape of its type, or of a custom object if the type is not Known. It
// allocates only if a string that a schema examines is escaped, takes time in proportion to the text, and always agrees
// with Explain.
func Check(typ string, t *ijson.Tree) bool {
	return library().of(typ).shape.holds(t, t.Root())
}

// Explain returns the violations of the object in t against the schema of its type, in the order of the text, or nil if
// Check returns true. For an object with more than 20,000 values it returns only the first violation, and never more
// than a thousand.
func Explain(typ string, t *ijson.Tree) []Violation {
	lib := library()
	return lib.explain(lib.of(typ), t)
}

// Types returns the object types that have a schema of their own, sorted, including bundle.
func Types() []string {
	var types []string
	for name := range library().entries {
		if Known(name) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

// Known reports whether typ has a schema of its own: the types of STIX 2.1, and bundle.
func Known(typ string) bool { return typ == "bundle" || stix.CategoryOf(typ) != stix.Unknown }

// entry is the schema of one file, in the form of each of the two readers.
type entry struct {
	name   string
	schema *jsonschema.Schema
	shape  *shape
}

// compiled holds all schemas, compiled.
type compiled struct {
	entries map[string]*entry
	custom  *entry
	schemas map[string]*jsonschema.Schema // by Location, subschemas included
}

func (lib *compiled) of(typ string) *entry {
	if e := lib.entries[typ]; e != nil && typ != customName {
		return e
	}
	return lib.custom
}

// library compiles the schemas on first use. They are part of the program, so a fault in them is a bug, which every
// test would find.
var library = sync.OnceValue(func() *compiled {
	lib, err := compile(files)
	if err != nil {
		panic(err)
	}
	return lib
})

// compile reads and compiles every schema in folder and makes the checker's shapes from the result.
func compile(folder fs.FS) (*compiled, error) {
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	compiler.AssertFormat = true
	compiler.ExtractAnnotations = true
	// Only built-in schemas are used to check what strangers send; nothing is fetched.
	compiler.LoadURL = func(url string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("schema %s is not built in", url)
	}
	paths, err := fs.Glob(folder, "*.json")
	if err != nil {
		return nil, fmt.Errorf("list the schemas: %w", err)
	}
	for _, path := range paths {
		text, err := fs.ReadFile(folder, path)
		if err != nil {
			return nil, fmt.Errorf("read schema %s: %w", path, err)
		}
		if err := compiler.AddResource(BaseURL+path, bytes.NewReader(text)); err != nil {
			return nil, fmt.Errorf("read schema %s: %w", path, err)
		}
	}
	lib := &compiled{entries: map[string]*entry{}, schemas: map[string]*jsonschema.Schema{}}
	shapes := newShapes()
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".json")
		if name == "common" || name == "object" {
			continue // common has only definitions; object is for other programs, since Check knows the type
		}
		schema, err := compiler.Compile(BaseURL + path)
		if err != nil {
			return nil, fmt.Errorf("compile schema %s: %w", path, err)
		}
		index(lib.schemas, schema)
		lib.entries[name] = &entry{name: name, schema: schema, shape: shapes.of(schema)}
	}
	if shapes.err != nil {
		return nil, shapes.err
	}
	if lib.custom = lib.entries[customName]; lib.custom == nil {
		return nil, fmt.Errorf("compile schemas: %s.json is missing", customName)
	}
	return lib, nil
}

// index adds s and every schema that it reaches to schemas, by location.
func index(schemas map[string]*jsonschema.Schema, s *jsonschema.Schema) {
	if s == nil || schemas[s.Location] != nil {
		return
	}
	schemas[s.Location] = s
	for _, sub := range subschemas(s) {
		index(schemas, sub)
	}
}

// subschemas returns the schemas directly inside s, under the keywords that the checker supports (unsupported reports
// the others).
func subschemas(s *jsonschema.Schema) []*jsonschema.Schema {
	subs := []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.Items2020, s.Contains}
	subs = append(subs, s.AllOf...)
	subs = append(subs, s.AnyOf...)
	subs = append(subs, s.OneOf...)
	for _, sub := range s.Properties {
		subs = append(subs, sub)
	}
	for _, sub := range s.PatternProperties {
		subs = append(subs, sub)
	}
	if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		subs = append(subs, sub)
	}
	return slices.DeleteFunc(subs, func(sub *jsonschema.Schema) bool { return sub == nil })
}

package pattern

import (
	"fmt"
	"strings"
	"sync"

	"github.com/accord-taxii/accord/stix"
)

// form is the form of a property, or of a value inside it.
type form struct {
	kind   formKind
	inside *form              // of the items of a list and the values of a dictionary
	fields map[string][]*form // of an object; several if objects of several types are possible
	extend map[string]*form   // of extensions: predefined ones by name
}

type formKind uint8

const (
	formUnknown formKind = iota // any step may follow
	formString
	formInteger
	formFloat
	formBoolean
	formTimestamp
	formHex
	formBinary
	formNumberOrString
	formList
	formDictionary
	formObject
	formReference // fields are those of the objects it may name
	formExtensions
)

// String returns the form's name for messages.
func (k formKind) String() string {
	return [...]string{"anything", "a string", "an integer", "a float", "a boolean", "a timestamp", "hex", "binary",
		"an integer or a string", "a list", "a dictionary", "an object", "a reference", "the extensions"}[k]
}

// model is the table of observables, parsed.
type model struct {
	types      map[string]*form // by object type
	predefined map[string]bool  // names of predefined extensions
	ipv4Value  *form
	ipv6Value  *form
}

var unknownForm = &form{kind: formUnknown}

// catalogue parses the table of observables on first use.
var catalogue = sync.OnceValue(func() *model {
	b := modelBuilder{lines: map[string][]string{}, nested: map[string]*form{}, references: map[string]*form{}, model: &model{types: map[string]*form{}, predefined: map[string]bool{}}}
	for line := range strings.Lines(observables) {
		if words := strings.Fields(line); len(words) > 0 {
			b.order = append(b.order, words[0])
			b.lines[words[0]] = words[1:]
		}
	}
	return b.build()
})

// modelBuilder builds the graph of forms, which is cyclic because references are.
type modelBuilder struct {
	order      []string
	lines      map[string][]string // properties by the name of the line
	nested     map[string]*form
	references map[string]*form // by the list of target types
	model      *model
}

func (b *modelBuilder) build() *model {
	for _, name := range b.order {
		if stix.CategoryOf(name) == stix.SCO {
			b.model.types[name] = &form{kind: formObject, fields: map[string][]*form{}}
		}
	}
	for typ, object := range b.model.types {
		b.addFields(object, b.lines["common"])
		b.addFields(object, b.lines[typ])
		object.fields["extensions"] = []*form{{kind: formExtensions, extend: map[string]*form{}}}
	}
	for _, name := range b.order {
		if typ, extension, ok := strings.Cut(name, "/"); ok {
			object := &form{kind: formObject, fields: map[string][]*form{}}
			b.addFields(object, b.lines[name])
			b.model.types[typ].fields["extensions"][0].extend[extension] = object
			b.model.predefined[extension] = true
		}
	}
	for targets, reference := range b.references {
		b.fillReference(reference, targets)
	}
	// The value of an address has a form of its own, so that a walk can tell that it ended there.
	b.model.ipv4Value, b.model.ipv6Value = b.own("ipv4-addr"), b.own("ipv6-addr")
	return b.model
}

// own returns the form of a type's value.
func (b *modelBuilder) own(typ string) *form { return b.model.types[typ].fields["value"][0] }

func (b *modelBuilder) addFields(object *form, properties []string) {
	for _, property := range properties {
		names, text, _ := strings.Cut(property, ":")
		for name := range strings.SplitSeq(names, ",") {
			object.fields[name] = []*form{b.form(text)}
		}
	}
}

// form parses one form of the table. It panics on a mistake in the table, which is a bug.
func (b *modelBuilder) form(text string) *form {
	switch {
	case text == "" || text == ">?":
		return unknownForm
	case strings.HasPrefix(text, "["):
		return &form{kind: formList, inside: b.form(text[1 : len(text)-1])}
	case strings.HasPrefix(text, "{"):
		return &form{kind: formDictionary, inside: b.form(text[1 : len(text)-1])}
	case strings.HasPrefix(text, "="):
		return b.nestedForm(text[1:])
	case strings.HasPrefix(text, ">"):
		if b.references[text[1:]] == nil {
			b.references[text[1:]] = &form{kind: formReference, fields: map[string][]*form{}}
		}
		return b.references[text[1:]]
	}
	kind, ok := map[string]formKind{"str": formString, "int": formInteger, "float": formFloat, "bool": formBoolean,
		"ts": formTimestamp, "hex": formHex, "bin": formBinary, "num": formNumberOrString}[text]
	if !ok {
		panic(fmt.Sprintf("pattern: the table of observables has the form %q", text))
	}
	return &form{kind: kind}
}

func (b *modelBuilder) nestedForm(name string) *form {
	if b.nested[name] == nil {
		if b.lines[name] == nil {
			panic(fmt.Sprintf("pattern: the table of observables has no nested type %q", name))
		}
		object := &form{kind: formObject, fields: map[string][]*form{}}
		b.nested[name] = object
		b.addFields(object, b.lines[name])
	}
	return b.nested[name]
}

// fillReference gives a reference the fields of all objects that it may name.
func (b *modelBuilder) fillReference(reference *form, targets string) {
	for _, typ := range b.order {
		object := b.model.types[typ]
		if object == nil || targets != "*" && !listed(targets, typ) {
			continue
		}
		for name, forms := range object.fields {
			reference.fields[name] = append(reference.fields[name], forms...)
		}
	}
	for target := range strings.SplitSeq(targets, ",") {
		if target != "*" && b.model.types[target] == nil {
			panic(fmt.Sprintf("pattern: the table of observables refers to %q", target))
		}
	}
}

func listed(targets, typ string) bool {
	for target := range strings.SplitSeq(targets, ",") {
		if target == typ {
			return true
		}
	}
	return false
}

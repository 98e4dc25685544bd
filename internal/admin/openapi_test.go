package admin

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type openAPIDoc struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any
			Required   []string
		}
		Responses map[string]any
	}
}

func readOpenAPI(t *testing.T) (string, openAPIDoc) {
	t.Helper()
	text, err := openAPIText(routes)
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPIDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return string(text), doc
}

// The document describes every route that accounts reach, and nothing else; what it refers to is there, and every note is
// about something.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	text, doc := readOpenAPI(t)
	described := map[string]bool{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/")] = true
			}
		}
	}
	for _, r := range routes {
		key := r.method + " " + r.path
		if r.reach == local {
			continue
		}
		if !described[key] || r.summary == "" || r.answer == nil {
			t.Errorf("%s is not described", key)
		}
		for _, name := range r.query {
			if queryNotes[name] == nil {
				t.Errorf("%s: the parameter %s is not described", key, name)
			}
		}
		delete(described, key)
	}
	for key := range described {
		t.Errorf("%s is described, and is no route", key)
	}
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, `"#/components/`)
		if !ok {
			break
		}
		name, _, _ := strings.Cut(after, `"`)
		kind, name, _ := strings.Cut(name, "/")
		if kind == "schemas" && doc.Components.Schemas[name].Properties == nil || kind == "responses" && doc.Components.Responses[name] == nil {
			t.Errorf("it refers to %s/%s, which it does not have", kind, name)
		}
		rest = after
	}
	for note := range propertyNotes {
		schema, property, _ := strings.Cut(note, ".")
		if doc.Components.Schemas[schema].Properties[property] == nil {
			t.Errorf("the note about %s is about nothing", note)
		}
	}
}

// Two types of one name would share a schema.
func TestSchemasOfOpenAPIHaveOneTypeEach(t *testing.T) {
	types := map[string]reflect.Type{}
	var visit func(reflect.Type)
	visit = func(x reflect.Type) {
		switch x.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			visit(x.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		name := schemaName(x)
		if other, there := types[name]; there {
			if other != x {
				t.Errorf("%s and %s have the schema %s; name them apart in schemaName", other, x, name)
			}
			return
		}
		types[name] = x
		for i := range x.NumField() {
			if f := x.Field(i); f.IsExported() || f.Anonymous {
				visit(f.Type)
			}
		}
	}
	for _, r := range routes {
		for _, v := range append([]any{r.body}, r.answers()...) {
			if v != nil {
				visit(reflect.TypeOf(v))
			}
		}
	}
}

// answers are values of the types that a route answers with.
func (r route) answers() []any {
	switch a := r.answer.(type) {
	case oneOf:
		return a
	case plain:
		return nil
	}
	return []any{r.answer}
}

// What encoding/json writes of an answer is what its schema says: every property, and no other.
func TestAnswersHaveThePropertiesOfTheirSchemas(t *testing.T) {
	_, doc := readOpenAPI(t)
	for _, r := range routes {
		if r.reach == local {
			continue
		}
		for _, v := range r.answers() {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(text, &members); err != nil {
				t.Fatal(err)
			}
			schema := doc.Components.Schemas[schemaName(reflect.TypeOf(v))]
			for member := range members {
				if schema.Properties[member] == nil {
					t.Errorf("%T has the member %s, which its schema lacks", v, member)
				}
			}
			for _, member := range schema.Required {
				if members[member] == nil {
					t.Errorf("the schema of %T requires %s, which an answer may lack", v, member)
				}
			}
		}
	}
}

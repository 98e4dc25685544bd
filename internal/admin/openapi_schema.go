package admin

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// schemas are the JSON Schemas of Go types, by their names.
type schemas map[string]object

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// of returns a reference to the schema of a value's type, which it adds.
func (s schemas) of(v any) object { return s.schema(reflect.TypeOf(v)) }

var (
	timeType      = reflect.TypeFor[time.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
)

// schema returns the schema of a type; a struct's is a reference.
func (s schemas) schema(t reflect.Type) object {
	switch {
	case t == timeType:
		return object{"type": "string", "format": "date-time"}
	case t == rawType:
		return object{"type": "object"}
	case t.Kind() == reflect.Pointer:
		return s.schema(t.Elem())
	case t.Implements(textMarshaler), reflect.PointerTo(t).Implements(textMarshaler), t.Implements(jsonMarshaler):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		name := schemaName(t)
		if _, there := s[name]; !there {
			s[name] = nil // a type may hold itself
			s[name] = s.structure(name, t)
		}
		return reference(name)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Interface:
		return object{}
	}
	return object{"type": "integer"}
}

// schemaName is the name of a type, with its package where two packages have one of that name.
func schemaName(t reflect.Type) string {
	switch full := t.String(); full {
	case "admin.errorBody":
		return "Error"
	case "agreement.Agreement", "agreement.Change", "agreement.Release", "delivery.Consumer",
		"webhook.State", "push.State", "push.Counts", "push.Receipt", "push.Failure":
		pkg, name, _ := strings.Cut(full, ".")
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return t.Name()
}

// structure is the schema of a struct: what encoding/json makes of it.
func (s schemas) structure(name string, t reflect.Type) object {
	properties := object{}
	required := []string{}
	s.members(name, t, properties, &required)
	return object{"type": "object", "properties": properties, "required": required}
}

func (s schemas) members(name string, t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && member == "":
			s.members(name, field.Type, properties, required)
			continue
		case member == "-" || !field.IsExported():
			continue
		case member == "":
			member = field.Name
		}
		schema := s.schema(field.Type)
		if note, ok := propertyNotes[name+"."+member]; ok {
			described := object{"description": note}
			for k, v := range schema {
				described[k] = v
			}
			schema = described
		}
		properties[member] = schema
		if !strings.Contains(options, "omit") {
			*required = append(*required, member)
		}
	}
}

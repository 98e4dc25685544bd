package schemas

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := compile(files); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheSchemasCompile(t *testing.T) {
	lib, err := compile(files)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(lib.entries); got != 44 { // 42 types, bundle and custom
		t.Errorf("got %d schemas, want 44", got)
	}
	types := Types()
	if len(types) != 43 || !slices.IsSorted(types) || !slices.Contains(types, "bundle") || slices.Contains(types, "custom") {
		t.Errorf("got types %v", types)
	}
	for _, typ := range types {
		if lib.entries[typ] == nil {
			t.Errorf("%s is known and has no schema", typ)
		}
	}
}

func TestASchemaThatTheCheckerDoesNotUnderstandDoesNotCompile(t *testing.T) {
	for _, row := range []struct{ name, schema, want string }{
		{"a keyword the checker lacks", `{"uniqueItems": true}`, "uniqueItems"},
		{"such a keyword deep in a condition", `{"properties": {"a": {"anyOf": [{"items": {"multipleOf": 2}}]}}}`, "multipleOf"},
		{"a format", `{"format": "date-time"}`, "format"},
		{"a constant that is a list", `{"const": [1]}`, "const"},
		{"a bound with a fraction", `{"minimum": 0.5}`, "bound"},
		{"a schema elsewhere", `{"$ref": "https://example.com/other.json"}`, "not built in"},
		{"a schema that is none", `{"type": 5}`, "type"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := compile(fstest.MapFS{"custom.json": {Data: []byte(row.schema)}})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want an error about %s", err, row.want)
			}
		})
	}
}

// keywords lists the keywords that the checker supports, and annotations.
var keywords = strings.Fields(`$schema $id $ref $defs $comment title description type const enum properties patternProperties
	additionalProperties propertyNames required dependentRequired minProperties maxProperties items contains minItems
	pattern minLength maxLength minimum maximum allOf anyOf oneOf not if then else`)

func TestTheSchemasUseNoKeywordUnknownToAnyone(t *testing.T) {
	eachSchema(t, func(t *testing.T, path string, s map[string]any) {
		for keyword := range s {
			if !slices.Contains(keywords, keyword) {
				t.Errorf("%s: the keyword %s", path, keyword)
			}
		}
	})
}

func TestEverySchemaSaysWhatItIsAndWhereItComesFrom(t *testing.T) {
	eachFile(t, func(t *testing.T, name string, doc map[string]any) {
		if got, want := doc["$id"], BaseURL+name; got != want {
			t.Errorf("got $id %v, want %s", got, want)
		}
		if got, want := doc["$schema"], "https://json-schema.org/draft/2020-12/schema"; got != want {
			t.Errorf("got $schema %v, want %s", got, want)
		}
		description, _ := doc["description"].(string)
		if doc["title"] == nil || !regexp.MustCompile(`STIX 2\.1, sections? \d`).MatchString(description) {
			t.Errorf("got title %v, description %q, want both, with the section", doc["title"], description)
		}
	})
}

// A rule in a $comment must have a keyword beside it that can break it, or it would mislead readers.
func TestCommentsNameRulesOfKeywordsBesideThem(t *testing.T) {
	one := regexp.MustCompile(`^S-\d{3}$`)
	each := regexp.MustCompile(`^([a-zA-Z]+): S-\d{3}$`)
	eachSchema(t, func(t *testing.T, path string, s map[string]any) {
		comment, ok := s["$comment"].(string)
		if !ok || one.MatchString(comment) {
			return
		}
		for part := range strings.SplitSeq(comment, "; ") {
			match := each.FindStringSubmatch(part)
			if match == nil || s[match[1]] == nil && s["$ref"] == nil {
				t.Errorf("%s: the comment %q", path, comment)
			}
		}
	})
}

// When such a rule is broken, people read the description.
func TestConditionsThatStandForARuleAreDescribed(t *testing.T) {
	for location, s := range library().schemas {
		condition := len(s.AnyOf) > 0 || len(s.OneOf) > 0 || s.Not != nil || s.If != nil || len(s.DependentRequired) > 0
		if condition && strings.HasPrefix(s.Comment, "S-") && s.Description == "" {
			t.Errorf("%s has no description", location)
		}
	}
}

// object.json leads to every other schema, for use of the folder without Accord.
func TestObjectLeadsToEveryType(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	eachFile(t, func(t *testing.T, name string, _ map[string]any) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(BaseURL+name, strings.NewReader(string(text))); err != nil {
			t.Fatal(err)
		}
	})
	schema, err := compiler.Compile(BaseURL + "object.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range samples(t) {
		typ := typeOf(o)
		if err := schema.Validate(decode(o, 0)); (err == nil) != (Check(typ, o) && typ != "bundle") {
			t.Errorf("object.json says %v, Check %v: %s", err, Check(typ, o), o.Text)
		}
		broken := parse(t, strings.Replace(string(o.Text), `"id":"`, `"id":"X`, 1))
		if schema.Validate(decode(broken, 0)) == nil {
			t.Errorf("object.json takes %s", broken.Text)
		}
	}
}

func eachFile(t *testing.T, do func(t *testing.T, name string, doc map[string]any)) {
	paths, err := fs.Glob(files, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		t.Run(path, func(t *testing.T) { do(t, path, doc) })
	}
}

// eachSchema calls do with every subschema of every file.
func eachSchema(t *testing.T, do func(t *testing.T, path string, s map[string]any)) {
	eachFile(t, func(t *testing.T, name string, doc map[string]any) { walkSchema(t, name+"#", doc, do) })
}

func walkSchema(t *testing.T, path string, s map[string]any, do func(*testing.T, string, map[string]any)) {
	do(t, path, s)
	for _, keyword := range []string{"properties", "patternProperties", "$defs"} {
		subs, _ := s[keyword].(map[string]any)
		for name, sub := range subs {
			walkSchema(t, path+"/"+keyword+"/"+name, sub.(map[string]any), do)
		}
	}
	for _, keyword := range []string{"items", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties"} {
		if sub, ok := s[keyword].(map[string]any); ok {
			walkSchema(t, path+"/"+keyword, sub, do)
		}
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		subs, _ := s[keyword].([]any)
		for _, sub := range subs {
			walkSchema(t, path+"/"+keyword, sub.(map[string]any), do)
		}
	}
}

package admin

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var updateHTTP = flag.Bool("update-http", false, "write doc/http.md")

// What the reference reads of the OpenAPI document.
type (
	apiReference struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]apiSchema }
	}
	apiOperation struct {
		Summary, Description string
		Parameters           []struct {
			Name, Description string
			Required          bool
		}
		RequestBody struct{ Content map[string]apiContent }
		Responses   map[string]struct{ Content map[string]apiContent }
	}
	apiContent struct{ Schema apiSchema }
	apiSchema  struct {
		Ref         string `json:"$ref"`
		Type        any
		Format      string
		Description string
		Items       *apiSchema
		OneOf       []apiSchema
		Properties  map[string]apiSchema
		Required    []string
	}
)

// called names a schema: its type's name, or what it is.
func (s apiSchema) called() string {
	switch name, isType := strings.CutPrefix(s.Ref, "#/components/schemas/"); {
	case isType:
		return "[" + name + "](#" + strings.ToLower(name) + ")"
	case len(s.OneOf) > 0:
		var either []string
		for _, one := range s.OneOf {
			either = append(either, one.called())
		}
		return strings.Join(either, " or ")
	case s.Items != nil:
		return "list of " + s.Items.called()
	case s.Format != "":
		return s.Format
	case s.Type != nil:
		return fmt.Sprint(s.Type)
	}
	return "any"
}

func contentCalled(content map[string]apiContent) string {
	kinds := slices.Sorted(maps.Keys(content))
	switch {
	case len(kinds) == 0:
		return ""
	case kinds[0] != "application/json":
		return "`" + kinds[0] + "`"
	}
	return content[kinds[0]].Schema.called()
}

// doc/http.md is made of the OpenAPI document, which is made of the routes: go test ./internal/admin -run HTTPReference -update-http.
func TestHTTPReference(t *testing.T) {
	text, err := openAPIText(routes)
	if err != nil {
		t.Fatal(err)
	}
	var api apiReference
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`# HTTP beyond TAXII

Every path below ` + "`/accord/v1/`" + `, as ` + "`/accord/v1/openapi.json`" + ` has it for programs. Credentials are those of TAXII. An agreement is hidden from accounts
without a role in it (404); an act that a role does not allow is 403; asking too much is 429 with Retry-After. Changes are sent with
` + "`Content-Type: application/json`" + `. Trailing slashes may be left out. TAXII itself is the Standard's; its refusals are in [errors.md](errors.md).

This page is made from that document (` + "`go test ./internal/admin -run HTTPReference -update-http`" + `).
`)
	group := ""
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range []string{"get", "post", "delete"} {
			raw, ok := api.Paths[path][method]
			if !ok {
				continue
			}
			var o apiOperation
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			if first, _, _ := strings.Cut(strings.Trim(path, "/"), "/"); first != group {
				group = first
				fmt.Fprintf(&b, "\n## %s\n\n| request | does | parameters | body | answer |\n| --- | --- | --- | --- | --- |\n", group)
			}
			var parameters []string
			for _, p := range o.Parameters {
				name := "`" + p.Name + "`"
				if p.Required {
					name += " (needed)"
				}
				parameters = append(parameters, name+": "+p.Description)
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s | %s |\n", strings.ToUpper(method), path, cell(strings.TrimSpace(o.Summary+". "+o.Description)), cell(strings.Join(parameters, " ")),
				contentCalled(o.RequestBody.Content), contentCalled(o.Responses["200"].Content))
		}
	}
	b.WriteString("\n## Types\n")
	for _, name := range slices.Sorted(maps.Keys(api.Components.Schemas)) {
		s := api.Components.Schemas[name]
		fmt.Fprintf(&b, "\n### %s\n\n", name)
		if len(s.Properties) == 0 {
			fmt.Fprintf(&b, "%s\n", s.called())
			continue
		}
		b.WriteString("| property | is | says |\n| --- | --- | --- |\n")
		for _, property := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[property]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", property, p.called(), cell(p.Description))
		}
	}
	const name = "../../doc/http.md"
	if *updateHTTP {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the routes say (%v): run with -update-http", name, err)
	}
}

// cell is a text in a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "{", "\\{", "<", "&lt;").Replace(text)
}

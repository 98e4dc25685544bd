package admin

import (
	"encoding/json"
	"strings"
	"testing"
)

// The document describes every route that accounts reach, by its method, and nothing else; what it refers to is there.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(openAPIText, &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+strings.Trim(path, "/")] = true
			}
		}
	}
	for _, r := range routes {
		key := r.method + " " + strings.Trim(r.path, "/")
		if r.reach == local {
			continue
		}
		if !described[key] {
			t.Errorf("openapi.json does not describe %s", key)
		}
		delete(described, key)
	}
	for key := range described {
		t.Errorf("openapi.json describes %s, which is no route", key)
	}
	rest := string(openAPIText)
	for {
		_, after, ok := strings.Cut(rest, `"#/components/`)
		if !ok {
			break
		}
		name, _, _ := strings.Cut(after, `"`)
		kind, name, _ := strings.Cut(name, "/")
		if doc.Components[kind][name] == nil {
			t.Errorf("openapi.json refers to %s/%s, which it does not have", kind, name)
		}
		rest = after
	}
}

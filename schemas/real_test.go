package schemas

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// realObjects returns the parsed objects of the bundles in the shared data.
func realObjects(t testing.TB) []*ijson.Tree {
	t.Helper()
	paths, _ := filepath.Glob(filepath.FromSlash("../../shared/data/*/*.*"))
	var all []*ijson.Tree
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var bundle ijson.Tree
		if bundle.Parse(text, ijson.Limits{}) != nil {
			continue // the README and licences beside the bundles
		}
		for item := range bundle.Items(bundle.Member(bundle.Root(), "objects")) {
			all = append(all, parse(t, string(bundle.Raw(item))))
		}
	}
	if len(all) == 0 {
		t.Skip("no real data beside the project")
	}
	return all
}

func parse(t testing.TB, text string) *ijson.Tree {
	t.Helper()
	tree := new(ijson.Tree)
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return tree
}

func typeOf(t *ijson.Tree) string { return t.Str(t.Member(t.Root(), "type")) }

func TestRealObjectsHaveTheirShape(t *testing.T) {
	for i, o := range realObjects(t) {
		typ := typeOf(o)
		if !Check(typ, o) {
			t.Errorf("%s: %+v", o.Text, Explain(typ, o))
		} else if i%10 == 0 && len(Explain(typ, o)) > 0 { // jsonschema is too slow for all of them
			t.Errorf("Check holds and Explain says %+v: %s", Explain(typ, o), o.Text)
		}
	}
}

// BenchmarkJSONSchema measures the same verdicts without the checker, for comparison.
func BenchmarkJSONSchema(b *testing.B) {
	all := realObjects(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if o := all[i%len(all)]; len(Explain(typeOf(o), o)) > 0 {
			b.Fatalf("%s", o.Text)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	all := realObjects(b)
	b.ReportAllocs()
	size := 0
	types := make([]string, 0, len(all))
	for _, o := range all {
		size += len(o.Text)
		types = append(types, typeOf(o))
	}
	Check("tool", all[0]) // compiles
	for i := 0; b.Loop(); i++ {
		o := all[i%len(all)]
		if !Check(types[i%len(all)], o) {
			b.Fatalf("%s", o.Text)
		}
	}
	b.ReportMetric(float64(size)/float64(len(all)), "B/object")
}

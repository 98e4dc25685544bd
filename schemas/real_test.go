package schemas

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// realObjects are the objects of the bundles in the shared data, each parsed.
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
	for _, o := range realObjects(t) {
		typ := typeOf(o)
		told := Explain(typ, o)
		if got := Check(typ, o); got != (len(told) == 0) {
			t.Errorf("Check says %v, Explain %v: %s", got, told, o.Text)
		}
		for _, v := range told {
			t.Errorf("%s: %+v", o.Str(o.Member(o.Root(), "id")), v)
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
	for i := 0; b.Loop(); i++ {
		o := all[i%len(all)]
		if !Check(types[i%len(all)], o) {
			b.Fatalf("%s", o.Text)
		}
	}
	b.ReportMetric(float64(size)/float64(len(all)), "B/object")
}

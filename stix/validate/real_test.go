package validate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// realObjects returns the objects of the bundles in the folder of real data beside the repository, if it exists.
func realObjects(tb testing.TB) [][]byte {
	tb.Helper()
	root := os.Getenv("ACCORD_REAL_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	var files []string
	for _, pattern := range []string{"attack/*.json", "mvt/*.stix2"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		tb.Skipf("no real data in %s; set ACCORD_REAL_DATA", root)
	}
	var objects [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		var bundle struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(text, &bundle); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		for _, o := range bundle.Objects {
			objects = append(objects, o)
		}
	}
	return objects
}

func TestRealDataHasNoErrors(t *testing.T) {
	var tree ijson.Tree
	warnings := map[string]int{}
	for _, raw := range realObjects(t) {
		o, findings := Parse(raw, &tree, ijson.Limits{})
		if !Invalid(findings) {
			findings = append(findings, Object(o, Options{})...)
		}
		for _, f := range findings {
			if f.Severity == Error {
				t.Errorf("%s: %s %s: %s", o.ID, f.Rule, f.Path, f.Message)
			}
			warnings[f.Rule]++
		}
	}
	t.Logf("warnings by rule: %v", warnings)
}

func BenchmarkValidate(b *testing.B) {
	objects := realObjects(b)
	size := 0
	for _, o := range objects {
		size += len(o)
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.N)*float64(len(objects))/b.Elapsed().Seconds(), "objects/s")
		b.SetBytes(int64(size))
	}
	b.Run("accord", func(b *testing.B) {
		b.ReportAllocs()
		var tree ijson.Tree
		for b.Loop() {
			for _, raw := range objects {
				o, _ := Parse(raw, &tree, ijson.Limits{})
				Object(o, Options{})
			}
		}
		report(b)
	})
	b.Run("reference: encoding/json into any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, raw := range objects {
				var v any
				if err := json.Unmarshal(raw, &v); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b)
	})
}

package index

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// BenchmarkRead takes objects apart for the index: made-up ones of a kilobyte, whose words repeat, and published ones.
func BenchmarkRead(b *testing.B) {
	var made, published []*ijson.Tree
	parse := func(text []byte) *ijson.Tree {
		t := new(ijson.Tree)
		if err := t.Parse(text, ijson.Limits{}); err != nil {
			b.Fatal(err)
		}
		return t
	}
	for i := range 1000 {
		made = append(made, parse(fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":"indicator--%08x-5b1c-4a7e-9d20-000000000001","created":"2025-03-01T08:00:00.000Z","modified":"2025-03-01T08:00:00.000Z","name":"Made-up thing %d","pattern":"[ipv4-addr:value = '198.51.%d.%d']","pattern_type":"stix","valid_from":"2025-03-01T08:00:00Z","description":"%s"}`,
			i, i, i/256, i%256, strings.Repeat("What was seen there is told at length. ", 20))))
	}
	files, _ := filepath.Glob("../../../shared/data/attack/ics-*.json")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		var bundle struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(text, &bundle); err != nil {
			b.Fatal(err)
		}
		for _, o := range bundle.Objects {
			published = append(published, parse(o))
		}
	}
	for name, list := range map[string][]*ijson.Tree{"made up": made, "published": published} {
		b.Run(name, func(b *testing.B) {
			if len(list) == 0 {
				b.Skip("the published objects are not beside the sources")
			}
			var r reader
			r.under(secret{})
			terms := 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				terms += len(r.read(stix.FromTree(list[i%len(list)]), stix.Clear, "vendor").terms)
			}
			b.ReportMetric(float64(terms)/float64(b.N), "terms/op")
		})
	}
}

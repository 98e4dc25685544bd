package ijson

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func attack(b *testing.B) []byte {
	b.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../../../shared/data/attack/ics-attack-14.1.json"))
	if err != nil {
		b.Skipf("no real data to measure with: %v", err)
	}
	return text
}

func BenchmarkParse(b *testing.B) {
	text := attack(b)
	compact, err := Compact(text)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string][]byte{"compact": compact, "spaced": text} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var t Tree
			for b.Loop() {
				if err := t.Parse(text, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("reference encoding/json into any", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

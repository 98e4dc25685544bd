package console_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is not ours is what npm had, by the sums that make vendor-js wrote, and each library's licence is beside it.
func TestVendoredFilesAreThoseOfTheirSums(t *testing.T) {
	for _, folder := range []string{"static/vendor", "testdata/axe"} {
		list, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{"SHA256SUMS": true}
		for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
			want, name, _ := strings.Cut(lines.Text(), "  ")
			text, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s/%s is not what its sum says", folder, name)
			}
			known[filepath.Base(name)] = true
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !known[e.Name()] {
				t.Errorf("%s/%s has no sum", folder, e.Name())
			}
		}
	}
	for _, library := range []string{"htmx.org-4.0.1", "uplot-1.6.32", "cytoscape-3.35.0"} {
		if _, err := os.Stat("static/vendor/LICENSE." + library); err != nil {
			t.Error(err)
		}
		name, version, _ := strings.Cut(library, "-")
		if text, err := os.ReadFile("js/package-lock.json"); err != nil || !strings.Contains(string(text), `"node_modules/`+name+`"`) || !strings.Contains(string(text), `"version": "`+version+`"`) {
			t.Errorf("the lock file has no %s %s (%v)", name, version, err)
		}
	}
	if text, err := os.ReadFile("static/console.css"); err != nil || len(text) > 20_000 {
		t.Errorf("our own style has %d bytes, 20,000 at most (%v)", len(text), err)
	}
}

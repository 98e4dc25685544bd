package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/schemas"
)

func TestSchemasAreWrittenToAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, round := range []string{"first", "again"} {
		var stdout bytes.Buffer
		cmd := newSchemasCommand(&env{stdout: &stdout})
		cmd.SetArgs([]string{dir})
		if err := cmd.Execute(); err != nil {
			t.Fatalf("%s: %v", round, err)
		}
		if !strings.Contains(stdout.String(), "files written to "+dir) {
			t.Errorf("%s: got %q", round, stdout.String())
		}
	}
	for _, typ := range append(schemas.Types(), "common", "custom", "object") {
		text, err := os.ReadFile(filepath.Join(dir, typ+".json"))
		if err != nil || !bytes.Contains(text, []byte(schemas.BaseURL+typ+".json")) {
			t.Errorf("%s: %v, %d bytes", typ, err, len(text))
		}
	}
	if _, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil {
		t.Error(err)
	}
}

func TestSchemasSpareOtherPeoplesFiles(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "README.md")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, mine} {
		if _, err := writeSchemas(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	if text, _ := os.ReadFile(mine); string(text) != "mine" {
		t.Errorf("the file is now %q", text)
	}
}

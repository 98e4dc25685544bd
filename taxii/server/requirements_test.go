package server_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each requirement is named in the test that holds it, or testdata/requirements.txt says why none can be.
func TestEveryRequirementIsNamedInATest(t *testing.T) {
	const top = "../.."
	named := map[string]bool{}
	reference := regexp.MustCompile(`T-(\d{3})`)
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != top {
			return filepath.SkipDir
		}
		test := strings.HasSuffix(path, "_test.go") && filepath.Base(path) != "requirements_test.go"
		conversation := strings.HasSuffix(path, ".txtar")
		if entry.IsDir() || !test && !conversation {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range reference.FindAllString(string(text), -1) {
			named[m] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "testdata", "requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), " | ")
		if len(fields) < 3 || !reference.MatchString(fields[0]) {
			continue
		}
		listed++
		id, summary, untested := fields[0], fields[2], len(fields) > 3
		switch {
		case !named[id] && !untested:
			t.Errorf("no test names %s (%s): %s", id, fields[1], summary)
		case named[id] && untested:
			t.Errorf("a test names %s (%s), which requirements.txt says none can", id, summary)
		}
	}
	if want := 119; listed != want {
		t.Errorf("requirements.txt lists %d requirements, want %d", listed, want)
	}
}

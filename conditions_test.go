package accord_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// conditions is how many things must hold of a cluster; doc/reliability.md lists them.
const conditions = 13

// Each condition of a cluster is named in a test, and its row in doc/reliability.md names tests that exist.
func TestEveryConditionOfAClusterHasATest(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") || name == "conditions_test.go" {
			return err
		}
		text, err := os.ReadFile(name)
		tests.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("doc/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= conditions; n++ {
		if !regexp.MustCompile(fmt.Sprintf(`//.*\bC-%d\b`, n)).MatchString(tests.String()) {
			t.Errorf("no test names C-%d in its comment", n)
		}
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| C-%d \|.*$`, n)).FindString(string(document))
		named := regexp.MustCompile(`\bTest\w+`).FindAllString(row, -1)
		if len(named) == 0 {
			t.Errorf("doc/reliability.md names no test of C-%d", n)
		}
		for _, name := range named {
			if !strings.Contains(tests.String(), "func "+name+"(") {
				t.Errorf("C-%d: there is no test %s", n, name)
			}
		}
	}
}

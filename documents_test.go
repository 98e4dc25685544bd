package accord_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents returns the files that people read, with their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "doc/*.md", "doc/*/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	return texts
}

var (
	link = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	file = regexp.MustCompile("`((?:cmd|internal|store|taxii|stix|schemas|testdata|doc|deploy)/[A-Za-z0-9_./-]+)`")
)

// A link or a path that leads nowhere makes a reader doubt the rest. Decisions and notes on what was tried are history: the
// paths in them may be of their time.
func TestDocumentsNameWhatExists(t *testing.T) {
	for name, text := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), found[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, found[1])
			}
		}
		if strings.HasPrefix(name, "doc/decisions/") || strings.HasPrefix(name, "doc/performance/") || name == "CHANGELOG.md" {
			continue
		}
		for _, found := range file.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(found[1]); err != nil {
				t.Errorf("%s names %s, which does not exist", name, found[1])
			}
		}
	}
}

// A newcomer finds each package, and what it holds, in one table.
func TestTheDesignNamesEachPackage(t *testing.T) {
	text, err := os.ReadFile("doc/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Packages")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, p := range packages {
		if p.folder != "." && p.folder != "deploy" && !strings.Contains(table, "`"+p.folder+"`") {
			t.Errorf("the table of doc/design.md does not name %s", p.folder)
		}
	}
}

func TestDecisionsAreNumberedOnce(t *testing.T) {
	names, err := filepath.Glob("doc/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, name := range names {
		number, _, _ := strings.Cut(filepath.Base(name), "-")
		if len(number) != 4 {
			t.Errorf("%s: the name must begin with four digits", name)
		}
		if other, twice := seen[number]; twice {
			t.Errorf("%s and %s have one number", other, name)
		}
		seen[number] = name
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if want := "# " + strings.TrimLeft(number, "0") + ". "; !bytes.HasPrefix(text, []byte(want)) {
			t.Errorf("%s: the heading must begin with %q", name, want)
		}
	}
}

// Releases move the lines of this heading; it must be there, and the first.
func TestTheChangelogBeginsWithWhatIsUnreleased(t *testing.T) {
	text, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(headings) < 2 || headings[0][1] != "Unreleased" {
		t.Errorf("got the headings %q, want Unreleased first and a version after it", headings)
	}
	for _, h := range headings[min(1, len(headings)):] {
		if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(h[1]) {
			t.Errorf("got the heading %q, want a version", h[1])
		}
	}
}

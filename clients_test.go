package accord_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each page of doc/clients names the test that replays its client, and each replay of a client has its page.
func TestEveryClientHasItsReplay(t *testing.T) {
	tests, err := os.ReadFile("taxii/server/replay_test.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^func (TestReplay\w+)\(`).FindAllStringSubmatch(string(tests), -1) {
		known[m[1]] = false
	}
	pages, err := filepath.Glob("doc/clients/*.md")
	if err != nil || len(pages) < 14 {
		t.Fatalf("got the pages %v, %v", pages, err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`(TestReplay\\w+)`").FindAllStringSubmatch(string(text), -1)
		if len(named) == 0 && !strings.HasSuffix(page, "README.md") {
			t.Errorf("%s names no test that replays the client", page)
		}
		for _, m := range named {
			if _, ok := known[m[1]]; !ok {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
			known[m[1]] = true
		}
	}
	for name, named := range known {
		if !named {
			t.Errorf("no page of doc/clients names %s", name)
		}
	}
}

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const document = `# Performance
before
<!-- bench:reads -->
old
<!-- /bench:reads -->
between
<!-- bench:writes -->
<!-- /bench:writes -->
after
`

func TestSectionsReplaceWhatStandsBetweenTheirMarkers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &report{out: io.Discard, machine: "a machine", command: "a command", sections: map[string]string{}}
	for range 2 { // a second time changes nothing more
		s := r.begin("reads")
		s.say("The page was %s.", "fast")
		s.atLeast("page", 0.9, 0.5)
		s.atMost("start, ms", 200, 100)
		s.end()
		if err := r.writeInto(file, "reads"); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{"before\n<!-- bench:reads -->\n`a command`, a machine, load ", "The page was fast.", "| page | at least 0.90 | 0.50 | **missed** |",
		"| start, ms | at most 200 | 100 | met |\n<!-- /bench:reads -->\nbetween\n<!-- bench:writes -->\n<!-- /bench:writes -->\nafter\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %q in it", got, want)
		}
	}
	if strings.Contains(got, "old") || strings.Count(got, "The page was fast.") != 1 {
		t.Errorf("got %s\nwant the new text once and the old one gone", got)
	}
}

func TestADocumentWithoutFittingMarkersIsLeftAlone(t *testing.T) {
	for _, row := range []struct{ name, document string }{
		{"no markers", "# Performance\n"},
		{"an opening marker without its end", "<!-- bench:reads -->\n"},
		{"an end before its beginning", "<!-- /bench:reads -->\n<!-- bench:reads -->\n"},
		{"markers twice", "<!-- bench:reads -->\n<!-- /bench:reads -->\n<!-- bench:reads -->\n<!-- /bench:reads -->\n"},
		{"other markers in between", "<!-- bench:reads -->\n<!-- bench:writes -->\n<!-- /bench:reads -->\n<!-- /bench:writes -->\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := replaceMarked([]byte(row.document), "reads", "new\n"); err == nil {
				t.Errorf("got %q, want an error", got)
			}
		})
	}
}

// Every part has a document in the project, with its markers.
func TestEveryPartHasADocument(t *testing.T) {
	for _, p := range parts {
		text, err := os.ReadFile(filepath.Join("..", "..", "doc", "performance", p.name+".md"))
		if err != nil {
			t.Error(err)
		} else if _, err := replaceMarked(text, p.name, ""); err != nil {
			t.Error(err)
		}
	}
}

func TestTheCommandCanBeTypedAgain(t *testing.T) {
	got := command([]string{"-only", "reads", "-bench", "Page|It's", "-accord", "bin/accord", ""})
	if want := `go run ./internal/bench -only reads -bench 'Page|It'\''s' -accord bin/accord ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

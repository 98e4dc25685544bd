package pattern

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// vector is one pattern of a file under testdata. A file begins with `expect: valid`, `expect: invalid S-nnn` or
// `expect: warning S-nnn`, and optionally `version: 2.0`. Patterns follow, each between a line `# sentence` that names
// it and the next such line.
type vector struct {
	file, name, text string
	outcome, rule    string
	version          string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors under testdata: %v", err)
	}
	var all []vector
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, ok := strings.Cut(string(raw), "\n\n")
		expect, version, _ := strings.Cut(strings.TrimPrefix(head, "expect: "), "\nversion: ")
		outcome, rule, _ := strings.Cut(expect, " ")
		if !ok || !strings.HasPrefix(head, "expect: ") || !slices.Contains([]string{"valid", "invalid", "warning"}, outcome) || (outcome == "valid") != (rule == "") {
			t.Fatalf("%s: the first lines are %q, expected what its patterns come to", file, head)
		}
		for _, part := range strings.Split("\n"+body, "\n# ")[1:] {
			name, text, _ := strings.Cut(part, "\n")
			all = append(all, vector{filepath.Base(file), name, strings.TrimSuffix(text, "\n"), outcome, rule, version})
		}
	}
	return all
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.file+"/"+v.name, func(t *testing.T) {
			findings := Validate(v.text, v.version)
			if got, want := Valid(findings), v.outcome != "invalid"; got != want {
				t.Fatalf("%q: valid is %v, want %v; findings %v", v.text, got, want, findings)
			}
			switch v.outcome {
			case "valid":
				if len(findings) > 0 {
					t.Errorf("%q: findings %v, want none", v.text, findings)
				}
			case "warning":
				if len(findings) == 0 {
					t.Errorf("%q: no finding, want a warning of %s", v.text, v.rule)
				}
				for _, f := range findings {
					if f.Rule != v.rule {
						t.Errorf("%q: finding %v, want %s only", v.text, f, v.rule)
					}
				}
			case "invalid":
				for _, f := range findings {
					if !f.Warning && f.Rule != v.rule {
						t.Errorf("%q: refused with %v, want %s", v.text, f, v.rule)
					}
				}
			}
			for _, f := range findings {
				checkFinding(t, v.text, f)
			}
		})
	}
}

// checkFinding checks the properties that every finding must have.
func checkFinding(t *testing.T, text string, f Finding) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if f.Line < 1 || f.Line > len(lines) {
		t.Fatalf("%q: finding %v in line %d of %d", text, f, f.Line, len(lines))
	}
	if width := len([]rune(lines[f.Line-1])); f.Column < 1 || f.Column > width+1 {
		t.Errorf("%q: finding %v at column %d of %d", text, f, f.Column, width)
	}
	if strings.ContainsFunc(f.Message, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		t.Errorf("%q: finding %+v has characters in its message that cannot be seen", text, f)
	}
	if f.Section == "" || !strings.HasPrefix(f.Message, "found ") {
		t.Errorf("%q: finding %+v lacks its section or does not say what was found", text, f)
	}
}

// TestEveryRuleHasVectors tests that every rule has vectors that break it and vectors that keep it. S-312 and S-323
// depend on more than the text and have their own tests.
func TestEveryRuleHasVectors(t *testing.T) {
	broken, kept := map[string]bool{"S-312": true, "S-323": true}, map[string]bool{"S-312": true, "S-323": true}
	for _, v := range vectors(t) {
		broken[v.rule] = true
		if v.outcome == "valid" {
			kept[strings.TrimSuffix(v.file, "-valid.txt")] = true
		}
	}
	for n := 301; n <= 325; n++ {
		rule := fmt.Sprintf("S-%d", n)
		if !broken[rule] || !kept[rule] {
			t.Errorf("%s: broken by a vector %v, kept by a vector %v, want both", rule, broken[rule], kept[rule])
		}
		if sections[rule] == "" {
			t.Errorf("%s has no section of the Standard", rule)
		}
	}
}

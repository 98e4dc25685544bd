package validate

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

var update = flag.Bool("update", false, "write what was found into the first lines of the cases of testdata; read the difference before keeping it")

// dataCase is one case of a file under testdata: a line `-- a sentence --`, lines `expect: rule severity pointer` or
// `expect: none`, and the text to validate.
type dataCase struct {
	name   string
	expect []string
	text   []byte
}

func readCases(t testing.TB, file string) []dataCase {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []dataCase
	for line := range bytes.Lines(data) {
		if name, ok := bytes.CutPrefix(line, []byte("-- ")); ok {
			cases = append(cases, dataCase{name: strings.TrimSuffix(string(bytes.TrimSpace(name)), " --")})
			continue
		}
		if len(cases) == 0 {
			t.Fatalf("%s does not begin with a case", file)
		}
		c := &cases[len(cases)-1]
		if expect, ok := bytes.CutPrefix(line, []byte("expect: ")); ok && c.text == nil {
			if e := string(bytes.TrimSpace(expect)); e != "none" {
				c.expect = append(c.expect, e)
			}
			continue
		}
		c.text = append(c.text, line...)
	}
	for i := range cases {
		cases[i].text = bytes.TrimSuffix(cases[i].text, []byte("\n"))
	}
	return cases
}

func writeCases(t *testing.T, file string, cases []dataCase) {
	t.Helper()
	var b bytes.Buffer
	for _, c := range cases {
		fmt.Fprintf(&b, "-- %s --\n", c.name)
		for _, e := range c.expect {
			fmt.Fprintf(&b, "expect: %s\n", e)
		}
		if len(c.expect) == 0 {
			b.WriteString("expect: none\n")
		}
		b.Write(c.text)
		b.WriteByte('\n')
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// judgeText validates a text as accord validate does: an object, or a bundle and each of its objects.
func judgeText(text []byte) []Finding { return judgeTextAs(text, Options{}) }

func judgeTextAs(text []byte, opts Options) []Finding {
	var tree ijson.Tree
	o, found := Parse(text, &tree, ijson.Limits{})
	if Invalid(found) {
		return found
	}
	if o.Type != "bundle" {
		return append(found, Object(o, opts)...)
	}
	found = append(found, Bundle(&tree, opts)...)
	items := slices.Collect(tree.Items(tree.Member(0, "objects")))
	across := Across(&tree, items, opts)
	for i, item := range items {
		var inner ijson.Tree
		o, within := Parse(tree.Raw(item), &inner, ijson.Limits{})
		if !Invalid(within) {
			within = append(within, Object(o, opts)...)
		}
		for _, f := range Join(within, across[i], opts) {
			f.Path = fmt.Sprintf("/objects/%d%s", i, f.Path)
			found = append(found, f)
		}
	}
	return found
}

func inShort(findings []Finding) []string {
	var short []string
	for _, f := range findings {
		short = append(short, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Rule, f.Severity, f.Path)))
	}
	return short
}

func runCases(t *testing.T, file string) []dataCase {
	cases := readCases(t, file)
	for i := range cases {
		c := &cases[i]
		t.Run(c.name, func(t *testing.T) {
			found := judgeText(c.text)
			got := inShort(found)
			if *update {
				c.expect = got
			} else if !slices.Equal(got, c.expect) {
				t.Errorf("%s\n got: %s\nwant: %s\nfindings: %v", c.text, strings.Join(got, "; "), strings.Join(c.expect, "; "), found)
			}
			for _, f := range found {
				if f.Message == "" || f.Section == "" {
					t.Errorf("%s at %q has message %q and section %q", f.Rule, f.Path, f.Message, f.Section)
				}
			}
		})
	}
	if *update {
		writeCases(t, file, cases)
	}
	return cases
}

// unreported maps rules that no finding has to the reason.
var unreported = map[string]string{
	"S-012": "a name in other letters is another name (S-011, S-075), a literal in other letters none of those listed (S-041)",
	"S-055": "it would speak about nearly every object",
}

// together maps rules that are never broken alone to the rules broken with them.
var together = map[string]string{
	"S-010": "an identifier begins with the type, so it is wrong as well (S-015)",
	"S-043": "a value of one's own is not in the vocabulary either (S-042)",
	"S-069": "a custom extension key is no identifier of an extension definition (S-068)",
	"S-070": "as S-069",
	"S-071": "as S-069",
	"S-076": "a property without x_ has no extension either (S-075)",
	"S-078": "a type without x- has no extension either (S-077)",
	"S-113": "what is wrong with the pattern is said by its own rule (S-301 and on)",
	"S-124": "the container is deprecated (S-123)",
	"S-125": "as S-124",
	"S-126": "as S-124",
	"S-127": "only a bundle is forbidden, and nothing may refer to one (S-197)",
	"S-180": "as S-127",
}

func TestEveryRuleHasAnObjectThatBreaksJustItAndOneThatKeepsIt(t *testing.T) {
	for _, r := range Rules() {
		file := filepath.Join("testdata", "rules", r.ID+".txt")
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s has no data: %v", r.ID, err)
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			breaks, alone, keeps := false, false, false
			for _, c := range runCases(t, file) {
				rules := map[string]bool{}
				for _, e := range c.expect {
					rules[e[:5]] = true
				}
				breaks = breaks || rules[r.ID]
				alone = alone || rules[r.ID] && len(rules) == 1
				keeps = keeps || len(rules) == 0
			}
			if unreported[r.ID] != "" {
				return
			}
			if !breaks || !keeps || !alone && together[r.ID] == "" {
				t.Errorf("%s (%s): broken by a case %v, by one that breaks nothing else %v, kept by a case %v", r.ID, r.Summary, breaks, alone, keeps)
			}
			if alone && together[r.ID] != "" {
				t.Errorf("%s can be broken alone after all", r.ID)
			}
		})
	}
	files, err := filepath.Glob("testdata/rules/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		id := strings.TrimSuffix(filepath.Base(file), ".txt")
		if the.byID[id] == nil {
			t.Errorf("%s is of no rule in the table", file)
		}
	}
}

func TestEveryTypeHasAMinimalAndAFullObject(t *testing.T) {
	for typ := range typeBits {
		file := filepath.Join("testdata", "objects", typ+".txt")
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s has no data: %v", typ, err)
			continue
		}
		t.Run(typ, func(t *testing.T) {
			var names []string
			for _, c := range runCases(t, file) {
				names = append(names, c.name)
				if len(c.expect) > 0 {
					t.Errorf("%s: %v, want none", c.name, c.expect)
				}
			}
			for _, want := range []string{"minimal", "full"} {
				if !slices.Contains(names, want) {
					t.Errorf("there is no %s object", want)
				}
			}
		})
	}
}

package pattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestSyntaxErrorsNameThePlace tests that errors of S-301 and its neighbours give the line, the column in characters,
// what was found and what was expected.
func TestSyntaxErrorsNameThePlace(t *testing.T) {
	for _, row := range []struct {
		name, text      string
		line, column    int
		found, expected string
	}{
		{"the end of the text", "[file:name = 'a'", 1, 17, "the end of the pattern", "AND, OR or ']'"},
		{"a missing constant", "[file:size = ]", 1, 14, "']'", "a constant"},
		{"a column counts characters, not bytes", "[file:name = 'äöü漢😀' and file:size = 1]", 1, 22, "the word and", "AND, OR or ']'"},
		{"a place in a later line", "[file:name = 'a'\n AND\n  file:size > true]", 3, 15, "the keyword true", "a constant that has an order, which true and false have not"},
		{"a line feed inside a string begins a line", "[file:name = 'a\nb' ?]", 2, 4, "the character ? (U+003F)", ""},
		{"a carriage return is one character", "[file:name =\r\n 5 6]", 2, 4, "the number 6", "AND, OR or ']'"},
		{"a missing unit", "[file:size = 1] WITHIN 5 HOURS", 1, 26, "the word HOURS", "SECONDS"},
		{"an empty text", "", 1, 1, "an empty pattern", "an observation expression such as [file:name = 'a.exe']"},
		{"white space alone", " \n\t ", 1, 1, "an empty pattern", "an observation expression such as [file:name = 'a.exe']"},
		{"a byte order mark", "\ufeff[file:size = 1]", 1, 1, "the character U+FEFF", ""},
		{"a string that goes on to the end", "[file:name = 'a]", 1, 14, "a string without an end: 'a]", "an apostrophe that closes it"},
		{"a byte that is no UTF-8", "[file:name = '\xff']", 1, 15, "the byte 0xff, which is no UTF-8", ""},
		{"a surrogate in UTF-8", "[file:name = '\xed\xa0\x80']", 1, 15, "the byte 0xed, which is no UTF-8", ""},
		{"what cannot be seen is escaped", "[file:name = 'a\n\u202e\x00", 1, 14, `a string without an end: 'a\n\u202E\u0000`, "an apostrophe that closes it"},
		{"an escape that does not exist", `[file:name = 'a\n']`, 1, 16, "a backslash before n (U+006E)", `\' or \\`},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Parse(row.text, Options{})
			var syntax *SyntaxError
			if p != nil || !errors.As(err, &syntax) {
				t.Fatalf("Parse(%q) = %v, %v, want no pattern and a *SyntaxError", row.text, p, err)
			}
			got := fmt.Sprint(syntax.Line, syntax.Column, syntax.Found, syntax.Expected)
			want := fmt.Sprint(row.line, row.column, row.found, row.expected)
			if got != want {
				t.Errorf("Parse(%q) failed with %s, want %s", row.text, got, want)
			}
		})
	}
}

// TestHints tests that messages say what would be right (S-301).
func TestHints(t *testing.T) {
	for _, row := range []struct{ text, hint string }{
		{"[file:name = 'a' and file:size = 1]", "keywords are written in capitals: AND"},
		{"[file:name like 'a']", "keywords are written in capitals: LIKE"},
		{"[NOT file:name = 'a']", "NOT stands behind the path"},
		{"[file:name EXISTS]", "EXISTS stands before the path"},
		{"[file:hashes.SHA-256 = 'a']", "'SHA-256'"},
		{"[file:name = “a”]", "apostrophes"},
		{"[file:name = evil]", "strings stand between apostrophes"},
		{"[file:name = True]", "write true"},
		{"[file:name = null]", "STIX has no null"},
		{"[file:name = 'a'] // why", "no comments"},
		{"[file:name = 'a'] /* why */", "no comments"},
		{"[file:name = 'a' && file:size = 1]", "write AND"},
		{"[file:name = 'a'] || [file:size = 1]", "write OR"},
		{"[file:size = 007]", "leading zeros"},
		{"[file:size = 1] WITHIN 5 MINUTES", "the only unit is SECONDS"},
		{"[x-test:IN = 1]", "'IN'"},
		{"['file':name = 1]", "without apostrophes"},
		{"[file:magic_number_hex = h'abc']", "odd"},
		{"[artifact:payload_bin = b'A']", "groups of four"},
		{"[file:name = 'a' WITHIN 5 SECONDS]", "behind ']'"},
	} {
		_, err := Parse(row.text, Options{})
		if err == nil || !strings.Contains(err.Error(), row.hint) {
			t.Errorf("Parse(%q) says %v, want a hint with %q", row.text, err, row.hint)
		}
	}
}

// TestLimits tests S-323: length, nesting and number of tests are bounded, and the message names the bound.
func TestLimits(t *testing.T) {
	nested := func(n int) string {
		return "[" + strings.Repeat("(", n) + "file:size = 1" + strings.Repeat(")", n) + "]"
	}
	grouped := func(n int) string {
		return strings.Repeat("(", n) + "[file:size = 1]" + strings.Repeat(")", n)
	}
	many := func(n int) string {
		return "[a:b=1" + strings.Repeat(" OR a:b=1", n-1) + "]"
	}
	for _, row := range []struct {
		name, text, says string
		opts             Options
	}{
		{"the deepest comparison", nested(MaxDepth), "", Options{}},
		{"one deeper", nested(MaxDepth + 1), "at most 256 are taken", Options{}},
		{"ten thousand parentheses", nested(10_000), "at most 256 are taken", Options{}},
		{"the deepest group", grouped(MaxDepth), "", Options{}},
		{"a group one deeper", grouped(MaxDepth + 1), "at most 256 are taken", Options{}},
		{"half a million parentheses", strings.Repeat("(", 500_000), "at most 256 are taken", Options{}},
		{"depth counts what is open, not what was", strings.Repeat(grouped(2)+" OR ", 300) + grouped(2), "", Options{}},
		{"a depth of one's own", nested(3), "at most 2 are taken", Options{Depth: 2}},
		{"the longest", "[file:name = '" + strings.Repeat("x", MaxLength-16) + "']", "", Options{}},
		{"one longer", "[file:name = '" + strings.Repeat("x", MaxLength-15) + "']", "at most 1048576 bytes are taken", Options{}},
		{"a length of one's own", "[file:name = 'x']", "at most 10 bytes are taken", Options{Length: 10}},
		{"the most tests", many(MaxTests), "", Options{}},
		{"one test more", many(MaxTests + 1), "at most 50000 are taken", Options{}},
		{"a number of tests of one's own", many(3), "at most 2 are taken", Options{Tests: 2}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Parse(row.text, row.opts)
			var syntax *SyntaxError
			switch {
			case row.says == "" && err != nil:
				t.Errorf("got %v, want a pattern", err)
			case row.says == "":
				Check(p, CheckOptions{})
			case !errors.As(err, &syntax) || syntax.Rule != "S-323" || !strings.Contains(syntax.Message, row.says):
				t.Errorf("got %v, want S-323 and %q", err, row.says)
			}
		})
	}
}

// TestTree tests the shape of the tree: precedence, the owners of qualifiers, and the content of tests.
func TestTree(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"AND before OR before FOLLOWEDBY", "[a:a=1] FOLLOWEDBY [a:b=1] OR [a:c=1] AND [a:d=1]",
			"FOLLOWEDBY([a:a = 1] OR([a:b = 1] AND([a:c = 1] [a:d = 1])))"},
		{"one operator joins all its parts", "[a:a=1] AND [a:b=1] AND [a:c=1]", "AND([a:a = 1] [a:b = 1] [a:c = 1])"},
		{"AND before OR inside brackets", "[a:a=1 OR a:b=1 AND a:c=1 OR a:d=1]", "[OR(a:a = 1 AND(a:b = 1 a:c = 1) a:d = 1)]"},
		{"parentheses stay", "[(a:a=1 OR a:b=1) AND a:c=1]", "[AND((OR(a:a = 1 a:b = 1)) a:c = 1)]"},
		{"a qualifier belongs to the nearest observation", "[a:a=1] FOLLOWEDBY [a:b=1] REPEATS 5 TIMES",
			"FOLLOWEDBY([a:a = 1] [a:b = 1]{REPEATS 5 TIMES})"},
		{"a qualifier behind parentheses belongs to them", "([a:a=1] FOLLOWEDBY [a:b=1]) REPEATS 5 TIMES WITHIN 1.5 SECONDS",
			"(FOLLOWEDBY([a:a = 1] [a:b = 1])){REPEATS 5 TIMES}{WITHIN 1.5 SECONDS}"},
		{"NOT and IN", "[a:a NOT IN (1,'b',h'ff')]", "[a:a NOT IN (1, 'b', h'ff')]"},
		{"NOT EXISTS", "[NOT  EXISTS a:b [ * ] . 'c' [0]]", "[NOT EXISTS a:b[*].'c'[0]]"},
		{"spellings stay", "[a:a==+5 OR a:b<>h'FF']", "[OR(a:a == +5 a:b <> h'FF')]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Parse(row.text, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(p.Root); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// dump writes the tree of a pattern so that its shape can be seen: joined parts in parentheses behind their operator.
func dump(n Node) string {
	var parts []string
	switch n := n.(type) {
	case *Joined:
		for _, part := range n.Parts {
			parts = append(parts, dump(part))
		}
		return n.Joiner.String() + "(" + strings.Join(parts, " ") + ")"
	case *Combined:
		for _, part := range n.Parts {
			parts = append(parts, dump(part))
		}
		return n.Joiner.String() + "(" + strings.Join(parts, " ") + ")"
	case *Bracket:
		return "[" + dump(n.Comparison) + "]"
	case *Group:
		return "(" + dump(n.Inner) + ")"
	case *Parens:
		return "(" + dump(n.Inner) + ")"
	case *Qualified:
		s := dump(n.Inner)
		for i := range n.Qualifiers {
			s += "{" + n.Qualifiers[i].String() + "}"
		}
		return s
	case *Test:
		return n.String()
	}
	return fmt.Sprintf("%T", n)
}

func TestTestKeepsItsParts(t *testing.T) {
	p, err := Parse(`[file:hashes.'it\'s'[3][*] NOT IN ('a\\b', h'FFd8', b'AAE=', t'2024-01-01T00:00:00.5Z', true, -1.5)]`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	test := p.Root.(*Bracket).Comparison.(*Test)
	if test.Operator != In || !test.Not || test.Spelling != "IN" || test.Pos() != 1 || test.OpOffset != 31 {
		t.Errorf("got %+v", test)
	}
	if got := test.Path.Steps[1].Name(); got != "it's" {
		t.Errorf("key is %q, want it's", got)
	}
	var kinds []string
	for _, v := range test.Values {
		kinds = append(kinds, v.Kind.String()+" "+v.Content())
	}
	want := []string{`string a\b`, "hex FFd8", "binary AAE=", "timestamp 2024-01-01T00:00:00.5Z", "boolean true", "float -1.5"}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("got %q, want %q", kinds, want)
	}
	if octets, err := test.Values[1].Octets(); err != nil || string(octets) != "\xff\xd8" {
		t.Errorf("hex: got %x, %v", octets, err)
	}
	if octets, err := test.Values[2].Octets(); err != nil || string(octets) != "\x00\x01" {
		t.Errorf("binary: got %x, %v", octets, err)
	}
	if _, err := test.Values[0].Octets(); err == nil {
		t.Error("a string has octets, want an error")
	}
	if in, err := test.Values[3].Instant(); err != nil || !in.Time().Equal(time.Date(2024, 1, 1, 0, 0, 0, 5e8, time.UTC)) {
		t.Errorf("timestamp: got %v, %v", in.Time(), err)
	}
	if _, err := test.Values[0].Instant(); err == nil {
		t.Error("a string has an instant, want an error")
	}
}

func TestWalkVisitsInTheOrderOfTheText(t *testing.T) {
	p, err := Parse("([a:a=1 AND (a:b=1 OR a:c=1)] OR [a:d=1] REPEATS 2 TIMES) WITHIN 5 SECONDS", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	last := -1
	Walk(p.Root, func(n Node) bool {
		seen = append(seen, strings.TrimPrefix(fmt.Sprintf("%T", n), "*pattern."))
		if n.Pos() < last {
			t.Errorf("%T at %d comes after %d", n, n.Pos(), last)
		}
		last = n.Pos()
		_, parens := n.(*Parens)
		return !parens
	})
	want := "Qualified Group Joined Bracket Combined Test Parens Qualified Bracket Test Qualifier Qualifier"
	if got := strings.Join(seen, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestPrintsBack tests, for every vector that parses, that its printed form parses to an equal tree and prints the
// same.
func TestPrintsBack(t *testing.T) {
	for _, v := range vectors(t) {
		if p, err := Parse(v.text, Options{Version: v.version}); err == nil {
			printsBack(t, p, v.version)
		}
	}
}

func printsBack(t *testing.T, p *Pattern, version string) {
	t.Helper()
	text := p.String()
	again, err := Parse(text, Options{Length: len(text), Version: version})
	if err != nil {
		t.Fatalf("%q prints as %q, which fails: %v", p.Text(), text, err)
	}
	if got, want := dump(again.Root), dump(p.Root); got != want {
		t.Errorf("%q prints as %q: trees differ:\ngot  %s\nwant %s", p.Text(), text, got, want)
	}
	if got := again.String(); got != text {
		t.Errorf("%q prints as %q and then as %q", p.Text(), text, got)
	}
}

// TestPublicIndicators reads the patterns of a public collection, through JSON as ingest does (t48). Their authors use
// properties that the Standard does not have (t52), which must cause no more than a warning.
func TestPublicIndicators(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/mvt/*.stix2")
	if len(files) == 0 {
		t.Skip("the public indicators are not here")
	}
	patterns := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct {
			Objects []struct{ Type, Pattern string }
		}
		if err := json.Unmarshal(raw, &bundle); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, object := range bundle.Objects {
			if object.Type != "indicator" {
				continue
			}
			patterns++
			if findings := Validate(object.Pattern, ""); !Valid(findings) {
				t.Errorf("%s: %q is refused: %v", file, object.Pattern, findings)
			}
			p, err := Parse(object.Pattern, Options{})
			if err != nil {
				t.Fatal(err)
			}
			printsBack(t, p, "")
		}
	}
	if patterns < 1000 {
		t.Errorf("read %d patterns, want more than a thousand", patterns)
	}
}

// TestHostileTextsTakeLinearTime gives each kind of hostile text far more time than linear reading takes and far less than
// quadratic reading would.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	for _, kind := range hostile {
		text := kind.text(512 << 10)
		begun := time.Now()
		Validate(text, "")
		Validate(text, version20)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: %d bytes took %v", kind.name, len(text), took)
		}
	}
}

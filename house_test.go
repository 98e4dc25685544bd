package accord_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/accord-taxii/accord"

// rooms says which rooms a room may import, by its folder; "*" is all of them. Arrows point down only: a room stands above
// those it imports. A new arrow is a decision: it goes into this table together with the reason.
var rooms = map[string][]string{
	".":          {},
	"cmd/accord": {"*"}, // wiring

	"taxii/server":     {"taxii", "internal/ingest", "store", "store/journal", "internal/agreement", "internal/auth", "stix", "stix/ijson"},
	"internal/console": {"internal/admin", "store", "store/journal", "internal/agreement", "internal/auth", "stix"},
	"internal/admin":   {"internal/follow", "store", "store/journal", "internal/agreement", "internal/auth", "stix", "taxii"}, // follow: how releases stand and what they would do; taxii: how times and errors look on the wire
	"internal/follow":  {"taxii", "internal/ingest", "store", "store/journal", "internal/agreement", "stix", "stix/ijson"},
	"internal/ingest":  {"stix/validate", "internal/agreement", "store", "stix", "stix/ijson"},

	// store keeps accounts, so it knows what one is; auth asks the store for them through an interface of its own.
	"store":              {"store/journal", "internal/agreement", "internal/auth", "stix", "stix/ijson"},
	"internal/agreement": {"stix", "stix/ijson", "stix/validate"},
	"internal/auth":      {},
	"internal/tlsconf":   {},

	"stix/validate": {"stix", "stix/ijson", "stix/pattern", "schemas"},
	"schemas":       {"stix", "stix/ijson"}, // checks raw objects without decoding them a second time
	"stix/pattern":  {"stix"},
	"stix":          {"stix/ijson"},
	"stix/ijson":    {},
	"store/journal": {},
	"taxii":         {},

	"internal/demo":       {"stix"},
	"internal/accordtest": {"*"}, // for tests
	"internal/torture":    {"*"}, // a program for tests
	"internal/bench":      {"*"}, // a program for measurements
}

// homes says where a third-party library lives: a prefix of the import path, and the rooms that may use it.
var homes = map[string][]string{
	"go.etcd.io/bbolt":                       {"store", "internal/bench"}, // bench: beside what the store makes of it
	"github.com/santhosh-tekuri/jsonschema/": {"schemas"},
	"github.com/labstack/echo/":              {"taxii/server", "internal/admin", "internal/console", "internal/bench"}, // bench: a bare handler to compare with
	"golang.org/x/mod/sumdb":                 {"store/journal", "store", "internal/admin", "cmd/accord"},
	"github.com/spf13/cobra":                 {"cmd/accord"},
	"github.com/spf13/pflag":                 {"cmd/accord"},
	"github.com/schollz/progressbar/":        {"cmd/accord"},
	"github.com/mattn/go-isatty":             {"cmd/accord"},
	"github.com/prometheus/client_golang/":   {"cmd/accord", "taxii/server"},
	"github.com/rs/zerolog":                  {"cmd/accord", "taxii/server", "internal/admin", "internal/console", "internal/follow"},
	"go.yaml.in/yaml/":                       {"internal/admin"},
	"github.com/klauspost/compress/":         {"taxii/server", "store"},
	"golang.org/x/crypto/":                   {"internal/auth"},
	"golang.org/x/term":                      {"cmd/accord"},
	"golang.org/x/text/":                     {"stix/validate"},
	"golang.org/x/sys/":                      {"store"},
	"golang.org/x/sync/":                     {"*"},
	"golang.org/x/time/":                     {"taxii/server", "internal/auth"},
	"github.com/google/uuid":                 {"*"},
	"github.com/rogpeppe/go-internal/":       {}, // tests only
}

// most is how many lines a file that is no test may have: beyond it, two nouns share a file.
const most = 500

// source is one Go file of the project.
type source struct {
	path, room string // slashes; the room is the folder
	test       bool
	text       []byte
	file       *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(files, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		slash := filepath.ToSlash(name)
		list = append(list, source{path: slash, room: path.Dir(slash), test: strings.HasSuffix(name, "_test.go"), text: text, file: file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func allows(list []string, room string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, room)
}

func TestArrowsBetweenRoomsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := rooms[s.room]
		if !known {
			t.Errorf("%s: the room %s is not in the table", s.path, s.room)
			continue
		}
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if s.test {
				continue
			}
			if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
				if !allows(allowed, rest) {
					t.Errorf("%s imports %s, which %s may not", s.path, rest, s.room)
				}
				if rest == "internal/accordtest" && s.room != "internal/torture" && s.room != "internal/bench" {
					t.Errorf("%s imports %s, which is for tests", s.path, rest)
				}
			} else if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				checkHome(t, s, imported)
			}
		}
	}
}

func checkHome(t *testing.T, s source, imported string) {
	t.Helper()
	for prefix, home := range homes {
		if strings.HasPrefix(imported, prefix) {
			if !allows(home, s.room) && s.room != "internal/accordtest" {
				t.Errorf("%s imports %s, whose home is %s", s.path, imported, strings.Join(home, ", "))
			}
			return
		}
	}
	t.Errorf("%s imports %s, which has no home in the table", s.path, imported)
}

// The table itself must not hold a circle: then no order of rooms would have all arrows pointing down.
func TestTheTableOfRoomsHasNoCircle(t *testing.T) {
	const entered, left = 1, 2
	state := map[string]int{}
	var visit func(room string, way []string)
	visit = func(room string, way []string) {
		way = append(way, room)
		switch state[room] {
		case entered:
			t.Fatalf("a circle: %s", strings.Join(way, " -> "))
		case left:
			return
		}
		state[room] = entered
		for _, next := range rooms[room] {
			if next != "*" {
				visit(next, way)
			}
		}
		state[room] = left
	}
	for room := range rooms {
		visit(room, nil)
	}
}

func TestEveryRoomHasOnePackageComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		if _, seen := comments[s.room]; !seen {
			comments[s.room] = nil
		}
		if !s.test && s.file.Doc != nil {
			comments[s.room] = append(comments[s.room], s.path)
		}
	}
	for room, in := range comments {
		if len(in) != 1 || path.Base(in[0]) != "doc.go" {
			t.Errorf("%s: got package comments in %q, want one, in doc.go", room, in)
		}
	}
}

func TestFilesAreFormattedAndOfBearableLength(t *testing.T) {
	for _, s := range sources(t) {
		formatted, err := format.Source(s.text)
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
		} else if !bytes.Equal(formatted, s.text) {
			t.Errorf("%s: gofmt would change it", s.path)
		}
		if n := bytes.Count(s.text, []byte("\n")); !s.test && n > most {
			t.Errorf("%s: got %d lines, want at most %d", s.path, n, most)
		}
	}
}

// What the project says stands on its own: it names no folder of the machine it was written on, and no registry's host.
func TestNothingPointsOutsideTheProject(t *testing.T) {
	forbidden := []string{"/wo" + "rk/", "/tmp" + "/brief", "DESIGN" + ".md", "STYLE" + ".md", "../sha" + "red/spec", "BEGIN PRIVATE" + " KEY"}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || d.Name() == "bin" || d.Name() == "demo-data" || d.Name() == "bench-out" {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, word := range forbidden {
			if i := bytes.Index(text, []byte(word)); i >= 0 {
				t.Errorf("%s:%d: holds %q", filepath.ToSlash(name), 1+bytes.Count(text[:i], []byte("\n")), word)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

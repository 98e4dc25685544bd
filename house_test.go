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

// A row of the table of packages: what a package may import of ours ("*": everything), and why it stands where it does.
type row struct {
	folder  string
	imports string // separated by spaces
	why     string
}

// packages is the table of doc/design.md as a test. Arrows point down only: a package stands above those that it imports. A
// new arrow is a decision: add it here, and say why in the row. A row or an arrow that names nothing is an error.
var packages = []row{
	{".", "", "tests of the whole; no code"},
	{"cmd/accord", "*", "commands: they put everything together"},

	{"internal/serve", "internal/cluster internal/console internal/admin internal/live internal/webhook internal/mirror internal/push internal/index internal/follow internal/ingest internal/witness internal/delivery taxii/server taxii store store/journal internal/agreement internal/auth internal/oidc internal/tlsconf stix stix/validate stix/ijson", "the running server: its parts, started and stopped in order"},
	{"internal/console", "internal/admin internal/agreement internal/audit internal/auth internal/budget internal/delivery internal/follow internal/index internal/oidc internal/webhook stix stix/pattern store/journal", "the web console: pages of what admin answers, whose types audit, delivery, follow, index, webhook and stix have; journal: steps of a proof; pattern: patterns in words"},
	{"taxii/server", "internal/budget internal/lru taxii internal/ingest store store/journal internal/agreement internal/auth stix stix/ijson", "the Standard over HTTP: it asks, and knows the statuses"},
	{"internal/admin", "internal/budget internal/control internal/index internal/live internal/webhook internal/mirror internal/push internal/peer internal/applyfile internal/audit internal/follow internal/ingest internal/delivery store store/journal internal/agreement internal/auth stix stix/ijson", "administration and /accord/v1/; follow: what releases would do; ingest: what was refused is tried again"},
	{"internal/applyfile", "store store/journal internal/agreement internal/auth internal/tlsconf internal/control stix", "apply files and their plans; auth: hashes of passwords, names of certificates; tlsconf: issuers of a party"},
	{"internal/audit", "internal/delivery store store/journal internal/agreement stix stix/ijson", "history, read and proved"},
	{"internal/live", "internal/budget internal/agreement internal/delivery store store/journal stix taxii", "what happens, as it happens; taxii: filters and times as a poll has them; budget: memory of each stream"},
	{"internal/push", "internal/mirror internal/agreement internal/delivery store store/journal taxii stix", "passes on what outboxes hold; mirror: how to log in at a remote server, and the names of its faults"},
	{"internal/mirror", "internal/oauth internal/peer internal/audit internal/ingest internal/agreement store store/journal taxii stix stix/ijson", "follows collections of other servers; ingest: what comes is judged as a POST; taxii: the types on the wire; audit and peer: the journals of those that are Accords, and what they signed; oauth: access tokens"},
	{"internal/peer", "internal/audit internal/agreement store store/journal", "what other servers signed; audit: what a signed head proves"},
	{"internal/webhook", "internal/agreement store store/journal", "tells receivers that an agreement has changed; agreement: whether its owner may read"},
	{"internal/follow", "internal/ingest store store/journal internal/agreement stix stix/validate stix/ijson", "releases read a journal and append to another; ingest: which marking definition counts; validate: a changed copy is valid, and what warned about an object"},
	{"internal/ingest", "stix/validate internal/agreement store store/journal stix stix/ijson", "the way of a POST below HTTP; journal: when a marking definition came"},

	{"store", "store/journal internal/verifiedbolt internal/agreement internal/auth stix stix/ijson", "it keeps accounts and terms, so it knows what they are; auth asks it through an interface of its own"},
	{"internal/cluster", "internal/cluster/raftlog store", "one log for several nodes: it hands messages to files and brings backups to nodes that join"},
	{"internal/cluster/raftlog", "internal/verifiedbolt", "the log on disk: it knows Raft's entries and nothing in them"},
	{"internal/agreement", "stix stix/validate stix/ijson", "terms judge objects and their markings; ijson: definitions are read"},
	{"internal/index", "internal/lru store store/journal stix stix/ijson stix/pattern", "search over the journals; pattern: the constants that indicators look for; lru: facets that were counted lately"},
	{"internal/delivery", "store/journal internal/verifiedbolt", "who was given what; journal: what a position is. The store knows of it only that its files belong in a backup"},
	{"internal/verifiedbolt", "", "bbolt that verifies pages: it knows no content"},
	{"internal/lru", "", "values kept up to a bound: it knows nothing of them"},
	{"internal/budget", "", "memory that is counted: packages that make answers take from it"},
	{"internal/auth", "internal/lru", "who is calling, never what for; lru: credentials that were verified lately"},
	{"internal/oidc", "internal/auth", "accounts that other issuers vouch for: auth knows what an account is"},
	{"internal/oidc/oidctest", "", "an issuer, for tests"},
	{"internal/oauth", "", "access tokens for programs that ask other servers"},
	{"internal/tlsconf", "", "certificates and their renewal"},

	{"stix/validate", "stix stix/ijson stix/pattern schemas", "shape, rules and patterns become findings"},
	{"schemas", "stix stix/ijson", "checks raw objects without decoding them a second time"},
	{"stix/pattern", "stix", "the grammar of patterns; times are STIX's"},
	{"stix", "stix/ijson", "raw objects, identifiers, markings"},
	{"stix/ijson", "", "JSON as the Standard wants it"},
	{"store/journal", "internal/control", "entries, tree, proofs: pure, so that an auditor can read it alone; control: what no text of an entry has"},
	{"internal/control", "", "characters that act instead of being shown: one rule for all who refuse or clean them"},
	{"taxii", "", "wire types and the client: usable without the server"},

	{"internal/demo", "stix", "made-up objects"},
	{"internal/accordtest", "*", "the real server, for tests"},
	{"internal/torture", "*", "a program that kills servers"},
	{"internal/bench", "*", "a program that measures them"},
	{"internal/witness", "store/journal", "cosigns heads of logs, of any server: it needs no store"},
	{"internal/site", "", "a program that makes web pages of the documents"},
	{"internal/image", "", "a program that writes images"},
	{"deploy", "", "files for those who run a server, with their tests; no code"},
	{"packaging", "", "what packages hold, with its tests; no code"},
	{"internal/notices", "", "a program that collects licences"},
}

// A home is where a third-party library lives: a prefix of import paths, the packages that may use it ("*": all), and why.
type home struct {
	prefix   string
	packages string
	why      string
}

var homes = []home{
	{"github.com/cockroachdb/pebble/", "internal/index", "the index: an ordered store that joins what is written under one key"},
	{"github.com/RoaringBitmap/roaring/", "internal/index", "sets of journal positions"},
	{"golang.org/x/net/", "internal/index", "domain names in other scripts"},
	{"github.com/anishathalye/porcupine", "internal/torture", "whether one order explains what clients saw"},
	{"go.etcd.io/raft/", "internal/cluster internal/cluster/raftlog", "who has what of the log, and who leads"},
	{"google.golang.org/protobuf/", "internal/cluster", "Raft's messages are in it"},
	{"go.etcd.io/bbolt", "internal/cluster/raftlog store internal/delivery internal/verifiedbolt internal/console internal/bench", "the files, and sessions of the console; bench measures it beside what the store makes of it"},
	{"github.com/santhosh-tekuri/jsonschema/", "schemas", "compiles the schemas"},
	{"github.com/labstack/echo/", "taxii/server internal/bench", "routes TAXII; bench has a bare handler to compare with"},
	{"golang.org/x/mod/sumdb", "store/journal store internal/audit internal/witness internal/console internal/serve", "the Merkle tree and signed notes"},
	{"github.com/spf13/cobra", "cmd/accord", "the command line"},
	{"github.com/spf13/pflag", "cmd/accord", "its flags"},
	{"github.com/schollz/progressbar/", "cmd/accord", "push and pull on a terminal"},
	{"github.com/mattn/go-isatty", "cmd/accord", "whether it is one"},
	{"github.com/prometheus/client_golang/", "internal/serve", "metrics"},
	{"github.com/rs/zerolog", "cmd/accord internal/serve taxii/server internal/follow", "the log, at the edges only"},
	{"go.yaml.in/yaml/", "internal/applyfile", "the apply file, with line numbers"},
	{"github.com/klauspost/compress/", "taxii/server store", "compressed pages; deliveries on disk"},
	{"golang.org/x/crypto/", "internal/auth internal/tlsconf", "argon2id; certificates from ACME servers"},
	{"golang.org/x/text/", "stix/validate internal/index", "language tags; words folded for search"},
	{"golang.org/x/sys/", "store internal/verifiedbolt internal/serve internal/torture", "locks and memory maps; serve: options of sockets; torture: processors of its own"},
	{"golang.org/x/sync/", "*", "groups of goroutines"},
	{"github.com/go-jose/go-jose/", "internal/oidc internal/oidc/oidctest", "signatures of tokens"},
	{"github.com/coreos/go-oidc/", "internal/oidc", "logins of people at another issuer"},
	{"golang.org/x/oauth2", "internal/oidc", "their codes, with PKCE"},
	{"github.com/yuin/goldmark", "internal/site", "Markdown"},
	{"github.com/pquerna/otp", "internal/auth", "one-time codes of a second factor"},
	{"github.com/boombuler/barcode/", "internal/console", "QR codes of second factors"},
	{"github.com/google/uuid", "*", "identifiers"},
}

// maxLines bounds a file: beyond it, two nouns share a file.
const maxLines = 500

// source is one Go file of the project.
type source struct {
	path, folder string // slashes
	test         bool
	text         []byte
	file         *ast.File
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
		list = append(list, source{path: slash, folder: path.Dir(slash), test: strings.HasSuffix(name, "_test.go"), text: text, file: file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// imports returns what s imports.
func (s source) imports(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, imported)
	}
	return list
}

// has reports whether a list of the tables names a package.
func has(list, folder string) bool {
	return list == "*" || slices.Contains(strings.Fields(list), folder)
}

func rowOf(folder string) *row {
	i := slices.IndexFunc(packages, func(r row) bool { return r.folder == folder })
	if i < 0 {
		return nil
	}
	return &packages[i]
}

func homeOf(imported string) *home {
	i := slices.IndexFunc(homes, func(h home) bool { return strings.HasPrefix(imported, h.prefix) })
	if i < 0 {
		return nil
	}
	return &homes[i]
}

func TestArrowsBetweenPackagesPointDown(t *testing.T) {
	forTests := "internal/accordtest internal/torture internal/bench"
	for _, s := range sources(t) {
		r := rowOf(s.folder)
		if r == nil {
			t.Errorf("%s: the package %s has no row in the table", s.path, s.folder)
			continue
		}
		if s.test {
			continue
		}
		for _, imported := range s.imports(t) {
			if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
				if !has(r.imports, rest) {
					t.Errorf("%s imports %s, which the row of %s does not have", s.path, rest, s.folder)
				}
				if rest == "internal/accordtest" && !has(forTests, s.folder) {
					t.Errorf("%s imports %s, which is for tests", s.path, rest)
				}
			} else if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				if h := homeOf(imported); h == nil {
					t.Errorf("%s imports %s, which has no home in the table", s.path, imported)
				} else if !has(h.packages, s.folder) && s.folder != "internal/accordtest" {
					t.Errorf("%s imports %s, whose home is %s", s.path, imported, h.packages)
				}
			}
		}
	}
}

// A row for a package that no longer exists, or a library that nothing imports, would allow imports without a decision.
func TestEveryRowOfTheTablesNamesSomethingAndSaysWhy(t *testing.T) {
	folders, imported := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		folders[s.folder] = true
		if s.test {
			continue
		}
		for _, i := range s.imports(t) {
			imported[s.folder+" "+strings.TrimPrefix(i, module+"/")] = true
			if h := homeOf(i); h != nil {
				imported[s.folder+" "+h.prefix] = true
				imported["* "+h.prefix] = true
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range packages {
		if !folders[r.folder] {
			t.Errorf("the table has a row for %s, which is not a package", r.folder)
		}
		if seen[r.folder] || r.why == "" {
			t.Errorf("the row of %s stands twice or gives no reason", r.folder)
		}
		seen[r.folder] = true
		for _, to := range strings.Fields(r.imports) {
			if to != "*" && !folders[to] {
				t.Errorf("the row of %s allows %s, which is not a package", r.folder, to)
			} else if to != "*" && !imported[r.folder+" "+to] {
				t.Errorf("the row of %s allows %s, which it does not import: remove the arrow", r.folder, to)
			}
		}
	}
	for _, h := range homes {
		if seen[h.prefix] || h.why == "" {
			t.Errorf("the home of %s stands twice or gives no reason", h.prefix)
		}
		seen[h.prefix] = true
		for _, folder := range strings.Fields(h.packages) {
			if !imported[folder+" "+h.prefix] {
				t.Errorf("%s is a home of %s, which it does not import", folder, h.prefix)
			}
		}
	}
}

// A cycle in the table would leave no order of packages in which all arrows point down.
func TestTheTableOfPackagesHasNoCycle(t *testing.T) {
	const entered, left = 1, 2
	state := map[string]int{}
	var visit func(folder string, path []string)
	visit = func(folder string, path []string) {
		path = append(path, folder)
		switch state[folder] {
		case entered:
			t.Fatalf("a cycle: %s", strings.Join(path, " -> "))
		case left:
			return
		}
		state[folder] = entered
		if r := rowOf(folder); r != nil {
			for _, next := range strings.Fields(r.imports) {
				visit(next, path)
			}
		}
		state[folder] = left
	}
	for _, r := range packages {
		visit(r.folder, nil)
	}
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		if _, seen := comments[s.folder]; !seen {
			comments[s.folder] = nil
		}
		if !s.test && s.file.Doc != nil {
			comments[s.folder] = append(comments[s.folder], s.path)
		}
	}
	for folder, in := range comments {
		if len(in) != 1 || path.Base(in[0]) != "doc.go" {
			t.Errorf("%s: got package comments in %q, want one, in doc.go", folder, in)
		}
	}
}

func TestFilesAreFormattedAndShort(t *testing.T) {
	for _, s := range sources(t) {
		formatted, err := format.Source(s.text)
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
		} else if !bytes.Equal(formatted, s.text) {
			t.Errorf("%s: gofmt would change it", s.path)
		}
		if n := bytes.Count(s.text, []byte("\n")); !s.test && n > maxLines {
			t.Errorf("%s: got %d lines, want at most %d", s.path, n, maxLines)
		}
	}
}

// The project stands on its own: its files name no folder of the machine on which they were written, and hold no key.
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
		if name == ".git" { // the file of a worktree names its repository
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

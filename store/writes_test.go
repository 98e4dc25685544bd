package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writes are the functions that write to a file in a transaction of their own, and why a cluster allows it. Everything else that
// changes a file is a batch or a record, and goes through the log there.
var writes = map[string]string{
	"transact":        "the commit queue of a folder alone; in a cluster runOrdered is in its place",
	"transactLog":     "applies messages to an agreement's file",
	"applyLog":        "applies messages to accord.db",
	"write":           "alone, changes of accord.db; in a cluster it proposes",
	"CreateAgreement": "alone, the list of agreements; in a cluster it proposes",
	"rehearse":        "rolled back: what is to be proposed is tried",

	"makeCollection": "a new file, as its first message or a folder alone has it",
	"openCollection": "node-local: brings an older format up to date, before the file enters the log",
	"enterCluster":   "a folder enters the log, when it is first opened with one",
	"leaveLog":       "offline: a folder leaves the log",
	"keepPlace":      "node-local: how far this folder has come",
	"markSigned":     "node-local: whether this folder has had a key, which each node has",
	"noteStanding":   "node-local: what is remembered of agreements whose file cannot be opened here",
	"sweepFile":      "node-local: free pages are overwritten in each file by itself",
	"ForgetStatuses": "node-local: old statuses go by each node's clock; nothing depends on them and no tree has them",
	"Rebuild":        "node-local: derived data, made anew from the journal and the objects",
	"holdWriters":    "rolled back: keeps writers away for a moment",
	"salvageInto":    "offline: a new file, which has no place in a log and so is refused by a node",
	"copyBucket":     "offline, for salvageInto",
	"replace":        "node-local: a copy of the file takes its place, with the same content; the old one's transaction is rolled back",
	"beginUnless":    "for replace",
	"begin":          "for the functions of this table",
	"update":         "for the functions of this table",
}

// Every write transaction of the package is of one of these functions.
func TestEveryWriteGoesThroughTheLogOrIsNodeLocal(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				s, ok := call.Fun.(*ast.SelectorExpr)
				if ok && (strings.EqualFold(s.Sel.Name, "Update") && len(call.Args) == 1 || s.Sel.Name == "Batch" || strings.EqualFold(s.Sel.Name, "Begin") || s.Sel.Name == "BeginTx") {
					found[f.Name.Name] = true
					if writes[f.Name.Name] == "" {
						t.Errorf("%s: %s writes to a file in a transaction of its own: let it append a batch or a record, or say in this table why it may", name, f.Name.Name)
					}
				}
				return true
			})
		}
	}
	for name := range writes {
		if !found[name] {
			t.Errorf("%s is in the table and writes nothing", name)
		}
	}
	if !slices.Contains(names, "log.go") {
		t.Error("the package's files are not here")
	}
}

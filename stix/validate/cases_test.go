package validate

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// casesFolder is a folder beside the repository with inputs seen in the field and the expected verdicts. Without it
// these tests are skipped; testdata/field has inputs of the same kinds.
const casesFolder = "../../../shared/cases"

// caseRows reads a tab-separated table. Its first line names the columns.
func caseRows(t *testing.T, file string) (rows []map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(casesFolder, file))
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED: %s is not here, so its cases are not tried", filepath.Join(casesFolder, file))
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	head := strings.Split(lines[0], "\t")
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, value := range strings.Split(line, "\t") {
			row[head[i]] = value
		}
		rows = append(rows, row)
	}
	return rows
}

func TestCasesFromTheField(t *testing.T) {
	for _, row := range caseRows(t, "stix/cases.tsv") {
		t.Run(row["name"], func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(casesFolder, "stix", row["name"]+".json"))
			if err != nil {
				t.Fatal(err)
			}
			found := judgeTextAs(text, Options{SpecVersions: strings.Split(row["stix"], ",")})
			if fault := heldTo(row, found); fault != "" {
				t.Errorf("%s; found %v", fault, found)
			}
			if row["expected"] == "decide" {
				t.Logf("decided: %v", inShort(found))
			}
		})
	}
}

// heldTo returns how findings differ from what a row expects, or "" if they do not.
func heldTo(row map[string]string, found []Finding) string {
	about := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool {
		if row["rule"] != "-" {
			return f.Rule != row["rule"]
		}
		path := row["path"]
		return path != "-" && path != "/" && f.Path != path && !strings.HasPrefix(f.Path, path+"/")
	})
	if says := row["says"]; says != "-" {
		pattern, not := strings.CutPrefix(says, "!")
		for _, f := range about {
			if regexp.MustCompile(pattern).MatchString(f.Message) == not {
				return fmt.Sprintf("the message %q, want %s", f.Message, says)
			}
		}
	}
	switch row["expected"] {
	case "accept":
		if Invalid(found) || row["rule"] != "-" && len(about) > 0 {
			return "refused, or a finding of the rule"
		}
	case "warn":
		if Invalid(found) || len(about) == 0 {
			return "refused, or no warning of " + row["rule"]
		}
	case "refuse":
		if !Invalid(about) {
			return "no error of " + row["rule"] + " at " + row["path"]
		}
	case "find":
		if len(about) == 0 {
			return "no finding of " + row["rule"] + " at " + row["path"]
		}
	}
	return ""
}

func TestPairsFromTheField(t *testing.T) {
	for _, row := range caseRows(t, "pairs/pairs.tsv") {
		t.Run(row["name"], func(t *testing.T) {
			var texts []string
			for _, half := range []string{".a.json", ".b.json"} {
				text, err := os.ReadFile(filepath.Join(casesFolder, "pairs", row["name"]+half))
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
			for range 2 {
				var tree ijson.Tree
				if err := tree.Parse([]byte("["+texts[0]+","+texts[1]+"]"), ijson.Limits{}); err != nil {
					t.Fatal(err)
				}
				found := Across(&tree, slices.Collect(tree.Items(0)), Options{})
				switch row["expected"] {
				case "present":
					if len(found) > 0 {
						t.Errorf("got %v, want no finding", found)
					}
				case "conflict":
					if !Invalid(found[1]) || len(found[0]) > 0 {
						t.Errorf("got %v, want the second refused", found)
					}
				default:
					t.Logf("decided: %v", found)
				}
				slices.Reverse(texts)
			}
		})
	}
}

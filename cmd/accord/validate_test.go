package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	goodObject = `{"type":"url","id":"url--d4004c0b-3083-54e9-8967-df23618b08d6","value":"https://relay.example/status?id=7"}`
	badObject  = `{"type":"url","id":"url--d4004c0b-3083-54e9-8967-df23618b08d6","value":7}`
	bundleHead = `{"type":"bundle","id":"bundle--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","objects":[`
)

// validateRun is the result of one run of accord validate.
type validateRun struct {
	code           int
	stdout, stderr string
}

func runValidate(stdin string, args ...string) validateRun {
	var out, errs bytes.Buffer
	code := run(context.Background(), append([]string{"validate"}, args...), &env{
		stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, getenv: os.Getenv, now: time.Now,
	})
	return validateRun{code, out.String(), errs.String()}
}

// answers reads the lines of --format json and shortens each: index, type, valid, rules of the errors.
func (r validateRun) answers(t *testing.T) string {
	t.Helper()
	var short []string
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, `{"rule":`) {
			continue
		}
		var a objectAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%q is no line of JSON: %v", line, err)
		}
		if a.Errors == nil || a.Warnings == nil {
			t.Errorf("%q has no list of errors or of warnings", line)
		}
		s := fmt.Sprintf("%d %s %v", a.Index, a.Type, a.Valid)
		for _, f := range a.Errors {
			s += strings.TrimRight(" "+f.Rule+" "+f.Path, " ")
			if f.Message == "" {
				t.Errorf("%q has a finding without a message", line)
			}
		}
		short = append(short, s)
	}
	return strings.Join(short, "; ")
}

func TestValidateAnswersForEveryObjectOfAnInput(t *testing.T) {
	for _, row := range []struct {
		name, text, want string
		code             int
	}{
		{"one object", goodObject, "0 url true", 0},
		{"one object that is wrong", badObject, "0 url false S-014 /value", 1},
		{"a bundle", bundleHead + goodObject + "," + badObject + `]}`, "0 url true; 1 url false S-014 /value", 1},
		{"a bundle without objects", strings.TrimSuffix(bundleHead, `,"objects":[`) + "}", "-1 bundle true", 0},
		{"a bundle with an empty list", bundleHead + "]}", "", 0},
		{"a bundle whose objects are no list", strings.TrimSuffix(bundleHead, "[") + "{}}", "-1 bundle false S-195 /objects", 1},
		{"a bundle with a wrong identifier", `{"type":"bundle","id":"bundle--1","objects":[` + goodObject + `]}`, "0 url true", 0},
		{"a bundle without a type", strings.Replace(bundleHead, `"type":"bundle",`, "", 1) + goodObject + "]}", "0 url true", 0},
		{"a bundle that says which STIX it is", strings.Replace(bundleHead, `"objects"`, `"spec_version":"2.1","objects"`, 1) + goodObject + "]}", "0 url true", 0},
		{"a bundle in a bundle", bundleHead + bundleHead + goodObject + "]}]}", "0 bundle false S-196", 1},
		{"a TAXII envelope", `{"more":false,"objects":[` + goodObject + `]}`, "0 url true", 0},
		{"a list", "[" + goodObject + "," + goodObject + "]", "0 url true; 1 url true", 0},
		{"an empty list", "[]", "0  false S-004", 1},
		{"a number among the objects", bundleHead + "7]}", "0  false S-004", 1},
		{"no object", `"x"`, "0  false S-004", 1},
		{"white space around", "\n\t" + goodObject + "\r\n ", "0 url true", 0},
		{"cut off", goodObject[:40], "0  false S-001", 1},
		{"a bundle cut off", bundleHead + goodObject + ",", "0  false S-001", 1},
		{"nothing", "", "0  false S-001", 1},
		{"white space", " \n", "0  false S-001", 1},
		{"a byte order mark", "\xef\xbb\xbf" + goodObject, "0 url true", 0},
		{"one object after the other", goodObject + "\n\n" + badObject + "\n", "0 url true; 1 url false S-014 /value", 1},
		{"an invalid byte in one of two objects", bundleHead + goodObject + "," + strings.Replace(goodObject, "relay", "rel\xffay", 1) + "]}", "0 url true; 1  false S-001", 1},
		{"an invalid byte", strings.Replace(goodObject, "relay", "rel\xffay", 1), "0  false S-001", 1},
		{"a lone surrogate", strings.Replace(goodObject, "relay", `\ud800`, 1), "0  false S-002", 1},
		{"a lone surrogate in one of two objects", bundleHead + goodObject + "," + strings.Replace(goodObject, "relay", `\ud800`, 1) + "]}", "0 url true; 1  false S-002", 1},
		{"a name twice", strings.Replace(goodObject, `"value"`, `"value":"a","value"`, 1), "0  false S-003 /value", 1},
		{"a name twice in one of two objects", bundleHead + strings.Replace(goodObject, `"value"`, `"value":"a","value"`, 1) + "," + goodObject + "]}", "0  false S-003 /value; 1 url true", 1},
		{"a name twice in the bundle", strings.Replace(bundleHead, `"id"`, `"id":"x","id"`, 1) + goodObject + "]}", "0  false S-003 /id", 1},
		{"ten thousand levels", `{"type":"x-quay","a_b":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}", "0  false S-001", 1},
		{"a million levels, never closed", strings.Repeat("[", 1000000), "0  false S-001", 1},
		{"a number beyond doubles", `{"type":"x-quay","id":"x-quay--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","depth":1e400}`, "0 x-quay false S-008 /depth", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := runValidate(row.text, "--format", "json", "-")
			if answers := got.answers(t); answers != row.want || got.code != row.code {
				t.Errorf("got %s, exit code %d (%s); want %s, %d", answers, got.code, got.stderr, row.want, row.code)
			}
		})
	}
}

func TestValidateReadsAStringOfFiftyMegabytes(t *testing.T) {
	long := strings.Replace(goodObject, "relay", strings.Repeat("relay.", 50<<20/6), 1)
	for _, args := range [][]string{{"--format", "json", "-"}, {"-"}} {
		got := runValidate(long, args...)
		if got.code != 0 || len(got.stdout) > 4000 {
			t.Errorf("%v: exit code %d and %d bytes of answer, want 0 and a short one", args, got.code, len(got.stdout))
		}
	}
}

func TestValidateReadsFoldersAndTellsWhatItCouldNotRead(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad := write("b/good.json", goodObject), write("c/deep/bad.stix2", badObject)
	write("a/notes.txt", "no JSON")
	if err := os.Mkdir(filepath.Join(folder, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr []string // that are part of the answers
	}{
		{"a file", []string{good}, 0, []string{"1 object: 1 valid (0 with warnings), 0 invalid"}, nil},
		{"a folder", []string{folder}, 1, []string{"2 objects: 1 valid (0 with warnings), 1 invalid", "bad.stix2: [0] url--", "S-014  /value: ", "section"}, nil},
		{"a file that is not there, and one that is", []string{filepath.Join(folder, "none.json"), good}, 2, []string{"1 object: 1 valid"}, []string{"none.json", "no such file"}},
		{"a folder without JSON", []string{filepath.Join(folder, "empty")}, 2, nil, []string{"empty has no file ending in .json"}},
		{"a folder with other files only", []string{filepath.Join(folder, "a")}, 2, nil, []string{"has no file ending in .json"}},
		{"nothing", nil, 2, nil, []string{"takes files, folders or -"}},
		{"a format that does not exist", []string{"--format", "xml", good}, 2, nil, []string{"neither text nor json"}},
		{"both files", []string{"--format", "json", bad, good}, 1, []string{`"valid":false`, `"valid":true`}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := runValidate("", row.args...)
			if got.code != row.code {
				t.Errorf("got exit code %d, want %d; %s", got.code, row.code, got.stderr)
			}
			for _, part := range row.stdout {
				if !strings.Contains(got.stdout, part) {
					t.Errorf("got %q, want it to say %q", got.stdout, part)
				}
			}
			for _, part := range row.stderr {
				if !strings.Contains(got.stderr, part) {
					t.Errorf("got %q, want it to say %q", got.stderr, part)
				}
			}
		})
	}
	if runtime.GOOS != "windows" && os.Getuid() != 0 {
		if err := os.Chmod(good, 0); err != nil {
			t.Fatal(err)
		}
		if got := runValidate("", good); got.code != 2 || !strings.Contains(got.stderr, "permission denied") {
			t.Errorf("an unreadable file: got exit code %d and %q, want 2 and permission denied", got.code, got.stderr)
		}
	}
}

func TestValidateAnswersInTheOrderOfTheInput(t *testing.T) {
	var text strings.Builder
	text.WriteString(bundleHead)
	for i := range 3000 {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"type":"x-quay","id":"x-quay--6f0d2f44-0d0c-4b6c-8f0a-%012d","berth":%d}`, i, i)
	}
	text.WriteString("]}")
	lines := strings.Split(strings.TrimSpace(runValidate(text.String(), "--format", "json", "-").stdout), "\n")
	if len(lines) != 3001 || !strings.HasPrefix(lines[3000], `{"rule":`) {
		t.Fatalf("got %d lines, want 3000 and a sum", len(lines))
	}
	lines = lines[:3000]
	for i, line := range lines {
		var a objectAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.Index != i || !strings.HasSuffix(a.ID, fmt.Sprintf("%012d", i)) || !a.Valid {
			t.Fatalf("line %d is %s", i, line)
		}
	}
}

func TestValidateAnswersForEveryPattern(t *testing.T) {
	long := "[a:b = '" + strings.Repeat("x", 1<<20) + "']"
	text := "[ipv4-addr:value = '198.51.100.3']\r\n[ipv4-addr:value = \n\n" + long + "\n" + strings.Repeat("(", 100000) + "\n[file:name == 'a']"
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--pattern", "-"}, 1, "1 true; 2 false; 3 false; 4 false; 5 false; 6 true"},
		{[]string{"--pattern", "--format", "json", "-"}, 1, "1 true; 2 false; 3 false; 4 false; 5 false; 6 true"},
	} {
		got := runValidate(text, row.args...)
		var short []string
		for line := range strings.Lines(got.stdout) {
			var a patternAnswer
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatal(err)
			}
			if a.Valid != (a.Error == "") {
				t.Errorf("%s: valid beside an error", line)
			}
			short = append(short, fmt.Sprintf("%d %v", a.Line, a.Valid))
		}
		if s := strings.Join(short, "; "); s != row.want || got.code != row.code {
			t.Errorf("%v: got %s, exit code %d; want %s, %d", row.args, s, got.code, row.want, row.code)
		}
	}
	if got := runValidate("[file:name = 'a']\n", "--pattern", "--format", "text", "-"); got.code != 0 || !strings.HasPrefix(got.stdout, "1 pattern: 1 valid") {
		t.Errorf("got %q, exit code %d", got.stdout, got.code)
	}
	if got := runValidate("", "--pattern", "-"); got.code != 0 || got.stdout != "" {
		t.Errorf("nothing to read: got %q, exit code %d", got.stdout, got.code)
	}
	if got := runValidate("", "--pattern", filepath.Join(t.TempDir(), "none")); got.code != 2 || !strings.Contains(got.stderr, "no such file") {
		t.Errorf("a file that is not there: got %q, exit code %d", got.stderr, got.code)
	}
}

func TestValidateHoldsTheObjectsOfOneFileToEachOther(t *testing.T) { // S-201 to S-219
	tool := func(name string) string {
		return `{"type":"tool","spec_version":"2.1","id":"tool--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","created":"2024-03-05T06:07:08.000Z",` +
			`"modified":"2024-03-05T06:07:08.000Z","name":"` + name + `"}`
	}
	const refused = `"valid":false,"errors":[{"rule":"S-201","path":"/modified"`
	for name, text := range map[string]string{
		"a bundle":         bundleHead + tool("Dredge") + "," + tool("Digger") + "]}",
		"a TAXII envelope": `{"objects":[` + tool("Dredge") + "," + tool("Digger") + "]}",
		"a list":           "[" + tool("Dredge") + "," + tool("Digger") + "]",
		"one by one":       tool("Dredge") + "\n" + tool("Digger"),
		"beside a fault":   "[" + tool("Dredge") + "," + tool("Digger") + `,{"type":"tool","type":"x"}]`,
	} {
		if got := runValidate(text, "--format", "json", "-"); got.code != 1 || strings.Count(got.stdout, refused) != 1 {
			t.Errorf("%s: got %s, exit code %d; want one S-201 and 1", name, got.stdout, got.code)
		}
	}
	folder := t.TempDir()
	for _, name := range []string{"Dredge", "Digger"} {
		if err := os.WriteFile(filepath.Join(folder, name+".json"), []byte(tool(name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := runValidate("", "--format", "json", folder); got.code != 0 || strings.Contains(got.stdout, "S-201") {
		t.Errorf("two files: got %s, exit code %d; want no finding and 0", got.stdout, got.code)
	}
}

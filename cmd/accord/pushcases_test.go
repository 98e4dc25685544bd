package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

func renamed(object []byte, name string) []byte {
	return bytes.Replace(object, []byte(`"name":"`), []byte(`"name":"`+name), 1)
}

// A server names a refused object by identifier and version. If several have the same name, the line is about the right
// one.
func TestPushNamesTheRefusedOfSeveralWithOneName(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	dir := t.TempDir()
	one, two := accordtest.Indicator(1, 0), renamed(accordtest.Indicator(1, 0), "x")
	first, second := writeFile(t, dir, "first.json", string(one)), writeFile(t, dir, "second.json", string(two))
	third := writeFile(t, dir, "third.json", bundleOf(accordtest.Indicator(2, 0), renamed(accordtest.Indicator(2, 0), "y"), accordtest.Indicator(2, 0)))
	for _, row := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"two files", []string{first, second}, []string{second + "[0]"}},
		{"the other order, with the first stored", []string{second, first}, []string{second + "[0]"}},
		{"one file", []string{third}, []string{third + "[1]"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := as(t, accordtest.Vendor, "", append([]string{"push", "--url", url}, row.files...)...)
			lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
			if got.code != exitFound || len(lines) != len(row.want) {
				t.Fatalf("got code %d, %q, want %v", got.code, got.stderr, row.want)
			}
			for i, want := range row.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("got %q, want %s", lines[i], want)
				}
			}
		})
	}
}

func TestPushReadsJSONLinesAndFolders(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	dir := t.TempDir()
	object := func(n int) string { return string(accordtest.Indicator(n, 0)) }
	writeFile(t, dir, "a.jsonl", "\n"+object(0)+"\n\n"+object(1)+"\r\n")
	writeFile(t, dir, "deeper/b.ndjson", object(2))
	writeFile(t, dir, "deeper/c.STIX", object(3))
	writeFile(t, dir, "d.stix2", object(4))
	writeFile(t, dir, "e.jsonl", object(5)+"\n{no JSON\n"+object(6)+"\n")
	writeFile(t, dir, "notes.txt", "x")
	got := as(t, accordtest.Vendor, "", "push", dir, "--url", url)
	if got.code != exitUsage || !strings.HasPrefix(got.stdout, "7 objects: 7 new,") || !strings.Contains(got.stderr, "line 2 of the file") {
		t.Errorf("got code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	if v := runValidate("", "--format", "json", dir); strings.Count(v.stdout, `"valid":true`) != 7 || v.code != 1 {
		t.Errorf("validate: got %d, %s", v.code, v.stdout)
	}
}

func TestPushAnswersInJSONAndSumsUpByRule(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	bad := bytes.Replace(accordtest.Indicator(2, 0), []byte(`"pattern":"[`), []byte(`"pattern":"`), 1)
	warned := bytes.Replace(accordtest.Indicator(3, 0), []byte(`"name":`), []byte(`"x_quay":1,"name":`), 1)
	file := writeFile(t, t.TempDir(), "a.json", bundleOf(accordtest.Indicator(1, 0), bad, warned, accordtest.Indicator(1, 0)))
	got := as(t, accordtest.Vendor, "", "push", file, "--url", url, "--format", "json")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	var outcomes []string
	for _, line := range lines[:4] {
		var a pushAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.File != file {
			t.Fatalf("%q: %v", line, err)
		}
		outcomes = append(outcomes, string(a.Outcome))
	}
	if strings.Join(outcomes, " ") != "new refused new present" || got.code != exitFound || got.stderr != "" {
		t.Errorf("got %v, code %d, %q", outcomes, got.code, got.stderr)
	}
	for _, want := range []string{`{"rule":"S-113","severity":"error","objects":1}`, `{"rule":"S-075","severity":"warning","objects":1}`,
		`{"new":2,"present":1,"corrected":0,"refused":1,"known":0,"envelopes":1}`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("got %s, want %s", got.stdout, want)
		}
	}
	text := as(t, accordtest.Vendor, "", "push", file, "--url", url)
	if !strings.Contains(text.stdout, "S-113: 1 object (error)") || !strings.Contains(text.stderr, "refused: "+file+"[1]") {
		t.Errorf("got %q, %q", text.stdout, text.stderr)
	}
}

// The server's reason for refusing an account is printed.
func TestPushPrintsTheServersRefusal(t *testing.T) {
	s := accordtest.New(t)
	s.Change("gsp", "suspend", func(a *agreement.Agreement) {
		a.Suspended = &agreement.Mark{At: time.Now(), Reason: "the berth is closed"}
	})
	got := as(t, accordtest.Vendor, string(accordtest.Indicator(1, 0)), "push", "-", "--url", collectionURL(s, accordtest.Industry, "gsp"))
	if got.code != exitUsage || !strings.Contains(got.stderr, "suspended") || !strings.Contains(got.stderr, "the berth is closed") {
		t.Errorf("got code %d, %q", got.code, got.stderr)
	}
}

func TestValidateAgainstACollection(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	dir := t.TempDir()
	as(t, accordtest.Vendor, string(accordtest.Indicator(1, 0)), "push", "-", "--url", url)
	same := bytes.Replace(accordtest.Indicator(1, 0), []byte(`"name":`), []byte(`"revoked":false,"name":`), 1)
	other := renamed(accordtest.Indicator(1, 0), "x")
	for _, row := range []struct {
		name string
		text []byte
		code int
	}{{"the same meaning", same, exitOK}, {"other content", other, exitFound}, {"another object", accordtest.Indicator(2, 0), exitOK}} {
		file := writeFile(t, dir, "a.json", string(row.text))
		if got := as(t, accordtest.Vendor, "", "validate", "--against", url, file); got.code != row.code || strings.Contains(got.stdout, "S-201") != (row.code != exitOK) {
			t.Errorf("%s: got code %d, %q, %q", row.name, got.code, got.stdout, got.stderr)
		}
	}
	file := filepath.Join(dir, "a.json")
	if got := as(t, accordtest.Outsider, "", "validate", "--against", url, file); got.code != exitUsage || !strings.Contains(got.stderr, "404") {
		t.Errorf("an outsider: got code %d, %q", got.code, got.stderr)
	}
}

func TestRevokeAndDelete(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	as(t, accordtest.Vendor, string(accordtest.Indicator(1, 0)), "push", "-", "--url", url)
	id := accordtest.IndicatorID(1)
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"revoke", id, "--url", url}, exitOK, id + " revoked\n"},
		{[]string{"revoke", id, "--url", url}, exitOK, id + " was revoked before\n"},
		{[]string{"revoke", accordtest.IndicatorID(2), "--url", url}, exitFailed, ""},
		{[]string{"revoke", "x", "--url", url}, exitUsage, ""},
		{[]string{"delete", id, "--url", url, "--match-version", "all"}, exitOK, id + " deleted\n"},
		{[]string{"delete", id, "--url", url, "--match-version", "all"}, exitFailed, ""},
	} {
		if got := as(t, accordtest.Vendor, "", row.args...); got.code != row.code || got.stdout != row.want {
			t.Errorf("%v: got code %d, %q, %q", row.args[:2], got.code, got.stdout, got.stderr)
		}
		if row.args[0] == "revoke" && row.want != "" && !strings.Contains(stored(t, s), `"revoked":true`) {
			t.Errorf("%v: got stored %s", row.args[:2], stored(t, s))
		}
	}
	if got := stored(t, s); got != "" {
		t.Errorf("got stored %s, want nothing", got)
	}
}

// The owner's corrections are counted apart, and reach clients that had read everything.
func TestPushCountsCorrections(t *testing.T) {
	s := accordtest.New(t)
	s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.Corrections = agreement.CorrectionsAccept })
	url := collectionURL(s, accordtest.Industry, "gsp")
	dir := t.TempDir()
	feed := func(name string) string {
		return writeFile(t, dir, name+".json", bundleOf(accordtest.Indicator(1, 0), renamed(accordtest.Indicator(2, 0), name), accordtest.Indicator(3, 0)))
	}
	as(t, accordtest.Vendor, "", "push", feed("a"), "--url", url)
	state, out := filepath.Join(dir, "state"), filepath.Join(dir, "out.json")
	pull := func() string {
		return as(t, accordtest.Agency, "", "pull", "--url", url, "--out", out, "--state", state, "--match-version", "all").stdout
	}
	if got := pull(); !strings.HasPrefix(got, "3 objects received") {
		t.Errorf("got %q", got)
	}
	got := as(t, accordtest.Vendor, "", "push", feed("b"), "--url", url, "--format", "json")
	if got.code != exitOK || !strings.Contains(got.stdout, `{"new":0,"present":2,"corrected":1,"refused":0,"known":0,"envelopes":1}`) ||
		!strings.Contains(got.stdout, `"outcome":"corrected"`) {
		t.Errorf("got code %d, %s, %q", got.code, got.stdout, got.stderr)
	}
	if got := pull(); !strings.HasPrefix(got, "1 object received") || !bytes.Contains(readFile(t, out), []byte(`"name":"b`)) {
		t.Errorf("got %q", got)
	}
	if got := as(t, accordtest.Vendor, "", "push", feed("b"), "--url", url); !strings.HasPrefix(got.stdout, "3 objects: 0 new, 3 present, 0 corrected, 0 refused") {
		t.Errorf("got %q", got.stdout)
	}
}

// What an agreement tolerated, and warned of, stands in the summary of a pull.
func TestPullSaysWhatWasTolerated(t *testing.T) {
	s := accordtest.New(t)
	s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.Tolerate = []string{"S-025"} })
	url := collectionURL(s, accordtest.Industry, "gsp")
	old := bytes.ReplaceAll(accordtest.Indicator(2, 0), []byte("12:00:00.000Z"), []byte("12:00:00Z"))
	if got := as(t, accordtest.Vendor, bundleOf(accordtest.Indicator(1, 0), old, accordtest.Domain("x")), "push", "-", "--url", url); got.code != exitOK {
		t.Fatalf("got code %d, %q", got.code, got.stderr)
	}
	got := as(t, accordtest.Agency, "", "pull", "--url", url, "--out", filepath.Join(t.TempDir(), "o.json"))
	if want := "3 objects received in 1 page\n  S-025: 1 object (tolerated)\n  S-075: 1 object (warning)\n"; got.stdout != want {
		t.Errorf("got %q, want %q", got.stdout, want)
	}
}

// Pulled files have the mode that their markings ask for.
func TestPulledFilesHaveTheModeOfTheirMarkings(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	marked := func(n int, id stix.ID) []byte {
		return bytes.Replace(accordtest.Indicator(n, 0), []byte(`"name"`), []byte(`"object_marking_refs":["`+string(id)+`"],"name"`), 1)
	}
	add(t, s, accordtest.Indicator(1, 0), marked(2, stix.TLP2Clear), marked(3, stix.TLP2Amber), marked(4, stix.TLP1White))
	modeOf := func(name string) fs.FileMode {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	for _, row := range []struct {
		flags []string
		want  [4]fs.FileMode
	}{
		{nil, [4]fs.FileMode{0o600, 0o640, 0o600, 0o640}},
		{[]string{"--mode", "0644"}, [4]fs.FileMode{0o644, 0o644, 0o600, 0o644}},
	} {
		dir := t.TempDir()
		as(t, accordtest.Agency, "", append([]string{"pull", "--url", url, "--dir", dir}, row.flags...)...)
		for n, want := range row.want {
			if got := modeOf(filepath.Join(dir, "indicator", accordtest.IndicatorID(n+1), "20240301120000000.json")); got != want {
				t.Errorf("%v: object %d: got the mode %o, want %o", row.flags, n+1, got, want)
			}
			ids := []string{accordtest.IndicatorID(n + 1)}
			for _, state := range [][]string{nil, {"--state", filepath.Join(dir, fmt.Sprint("state", n))}} {
				out := filepath.Join(dir, fmt.Sprint("bundle", n, len(state)))
				as(t, accordtest.Agency, "", slices.Concat([]string{"pull", "--url", url, "--out", out, "--match-id", ids[0]}, state, row.flags)...)
				if got := modeOf(out); got != want {
					t.Errorf("%v: a bundle of object %d: got the mode %o, want %o", row.flags, n+1, got, want)
				}
			}
		}
		out := filepath.Join(dir, "all.json")
		as(t, accordtest.Agency, "", append([]string{"pull", "--url", url, "--out", out}, row.flags...)...)
		if got := modeOf(out); got != 0o600 {
			t.Errorf("%v: a bundle with an object above TLP:CLEAR: got the mode %o", row.flags, got)
		}
	}
	for _, mode := range []string{"0777", "0040", "rw", "-1"} {
		if got := as(t, accordtest.Agency, "", "pull", "--url", url, "--mode", mode); got.code != exitUsage {
			t.Errorf("--mode %s: got code %d", mode, got.code)
		}
	}
}

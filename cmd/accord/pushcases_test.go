package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
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

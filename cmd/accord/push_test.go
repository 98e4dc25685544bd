package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/store"
)

// collectionURL returns the URL of an agreement in the test exchange.
func collectionURL(s *accordtest.Server, root, alias string) string {
	return s.URL + "/" + root + "/collections/" + alias + "/"
}

// as runs a command line with an account of the test exchange.
func as(t *testing.T, account, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append(args, "--user", account), &env{
		stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr, now: time.Now,
		getenv: func(name string) string {
			if name == "ACCORD_PASSWORD" {
				return accordtest.Password(account)
			}
			return ""
		},
	})
	return outcome{code, stdout.String(), stderr.String()}
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bundleOf(objects ...[]byte) string {
	return `{"type":"bundle","id":"bundle--2b6e8d10-94c7-4f3a-8e21-000000000000","objects":[` + string(bytes.Join(objects, []byte(",\n"))) + "]}"
}

// stored returns all versions in a collection, as compact texts.
func stored(t *testing.T, s *accordtest.Server) string {
	t.Helper()
	page, err := s.Collection(accordtest.Programme).Page(store.Query{Versions: store.Versions{All: true}, Limit: 10_000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(page.Body)
}

func TestPushSendsEveryKindOfFile(t *testing.T) {
	s := accordtest.New(t)
	dir := t.TempDir()
	url := collectionURL(s, accordtest.Industry, "gsp")
	object := func(n int) string { return string(accordtest.Indicator(n, 0)) }
	writeFile(t, dir, "feed/a.json", bundleOf(accordtest.Indicator(0, 0), accordtest.Indicator(1, 0)))
	writeFile(t, dir, "feed/deeper/b.JSON", `{"objects":[`+object(2)+`]}`)
	writeFile(t, dir, "feed/notes.txt", `no JSON`)
	list := writeFile(t, dir, "list", "\xef\xbb\xbf[ "+object(3)+" ]")
	lines := object(4) + "\n" + object(5) + "\n"
	got := as(t, accordtest.Vendor, lines, "push", filepath.Join(dir, "feed"), list, "-", "--url", url)
	if got.code != exitOK || got.stdout != "6 objects: 6 new, 0 present, 0 corrected, 0 refused, in 1 envelope\n" || got.stderr != "" {
		t.Fatalf("got code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	if want := string(bytes.Join(accordtest.Indicators(0, 6), []byte(","))); stored(t, s) != want {
		t.Errorf("got stored %s\nwant %s", stored(t, s), want)
	}
	again := as(t, accordtest.Vendor, "", "push", list, "--url", url+"objects/")
	if again.code != exitOK || again.stdout != "1 object: 0 new, 1 present, 0 corrected, 0 refused, in 1 envelope\n" {
		t.Errorf("sent again: got code %d, %q, %q", again.code, again.stdout, again.stderr)
	}
}

func TestPushListsWhatIsRefused(t *testing.T) {
	s := accordtest.New(t)
	dir := t.TempDir()
	url := collectionURL(s, accordtest.Industry, "gsp")
	twice := bytes.Replace(accordtest.Indicator(2, 0), []byte(`"name":`), []byte(`"name":"x","name":`), 1)
	noID := []byte(`{"type":"indicator","spec_version":"2.1"}`)
	notUTF8 := bytes.Replace(accordtest.Indicator(4, 0), []byte("Beacon"), []byte("B\xffacon"), 1)
	file := writeFile(t, dir, "mixed.json", bundleOf(accordtest.Indicator(1, 0), twice, noID, notUTF8, accordtest.Indicator(3, 0)))
	got := as(t, accordtest.Vendor, "", "push", file, "--url", url)
	if got.code != exitFound || !strings.HasPrefix(got.stdout, "5 objects: 2 new, 0 present, 0 corrected, 3 refused") {
		t.Errorf("got code %d, %q", got.code, got.stdout)
	}
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %q, want three lines", got.stderr)
	}
	for i, want := range []string{accordtest.IndicatorID(2), "", accordtest.IndicatorID(4)} {
		if !strings.HasPrefix(lines[i], "refused:") || !strings.Contains(lines[i], want) || strings.HasSuffix(lines[i], "reason") {
			t.Errorf("line %d: got %q, want %s and a reason", i, lines[i], want)
		}
	}
	for i, place := range []string{"[1]", "[2]", "[3]"} {
		if !strings.Contains(got.stderr, file+place) {
			t.Errorf("refusal %d: got %q, want the place %s in the file", i, got.stderr, place)
		}
	}
	if want := string(accordtest.Indicator(1, 0)) + "," + string(accordtest.Indicator(3, 0)); stored(t, s) != want {
		t.Errorf("got stored %s\nwant %s", stored(t, s), want)
	}
}

func TestPushKeepsToTheServersSize(t *testing.T) {
	s := accordtest.New(t)
	dir := t.TempDir()
	url := collectionURL(s, accordtest.Members, "circle") // bodies up to accordtest.SmallBody
	huge := bytes.Replace(accordtest.Indicator(500, 0), []byte("Version 0"), bytes.Repeat([]byte("long "), accordtest.SmallBody/5), 1)
	file := writeFile(t, dir, "many.json", bundleOf(append(accordtest.Indicators(0, 300), huge)...))
	got := as(t, accordtest.Agency, "", "push", file, "--url", url)
	if got.code != exitFound || !strings.HasPrefix(got.stdout, "301 objects: 300 new, 0 present, 0 corrected, 1 refused, in 2 envelopes") {
		t.Errorf("got code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	if !strings.Contains(got.stderr, accordtest.IndicatorID(500)) || !strings.Contains(got.stderr, fmt.Sprint("takes ", accordtest.SmallBody)) {
		t.Errorf("got %q", got.stderr)
	}
}

func TestPushLeavesOutWhatItsStateKnows(t *testing.T) {
	s := accordtest.New(t)
	dir := t.TempDir()
	url := collectionURL(s, accordtest.Industry, "gsp")
	file := writeFile(t, dir, "many.json", bundleOf(accordtest.Indicators(0, 25)...))
	state := filepath.Join(dir, "state")
	push := func() outcome {
		return as(t, accordtest.Vendor, "", "push", file, "--url", url, "--state", state, "--envelope-objects", "10")
	}
	if got := push(); got.stdout != "25 objects: 25 new, 0 present, 0 corrected, 0 refused, in 3 envelopes\n" {
		t.Fatalf("got %q, %q", got.stdout, got.stderr)
	}
	text, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, text[:len(text)-10], 0o600); err != nil { // a crash in the last line
		t.Fatal(err)
	}
	if got := push(); got.stdout != "5 objects: 0 new, 5 present, 0 corrected, 0 refused, in 1 envelope; 20 objects sent in an earlier run\n" {
		t.Errorf("after a crash: got %q, %q", got.stdout, got.stderr)
	}
	if got := push(); got.stdout != "0 objects: 0 new, 0 present, 0 corrected, 0 refused, in 0 envelopes; 25 objects sent in an earlier run\n" {
		t.Errorf("with nothing left: got %q, %q", got.stdout, got.stderr)
	}
	other := as(t, accordtest.Vendor, "", "push", file, "--url", collectionURL(s, accordtest.Industry, "intake"), "--state", state)
	if other.code != exitUsage || !strings.Contains(other.stderr, "not the state of a push to") {
		t.Errorf("another collection: got code %d, %q", other.code, other.stderr)
	}
}

func TestPushSaysWhyItCannotRun(t *testing.T) {
	s := accordtest.New(t)
	dir := t.TempDir()
	url := collectionURL(s, accordtest.Industry, "gsp")
	good := writeFile(t, dir, "good.json", string(accordtest.Indicator(1, 0)))
	bad := writeFile(t, dir, "bad.json", "{\n  \"type\": }")
	for _, row := range []struct {
		name, account string
		args          []string
		want          string
	}{
		{"no file", accordtest.Vendor, []string{"--url", url}, "at least one FILE"},
		{"no URL", accordtest.Vendor, []string{good}, `"url" not set`},
		{"a URL of something else", accordtest.Vendor, []string{good, "--url", s.URL + "/nicp/"}, "no URL of a collection"},
		{"a file that is not there", accordtest.Vendor, []string{good + "x", "--url", url}, "no such file"},
		{"a folder without JSON", accordtest.Vendor, []string{t.TempDir(), "--url", url}, "has no file ending in .json"},
		{"a password file that is not there", accordtest.Vendor, []string{good, "--url", url, "--password-file", good + "x"}, "no such file"},
		{"a user and a token", accordtest.Vendor, []string{good, "--url", url, "--token-file", good}, "expected one of them"},
		{"a wrong password", accordtest.Vendor, []string{good, "--url", url, "--password-file", good}, "401"},
		{"no role in the agreement", accordtest.Outsider, []string{good, "--url", url}, "404"},
		{"a consumer", accordtest.Agency, []string{good, "--url", url}, "adding needs the role producer"},
		{"a file that is not JSON", accordtest.Vendor, []string{bad, good, "--url", url}, "bad.json is not JSON: found '}', expected a value at byte 12 (line 2, column 11)"},
		{"a bundle of strings", accordtest.Vendor, []string{writeFile(t, dir, "strings.json", `{"objects":["a"]}`), "--url", url}, "expected a STIX object"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := as(t, row.account, "", append([]string{"push"}, row.args...)...)
			if got.code != exitUsage || !strings.Contains(got.stderr, row.want) {
				t.Errorf("got code %d, %q, want code 2 and %q", got.code, got.stderr, row.want)
			}
			if strings.Contains(got.stderr+got.stdout, accordtest.Password(row.account)) {
				t.Errorf("the password is printed: %q", got.stderr)
			}
		})
	}
	if want := string(accordtest.Indicator(1, 0)); stored(t, s) != want {
		t.Errorf("the file beside the bad one: got stored %q, want %s", stored(t, s), want)
	}
	t.Run("no password", func(t *testing.T) {
		got := accord(t, nil, "push", good, "--url", url, "--user", "vendor")
		if got.code != exitUsage || !strings.Contains(got.stderr, "set ACCORD_PASSWORD") {
			t.Errorf("got code %d, %q", got.code, got.stderr)
		}
	})
}

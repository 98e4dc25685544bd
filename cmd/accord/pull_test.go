package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// add posts objects to the programme's collection.
func add(t *testing.T, s *accordtest.Server, objects ...[]byte) {
	t.Helper()
	body := append(append([]byte(`{"objects":[`), bytes.Join(objects, []byte(","))...), "]}"...)
	a := s.Do(accordtest.Request{As: accordtest.Vendor, Method: "POST", Path: "/nicp/collections/gsp/objects/", Body: body})
	if a.Status != 202 || !bytes.Contains(a.Body, []byte(`"failure_count":0`)) {
		t.Fatalf("add objects: got %d %s", a.Status, a.Body)
	}
}

// objectsIn returns the objects of a bundle, which must be whole, with commas between them.
func objectsIn(t *testing.T, text []byte) string {
	t.Helper()
	var b struct {
		Type, ID string
		Objects  []json.RawMessage
	}
	if err := json.Unmarshal(text, &b); err != nil || b.Type != "bundle" || !strings.HasPrefix(b.ID, "bundle--") {
		t.Fatalf("no bundle: %v: %.200s", err, text)
	}
	parts := make([][]byte, len(b.Objects))
	for i, object := range b.Objects {
		parts[i] = object
	}
	return string(bytes.Join(parts, []byte(",")))
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func joined(objects ...[]byte) string { return string(bytes.Join(objects, []byte(","))) }

func TestPullWritesABundle(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	empty := as(t, accordtest.Agency, "", "pull", "--url", url)
	if empty.code != exitOK || objectsIn(t, []byte(empty.stdout)) != "" || strings.Contains(empty.stdout, "objects") {
		t.Errorf("from an empty collection: got code %d, %q", empty.code, empty.stdout)
	}
	add(t, s, append(accordtest.Indicators(0, 25), accordtest.Indicator(3, 1), accordtest.Tool(1, 0))...)
	got := as(t, accordtest.Agency, "", "pull", "--url", url, "--limit", "4", "--match-version", "all", "--match-type", "indicator")
	if want := joined(append(accordtest.Indicators(0, 25), accordtest.Indicator(3, 1))...); objectsIn(t, []byte(got.stdout)) != want {
		t.Errorf("got %s\nwant %s", got.stdout, want)
	}
	if got.code != exitOK || got.stderr != "26 objects received in 7 pages\n" {
		t.Errorf("got code %d, %q", got.code, got.stderr)
	}
	out := filepath.Join(t.TempDir(), "b.json")
	got = as(t, accordtest.Agency, "", "pull", "--url", url, "--match-id", accordtest.ToolID(1)+","+accordtest.IndicatorID(3), "--out", out)
	if want := joined(accordtest.Indicator(3, 1), accordtest.Tool(1, 0)); objectsIn(t, readFile(t, out)) != want {
		t.Errorf("got %s\nwant %s", readFile(t, out), want)
	}
	if got.code != exitOK || got.stdout != "2 objects received in 1 page\n" {
		t.Errorf("got code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
}

func TestPullGoesOnFromItsState(t *testing.T) {
	s := accordtest.New(t)
	dir := t.TempDir()
	out, state := filepath.Join(dir, "b.json"), filepath.Join(dir, "state")
	args := []string{"pull", "--url", collectionURL(s, accordtest.Industry, "gsp"), "--out", out, "--state", state, "--limit", "3"}
	pull := func(want int, message string) {
		t.Helper()
		if got := as(t, accordtest.Agency, "", args...); got.code != want || !strings.Contains(got.stdout+got.stderr, message) {
			t.Fatalf("got code %d, %q, %q, want %d and %q", got.code, got.stdout, got.stderr, want, message)
		}
	}
	pull(exitOK, "0 objects")
	add(t, s, accordtest.Indicators(0, 7)...)
	pull(exitOK, "7 objects received in 3 pages")
	pull(exitOK, "0 objects")
	if got := objectsIn(t, readFile(t, out)); got != joined(accordtest.Indicators(0, 7)...) {
		t.Fatalf("got %s", got)
	}
	add(t, s, accordtest.Indicators(7, 9)...)
	torn := append(readFile(t, out), "a page that a crash cut o"...)
	if err := os.WriteFile(out, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	pull(exitOK, "2 objects")
	if got := objectsIn(t, readFile(t, out)); got != joined(accordtest.Indicators(0, 9)...) {
		t.Errorf("after a crash: got %s", got)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	add(t, s, accordtest.Indicators(9, 10)...)
	pull(exitOK, "1 object received")
	if got := objectsIn(t, readFile(t, out)); got != joined(accordtest.Indicators(9, 10)...) {
		t.Errorf("after the bundle was taken away: got %s", got)
	}
	if err := os.WriteFile(out, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	pull(exitFailed, "was changed since")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	pull(exitFailed, "b.json exists, but")
	if got := string(readFile(t, out)); got != `{}` {
		t.Errorf("a file of someone else's now holds %q", got)
	}
}

func TestPullWritesAFilePerVersion(t *testing.T) {
	s := accordtest.New(t)
	dir := filepath.Join(t.TempDir(), "feed")
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"pull", "--url", collectionURL(s, accordtest.Industry, "gsp"), "--dir", dir, "--state", state, "--match-version", "all", "--limit", "2"}
	add(t, s, accordtest.Indicator(1, 0), accordtest.Indicator(1, 1), accordtest.Domain("a"), accordtest.Domain("b"))
	if got := as(t, accordtest.Agency, "", args...); got.code != exitOK || got.stdout != "4 objects received in 2 pages\n  S-075: 2 objects (warning)\n" {
		t.Fatalf("got code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	want := string(accordtest.Indicator(1, 1)) + "\n"
	if got := string(readFile(t, filepath.Join(dir, "indicator", accordtest.IndicatorID(1), "20240301130000000.json"))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*")); len(names) != 4 {
		t.Errorf("got the files %q, want 4", names)
	}
	add(t, s, accordtest.Indicator(2, 0))
	if got := as(t, accordtest.Agency, "", args...); got.stdout != "1 object received in 1 page\n" {
		t.Errorf("got %q, %q", got.stdout, got.stderr)
	}
	other := as(t, accordtest.Agency, "", append(args, "--match-type", "tool")...)
	if other.code != exitFailed || !strings.Contains(other.stderr, "state of another pull: its filters") {
		t.Errorf("other filters: got code %d, %q", other.code, other.stderr)
	}
}

// A server's text becomes a file name only if it has the form of identifiers and timestamps.
func TestPathOfStaysInTheFolder(t *testing.T) {
	const uuid = "7d3f9c2a-51b4-4e08-9a6d-000000000001"
	for _, row := range []struct{ name, object, want string }{
		{"modified names the version", `{"id":"tool--` + uuid + `","created":"2024-01-01T00:00:00Z","modified":"2024-03-01T12:00:00.5Z"}`, "tool/tool--" + uuid + "/202403011200005.json"},
		{"created names it where modified is absent", `{"id":"marking-definition--` + uuid + `","created":"2024-01-01T00:00:00Z"}`, "marking-definition/marking-definition--" + uuid + "/20240101000000.json"},
		{"an id that climbs", `{"id":"../../etc--` + uuid + `","modified":"2024-01-01T00:00:00Z"}`, "other/*.json"},
		{"an id with a slash", `{"id":"a/b--` + uuid + `"}`, "other/*.json"},
		{"a version that climbs", `{"id":"tool--` + uuid + `","modified":"../../x"}`, "tool/tool--" + uuid + "/*.json"},
		{"no id", `{}`, "other/*.json"},
		{"an id that is no string", `{"id":7}`, "other/*.json"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := filepath.ToSlash(pathOf(json.RawMessage(row.object)))
			if ok, _ := filepath.Match(row.want, got); !ok || !filepath.IsLocal(got) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestPullSaysWhatIsWrong(t *testing.T) {
	s := accordtest.New(t)
	url := collectionURL(s, accordtest.Industry, "gsp")
	out := filepath.Join(t.TempDir(), "b.json")
	for _, row := range []struct {
		name, account string
		args          []string
		code          int
		want          string
	}{
		{"two outputs", accordtest.Agency, []string{"--out", "a", "--dir", "b"}, exitUsage, "[dir out]"},
		{"a state without a file", accordtest.Agency, []string{"--state", "s"}, exitUsage, "give --out FILE"},
		{"a time that is none", accordtest.Agency, []string{"--added-after", "yesterday"}, exitUsage, "--added-after"},
		{"a limit below 0", accordtest.Agency, []string{"--limit", "-1"}, exitUsage, "--limit -1"},
		{"a filter that the server refuses", accordtest.Agency, []string{"--match-version", "newest", "--out", out}, exitFailed, "match[version]"},
		{"no role in the agreement", accordtest.Outsider, []string{"--out", out}, exitFailed, "has no role"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := as(t, row.account, "", append([]string{"pull", "--url", url}, row.args...)...)
			if got.code != row.code || !strings.Contains(got.stderr, row.want) {
				t.Errorf("got code %d, %q, want %d and %q", got.code, got.stderr, row.code, row.want)
			}
		})
	}
	if left, _ := filepath.Glob(out + "*"); len(left) > 0 {
		t.Errorf("a pull that failed leaves %q", left)
	}
}

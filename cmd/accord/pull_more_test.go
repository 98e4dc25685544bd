package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPullFilters(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		object string
		filter pullFilter
		want   bool
	}{
		{`{"confidence":80}`, pullFilter{confidence: 80}, true},
		{`{"confidence":79}`, pullFilter{confidence: 80}, false},
		{`{}`, pullFilter{confidence: 1}, false},
		{`{}`, pullFilter{valid: true}, true},
		{`{"revoked":true}`, pullFilter{valid: true}, false},
		{`{"valid_until":"2026-05-01T12:00:00.000Z"}`, pullFilter{valid: true}, false},
		{`{"valid_until":"2026-05-01T12:00:00.001Z"}`, pullFilter{valid: true}, true},
		{`{"valid_from":"2026-05-01T12:00:01Z"}`, pullFilter{valid: true}, false},
		{`[]`, pullFilter{valid: true}, false},
	} {
		if got := len(tc.filter.apply([]json.RawMessage{json.RawMessage(tc.object)}, now)) == 1; got != tc.want {
			t.Errorf("%s with %+v: %v", tc.object, tc.filter, got)
		}
	}
}

func TestAddedAfter(t *testing.T) {
	now := time.Date(2026, 5, 8, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"24h": "2026-05-07T12:00:00Z", "7d": "2026-05-01T12:00:00Z", "90m": "2026-05-08T10:30:00Z", "2026-01-31T00:00:00Z": "2026-01-31T00:00:00Z", "2026-01-31": "2026-01-31T00:00:00Z"} {
		if got, err := addedAfterOf(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"-1h", "0s", "yesterday", "d", ""} {
		if got, err := addedAfterOf(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestFilesOfAPull(t *testing.T) {
	const id = "indicator--00000000-0000-4000-8000-000000000001"
	for below, want := range map[string]bool{
		"indicator/" + id + "/20260101000000000.json":                           true,
		"indicator/" + id + "/0123456789abcdef.json":                            true,
		"indicator/00000000-0000-4000-8000-000000000001/20260101000000000.json": true,
		"malware/" + id + "/20260101000000000.json":                             false,
		"indicator/" + id + "/notes.json":                                       false,
		"indicator/" + id + "/20260101000000000.txt":                            false,
		"indicator/" + id + "/20260101000000000.json.partial":                   false,
		"README.json": false, "a/b/c/1.json": false,
	} {
		if _, _, ok := pulledFile(filepath.FromSlash(below)); ok != want {
			t.Errorf("%s: %v", below, ok)
		}
	}
	if instantDigits("2026-01-01T00:00:00Z") != instantDigits("2026-01-01T00:00:00.000000Z") || instantDigits("2026-01-01T00:00:00.1Z") == instantDigits("2026-01-01T00:00:00Z") {
		t.Error("the same time in another precision is another")
	}
}

func TestNamesOfFoldersOfCollections(t *testing.T) {
	taken := map[string]bool{}
	var got []string
	for _, c := range []listedCollection{
		{Root: "https://x.example/nicp/"}, {Root: "https://x.example/nicp/"}, {Root: "https://x.example/../"}, {Root: "https://x.example/nicp/"},
	} {
		i := len(got)
		c.Alias, c.ID = []string{"gsp", "gsp", "../../etc", ""}[i], []string{"1", "91a7-b", "..", "/x"}[i]
		got = append(got, filepath.ToSlash(folderName(c, taken)))
	}
	if want := []string{"nicp/gsp", "nicp/c91a7-b", "root/c--", "nicp/c-x"}; !slices.Equal(got, want) {
		t.Errorf("folders %q, want %q", got, want)
	}
}

func TestOnePullAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "feed")
	unlock, err := lockTarget(&pullFlags{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockTarget(&pullFlags{dir: dir}); err == nil || !strings.Contains(err.Error(), "another pull") {
		t.Errorf("a second pull: %v", err)
	}
	if other, err := lockTarget(&pullFlags{dir: dir + "2"}); err != nil {
		t.Errorf("into another folder: %v", err)
	} else {
		other()
	}
	unlock()
	again, err := lockTarget(&pullFlags{dir: dir})
	if err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	again()
	if _, err := os.Stat(filepath.Join(dir, ".pull.lock")); err != nil {
		t.Error(err)
	}
}

func TestTypesThatAreWarnedOf(t *testing.T) {
	if got := unknownTypes([]string{"indicator", "indicators", "x-acme-case", "identity", "ip"}); !slices.Equal(got, []string{"indicators", "ip"}) {
		t.Errorf("unknown types %v", got)
	}
}

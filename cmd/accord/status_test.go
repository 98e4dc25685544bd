package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/admin"
)

// statusOf is what accord status prints as JSON.
func statusOf(t *testing.T, code int, args ...string) (st admin.Status) {
	t.Helper()
	o := once(t, nil, append([]string{"status", "--format", "json"}, args...)...)
	if o.code != code {
		t.Fatalf("got exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	if err := json.Unmarshal([]byte(o.stdout), &st); err != nil {
		t.Fatalf("%v in %s", err, o.stdout)
	}
	return st
}

func wantFinding(t *testing.T, st admin.Status, matches func(admin.Finding) bool) {
	t.Helper()
	for _, f := range st.Findings {
		if matches(f) {
			if f.Command == "" {
				t.Errorf("%+v has no command", f)
			}
			return
		}
	}
	t.Errorf("got %+v, want another finding", st.Findings)
}

func TestStatusOfAServerThatRunsAndOfOneThatDoesNot(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	wantOutcome(t, once(t, nil, "status", "--data", data), 2, "accord:")
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	st := statusOf(t, 0, "--data", data)
	if !st.Running || len(st.Agreements) == 0 || st.Key == "" || st.Disk == nil || st.Upkeep.Backup != nil {
		t.Errorf("got %+v", st)
	}
	wantOutcome(t, once(t, nil, "status", "--url", c.URL, "--user", "vendor-push"), 2)
	wantOutcome(t, once(t, []string{"ACCORD_PASSWORD=vendor-push-password"}, "status", "--url", c.URL, "--user", "vendor-push"), 2, "operator")
	backup := filepath.Join(t.TempDir(), "backup")
	wantOutcome(t, once(t, nil, "backup", "--data", data, "--to", backup), 0, "backup: signed by "+st.Key)
	wantOutcome(t, once(t, nil, "check", "--data", data), 0)
	if st = statusOf(t, 0, "--data", data); st.Upkeep.Backup == nil || st.Upkeep.Check == nil {
		t.Errorf("got %+v, want a backup and a check", st.Upkeep)
	}
	wantOutcome(t, once(t, nil, "doctor", "--data", data), 0, "findings: 0")
	c.terminate()

	st = statusOf(t, 1, "--data", data)
	if st.Running || len(st.Findings) != 1 {
		t.Errorf("stopped: got %+v, want one finding", st.Findings)
	}
	wantOutcome(t, once(t, nil, "doctor", "--data", data), 1, "no server is running", "systemctl start accord", "findings: 1")

	// What is missing is named, and restored.
	restored := filepath.Join(t.TempDir(), "restored")
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", restored, "--trusted-key", st.Key), 0, "backup: signed by "+st.Key)
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", restored+"2", "--trusted-key", strings.Replace(st.Key, "+", "x+", 1)), 1)
	if err := os.Rename(filepath.Join(restored, "keys"), filepath.Join(restored, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, once(t, nil, serveArgs(restored, "--plain-http")...), 1, "its folder keys is missing")
	wantFinding(t, statusOf(t, 1, "--data", restored), func(f admin.Finding) bool { return f.File == "keys" })
	if err := os.Remove(filepath.Join(restored, "accord.db")); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, once(t, nil, serveArgs(restored, "--plain-http")...), 1, "no accord.db", "--registry")
	wantFinding(t, statusOf(t, 1, "--data", restored), func(f admin.Finding) bool { return f.File == "accord.db" })
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", restored, "--registry"), 0, "accord.db: restored")
	wantOutcome(t, once(t, nil, "audit", "key", "--data", restored, "--replace-lost"), 0, "accord+")
	if err := os.WriteFile(filepath.Join(restored, "accord.db"), []byte(strings.Repeat("no database", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFinding(t, statusOf(t, 1, "--data", restored), func(f admin.Finding) bool { return f.File == "accord.db" })
}

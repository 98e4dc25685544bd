package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/demo"
)

func wantOutcome(t *testing.T, o outcome, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Fatalf("got exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("got\n%s%s\nwant %q in it", o.stdout, o.stderr, text)
		}
	}
}

// gspFile is the file of the agreement gsp.
const gspFile = "agreements/91a7b528-80eb-42ed-a74d-c6fbd5a26116.db"

func TestABackupOfARunningServerCanBeRestored(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	post := func(seed uint64) {
		t.Helper()
		a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(demo.Generate(seed, 50)...)))
		if err != nil || a.status != http.StatusAccepted {
			t.Fatalf("got %d %s, %v, want 202", a.status, a.body, err)
		}
	}
	post(21)
	before := c.versionsIn("agency-siem", gsp)
	backup := filepath.Join(t.TempDir(), "backup")
	wantOutcome(t, once(t, nil, "backup", "--data", data, "--to", backup), 0, "agreement gsp: sound", "faults: 0")
	wantOutcome(t, once(t, nil, "backup", "--data", data, "--to", backup), 1, "not empty", "does not exist yet")
	wantOutcome(t, once(t, nil, "check", "--data", data), 0, "accord.db: sound", "agreement gsp: sound")
	wantOutcome(t, once(t, nil, "check", "--data", data, "--agreement", "nobody"), 1, "nobody")
	wantOutcome(t, once(t, nil, "check", "--data", data, "--rebuild"), 1, "stop the server first")
	wantOutcome(t, once(t, nil, "check", "--data", backup, "--format", "json"), 0, `"name":"gsp"`)
	post(22)
	c.terminate()

	restored := filepath.Join(t.TempDir(), "restored")
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", restored), 0, "faults: 0")
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", restored), 1, "not empty")
	for _, name := range []string{"", "accord.db", "keys", "agreements", gspFile} {
		info, err := os.Stat(filepath.Join(restored, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got %v, %v, want it closed to others", name, info.Mode(), err)
		}
	}
	c = start(t, nil, serveArgs(restored, "--plain-http")...).serving()
	after := c.versionsIn("agency-siem", gsp)
	if len(before) == 0 || len(after) != len(before) {
		t.Errorf("got %d versions, want the %d of the backup", len(after), len(before))
	}
	c.terminate()
}

func TestADamagedAgreementDoesNotTakeTheOthersWithIt(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(demo.Generate(23, 100)...)))
	if err != nil || a.status != http.StatusAccepted {
		t.Fatalf("got %d %s, %v, want 202", a.status, a.body, err)
	}
	versions := len(c.versionsIn("agency-siem", gsp))
	c.terminate()
	backup := filepath.Join(t.TempDir(), "backup")
	wantOutcome(t, once(t, nil, "backup", "--data", data, "--to", backup), 0)
	path := filepath.Join(data, gspFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 3*16<<10); err != nil {
		t.Fatal(err)
	}
	c = start(t, nil, serveArgs(data, "--plain-http")...)
	c.said("agreement not available")
	c.serving()
	if a, err := c.ask("agency-siem", http.MethodGet, gsp+"objects/", nil); err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("the damaged agreement: got %d %s, %v, want 503 with Retry-After", a.status, a.body, err)
	}
	// By its alias it is the same.
	if a, err := c.ask("agency-siem", http.MethodGet, "/nicp/collections/gsp/objects/", nil); err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("the damaged agreement by its alias: got %d %s, %v, want 503", a.status, a.body, err)
	}
	var list struct {
		Collections []struct{ ID string }
	}
	c.get("root", "/nicp/collections/", &list)
	if c.get("agency-siem", "/nicp/collections/", &list); len(list.Collections) == 0 {
		t.Error("the other agreement is not listed")
	}
	wantOutcome(t, once(t, nil, "check", "--data", data), 1, "agreement gsp: FAULT", "agreement members: sound")
	c.terminate()

	wantOutcome(t, once(t, nil, "check", "--data", data, "--agreement", "gsp", "--rebuild"), 1, "backup")
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", data, "--agreement", "gsp"), 0, "agreement gsp: restored", "before-restore", "faults: 0")

	// Now damage that a rebuild repairs: a wrong index.
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, once(t, nil, "check", "--data", data, "--rebuild"), 0, "agreement gsp: made again", "agreement gsp: sound")
	c = start(t, nil, serveArgs(data, "--plain-http")...).serving()
	if got := len(c.versionsIn("agency-siem", gsp)); got != versions {
		t.Errorf("got %d versions, want %d", got, versions)
	}
	c.terminate()
}

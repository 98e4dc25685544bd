package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryCommandHasAManualPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	o := once(t, nil, "man", dir)
	if o.code != exitOK {
		t.Fatalf("got %d %s", o.code, o.stderr)
	}
	for _, name := range []string{"accord", "accord-serve", "accord-agreement-renew", "accord-backup", "accord-audit-verify"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".1"))
		if err != nil || !strings.Contains(string(text), ".SH DESCRIPTION") {
			t.Errorf("%s: got %.100q, %v, want a manual page", name, text, err)
		}
	}
	man, err := exec.LookPath("man")
	if err != nil {
		return
	}
	out, err := exec.Command(man, "--warnings", "-l", filepath.Join(dir, "accord-serve.1")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "warning:") {
		t.Errorf("man says %v: %.500s", err, out)
	}
}

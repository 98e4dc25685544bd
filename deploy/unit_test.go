package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// systemd reads every unit without a word. The program and its manual page are not installed here, so others stand in for them.
func TestSystemdReadsItsUnits(t *testing.T) {
	program(t, "systemd-analyze")
	var files []string
	for _, pattern := range []string{"*.service", "*.timer"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: got %v, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	dir := t.TempDir()
	var units []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = regexp.MustCompile(`(?m)^Documentation=.*$`).ReplaceAll(text, nil)
		text = regexp.MustCompile(`(?m)^(ExecStart=)/usr/local/bin/accord`).ReplaceAll(text, []byte("${1}/bin/true"))
		unit := filepath.Join(dir, name)
		if err := os.WriteFile(unit, text, 0o644); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	out, err := exec.Command("systemd-analyze", append([]string{"verify"}, units...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

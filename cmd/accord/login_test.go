package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// A profile has a token and never the password, only its owner can read it, and flags beat the environment, which beats it.
func TestAProfileIsALogin(t *testing.T) {
	s := accordtest.New(t)
	home := t.TempDir()
	command := func(vars map[string]string, args ...string) (code int, out string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code = run(context.Background(), args, &env{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now,
			getenv: func(name string) string {
				if name == "XDG_CONFIG_HOME" {
					return home
				}
				return vars[name]
			},
		})
		return code, stdout.String() + stderr.String()
	}
	file := filepath.Join(home, "accord", "work.json")
	password := map[string]string{"ACCORD_PASSWORD": accordtest.Password(accordtest.Operator)}
	if code, out := command(map[string]string{"ACCORD_PASSWORD": "wrong"}, "login", "work", "--url", s.URL, "--user", accordtest.Operator); code != exitFailed {
		t.Errorf("a wrong password: got %d %s", code, out)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a wrong password: the profile is there (%v)", err)
	}
	if code, out := command(password, "login", "work", "--url", s.URL, "--user", accordtest.Operator); code != exitOK || strings.Contains(out, accordtest.Password(accordtest.Operator)) {
		t.Fatalf("login: got %d %s", code, out)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), accordtest.Password(accordtest.Operator)) || !strings.Contains(string(text), `"token"`) {
		t.Errorf("the profile: got %s, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the profile's mode: got %v, %v", info.Mode(), err)
	}
	profile := map[string]string{"ACCORD_PROFILE": "work"}
	for what, row := range map[string]struct {
		vars map[string]string
		args []string
		code int
		says string
	}{
		"the profile by a flag":          {nil, []string{"--profile", "work"}, exitOK, accordtest.Programme},
		"the profile by the environment": {profile, nil, exitOK, accordtest.Programme},
		"another profile":                {nil, []string{"--profile", "other"}, exitUsage, "accord login other"},
		"a flag beats the profile":       {profile, []string{"--url", "http://127.0.0.1:1/"}, exitFailed, "127.0.0.1:1"},
		"the environment beats it":       {map[string]string{"ACCORD_PROFILE": "work", "ACCORD_URL": "http://127.0.0.1:1/"}, nil, exitFailed, "127.0.0.1:1"},
		"a folder and a URL":             {nil, []string{"--data", home, "--url", s.URL}, exitUsage, "--data and --url"},
		"nothing":                        {nil, nil, exitUsage, "nothing says where to work"},
	} {
		if code, out := command(row.vars, append([]string{"agreement", "list"}, row.args...)...); code != row.code || !strings.Contains(out, row.says) {
			t.Errorf("%s: got %d %s, want %d and %q", what, code, out, row.code, row.says)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out := command(profile, "agreement", "list"); code != exitUsage || !strings.Contains(out, "0644") {
		t.Errorf("a profile that others can read: got %d %s", code, out)
	}
	// Another account has no right to draw a token: its profile keeps none, and still leads to the server.
	vendor := map[string]string{"ACCORD_PASSWORD": accordtest.Password(accordtest.Vendor)}
	if code, out := command(vendor, "login", "vendor", "--url", s.URL, "--user", accordtest.Vendor); code != exitOK || !strings.Contains(out, "has no token") {
		t.Errorf("another account's login: got %d %s", code, out)
	}
	if code, out := command(vendor, "agreement", "list", "--profile", "vendor"); code != exitOK || !strings.Contains(out, accordtest.Programme) {
		t.Errorf("another account's profile: got %d %s", code, out)
	}
}

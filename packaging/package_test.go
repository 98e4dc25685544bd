package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackageKeepsItsData installs the deb, makes an exchange in the data folder, goes through the drill with the installed program,
// upgrades it on the way, removes and purges it: what is in the data folder stays as it is. It builds the program and nfpm, so it runs for make packages-test alone.
func TestPackageKeepsItsData(t *testing.T) {
	if os.Getenv("ACCORD_PACKAGES") == "" {
		t.Skip("SKIPPED: it builds packages; make packages-test runs it")
	}
	if _, err := exec.LookPath("dpkg"); err != nil || os.Getuid() != 0 {
		t.Skip("SKIPPED: it needs dpkg, and root")
	}
	root := t.TempDir()
	for _, dir := range []string{"etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "usr", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"var/lib/dpkg/status": "", "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/shadow": "root:*::::::\n", "etc/gshadow": "root:*::\n", "etc/login.defs": ""} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	do := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "ROOT_PW=a-password-for-root")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	dpkg := func(args ...string) string {
		t.Helper()
		return do("dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends"}, args...)...)
	}
	packages := t.TempDir()
	arch := strings.TrimSpace(do("dpkg", "--print-architecture"))
	if _, err := os.Stat("../release/accord-linux-" + arch); err != nil {
		do("make", "release", "RELEASES=linux/"+arch, "ARCHES="+arch, "VERSION=0.0.1")
	}
	deb := func(version string) string {
		t.Helper()
		do("make", "packages", "VERSION="+version, "ARCHES="+arch)
		made := "../release/accord_" + version + "_" + arch + ".deb"
		kept := filepath.Join(packages, filepath.Base(made))
		if err := os.Rename(made, kept); err != nil {
			t.Fatal(err)
		}
		return kept
	}
	one, two := deb("0.0.1"), deb("0.0.2")

	dpkg("-i", one)
	data := filepath.Join(root, "var/lib/accord")
	program := filepath.Join(root, "usr/bin/accord")
	for name, mode := range map[string]os.FileMode{"usr/bin/accord": 0o755, "var/lib/accord": 0o700, "etc/default/accord": 0o640, "usr/lib/systemd/system/accord.service": 0o644,
		"usr/share/man/man1/accord-serve.1.gz": 0o644, "usr/share/bash-completion/completions/accord": 0o644, "usr/share/doc/accord/examples/exchange.yaml": 0o644, "usr/share/doc/accord/THIRD-PARTY-NOTICES.txt": 0o644} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want %v", name, info, err, mode)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "etc/passwd")); err != nil || !strings.Contains(string(text), "\naccord:") {
		t.Errorf("users: %s, %v", text, err)
	}
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/accord.service"))
	if err != nil || !strings.Contains(string(unit), "User=accord") || strings.Contains(string(unit), "DynamicUser") || !strings.Contains(string(unit), "$ACCORD_FLAGS") {
		t.Errorf("the unit: %v\n%s", err, unit)
	}

	exchange := filepath.Join(packages, "exchange.yaml")
	if err := os.WriteFile(exchange, []byte("accounts: [{name: root, operator: true, password_env: ROOT_PW}]\napi_roots: [{name: r}]\nparties: [{name: p}]\nagreements: [{name: a, api_root: r, parties: [{party: p, roles: [producer]}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(program, "apply", "-f", exchange, "--data", data)
	before := do("sh", "-c", "cd "+data+" && find . -type f | sort | xargs sha256sum && stat -c '%n %a %u' . *")
	configured := filepath.Join(root, "etc/default/accord")
	if err := os.WriteFile(configured, []byte("ACCORD_FLAGS=\"--listen :7443\"\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		if now := do("sh", "-c", "cd "+data+" && find . -type f | sort | xargs sha256sum && stat -c '%n %a %u' . *"); now != before {
			t.Errorf("%s the data folder is another:\n%s\nwas:\n%s", when, now, before)
		}
	}
	t.Run("installed", func(t *testing.T) { // scripts run side by side, and end with the group that they are in
		runDrill(t, program, func() { dpkg("--force-confdef", "--force-confold", "-i", two) })
	})
	same("after the upgrade")
	if out := do("dpkg", "--root="+root, "-s", "accord"); !strings.Contains(out, "Version: 0.0.2") {
		t.Errorf("the drill did not upgrade the package: %s", out)
	}
	if text, err := os.ReadFile(configured); err != nil || !strings.Contains(string(text), ":7443") {
		t.Errorf("the configuration after the upgrade: %s, %v", text, err)
	}
	if out := do(program, "agreement", "list", "--data", data); !strings.Contains(out, "a ") {
		t.Errorf("the new program shows %s", out)
	}
	before = do("sh", "-c", "cd "+data+" && find . -type f | sort | xargs sha256sum && stat -c '%n %a %u' . *")
	dpkg("-r", "accord")
	same("after removing")
	if _, err := os.Stat(program); err == nil {
		t.Error("the program is still there")
	}
	if out := dpkg("-P", "accord"); !strings.Contains(out, "is kept") {
		t.Errorf("purging says %s", out)
	}
	same("after purging")
}

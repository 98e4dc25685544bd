package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// The same sources give the same bytes, wherever they lie: who doubts a release builds it again.
func TestABuildIsReproducible(t *testing.T) {
	if os.Getenv("ACCORD_LONG") == "" {
		t.Skip("it links the program twice: make check runs it (ACCORD_LONG=1)")
	}
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	copySources(t, here, elsewhere)
	var programs [2][]byte
	for i, dir := range []string{here, elsewhere} {
		out := filepath.Join(t.TempDir(), "accord")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./cmd/accord")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build in %s: %v\n%s", dir, err, text)
		}
		if programs[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(programs[0], programs[1]) {
		t.Error("the program built in two folders differs, want the same bytes")
	}
}

// copySources copies what the program is built from.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"cmd", "internal", "schemas", "stix", "store", "taxii"} {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheNoticesNameEveryModuleWithItsLicence(t *testing.T) {
	var text bytes.Buffer
	if err := write(&text, "../../cmd/accord"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Go standard library\n\n--- LICENSE", "go.etcd.io/bbolt v", "golang.org/x/mod v"} {
		if !bytes.Contains(text.Bytes(), []byte(want)) {
			t.Errorf("the notices lack %q", want)
		}
	}
	if bytes.Contains(text.Bytes(), []byte("honnef.co/")) {
		t.Error("the notices name staticcheck, which is not linked")
	}
}

// The image is built with the Go release that go.mod names.
func TestTheImageIsBuiltWithTheToolchainOfTheModule(t *testing.T) {
	find := func(file, pattern string) string {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s: nothing matches %s", file, pattern)
		}
		return string(found[1])
	}
	want := find("go.mod", `(?m)^toolchain go(\S+)$`)
	if got := find("deploy/Dockerfile", `(?m)^ARG GO_IMAGE=golang:(\S+)$`); got != want {
		t.Errorf("deploy/Dockerfile: got Go %s, want %s, which go.mod names", got, want)
	}
}

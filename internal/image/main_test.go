package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// unpack reads a tar file.
func unpack(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// The image is read as an engine reads it, from its index down, and what is in its layer runs.
func TestTheImageHoldsAProgramThatRuns(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable() // any program will do
	if err != nil {
		t.Fatal(err)
	}
	notices := filepath.Join(dir, "notices")
	if err := os.WriteFile(notices, []byte("licences"), 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := filepath.Join(dir, "one.tar"), filepath.Join(dir, "two.tar")
	for _, out := range []string{one, two} {
		if err := build(self, notices, runtime.GOARCH, "1.2.3", out); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(one)
	again, errAgain := os.ReadFile(two)
	if err != nil || errAgain != nil || !bytes.Equal(text, again) {
		t.Errorf("two images of the same program differ: %v, %v", err, errAgain)
	}
	files := unpack(t, text)
	var at struct{ Manifests, Layers []descriptor }
	read := func(name string, v any) {
		t.Helper()
		if err := json.Unmarshal(files[name], v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	blob := func(d descriptor) string {
		t.Helper()
		name := "blobs/" + strings.ReplaceAll(d.Digest, ":", "/")
		sum := sha256.Sum256(files[name])
		if len(files[name]) != d.Size || "sha256:"+hex.EncodeToString(sum[:]) != d.Digest {
			t.Fatalf("the blob %s is not what its descriptor says", name)
		}
		return name
	}
	read("index.json", &at)
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	read(blob(at.Manifests[0]), &manifest)
	var config struct {
		Architecture string
		Config       struct {
			User       string
			Entrypoint []string
		}
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	read(blob(manifest.Config), &config)
	if config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/accord" || config.Architecture != runtime.GOARCH || config.Rootfs.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Errorf("config %+v", config)
	}
	layer := unpack(t, files[blob(manifest.Layers[0])])
	program := filepath.Join(dir, "accord")
	if err := os.WriteFile(program, layer["accord"], 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "-test.list", "TestTheImage").CombinedOutput(); err != nil || !strings.Contains(string(out), "TestTheImageHoldsAProgramThatRuns") {
		t.Errorf("the program in the layer: %v\n%s", err, out)
	}
	if _, there := layer["data/"]; !there || string(layer["THIRD-PARTY-NOTICES.txt"]) != "licences" {
		t.Error("the layer lacks the data folder or the licences")
	}
}

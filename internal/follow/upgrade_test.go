package follow_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// The folder in testdata was written by the program of commit 18eb1b9, before objects had owners: two agreements, a release, and
// members that added versions to each other's objects. The heads are those that it stated.
var oldHeads = map[agreement.Name]struct {
	size int64
	root string
}{
	"source": {10, "oEr8HhNHa5TcK1ozu+XTKxrdMJ+fOCjYlNIy4rqLsPY="},
	"target": {10, "GsPMTNWH+MJHnt13ByBanwM4p4jUFXXRwRi88t3qUvg="},
}

// oldFolder unpacks the folder of the earlier program.
func oldFolder(t *testing.T) string {
	t.Helper()
	f, err := os.Open("testdata/folder-before-owners.tar.gz")
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return filepath.Join(dir, "data")
		}
		must(t, err)
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			must(t, os.MkdirAll(name, 0o700))
			continue
		}
		text, err := io.ReadAll(r)
		must(t, err)
		must(t, os.WriteFile(name, text, 0o600))
	}
}

// upgraded checks a folder of the earlier program once it has been opened and its release is up to date.
func upgraded(t *testing.T, dir string) {
	t.Helper()
	x := open(t, dir) // the end of the test checks each file
	for name, head := range oldHeads {
		root, err := tlog.TreeHash(head.size, x.col(name).Hashes())
		if err != nil || root.String() != head.root {
			t.Errorf("%s: the first %d entries have the root %s, %v, want %s", name, head.size, root, err, head.root)
		}
	}
	x.settle()
	x.want("source", "a@1", "ab@1", "ac@1", "ad@1", "b@1", "b@2", "c@1", "d@1", "d@2")
	x.want("target", "a@1", "ab@1", "b@1", "b@2", "mine@1")
	x.add("source", object("campaign", "a", 3, "green")) // its owner goes on
	x.settle()
	x.want("target", "a@1", "a@3", "ab@1", "b@1", "b@2", "mine@1")
	must(t, x.store.Close())
	x = open(t, dir)
	for _, name := range []agreement.Name{"source", "target"} {
		faults, err := x.col(name).Check(context.Background())
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v, %v", name, faults, err)
		}
	}
}

func TestAnEarlierFolderIsUpgraded(t *testing.T) { upgraded(t, oldFolder(t)) }

// An upgrade that is killed at any instant is made again, and ends the same.
func TestAnUpgradeThatIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills children")
	}
	self, err := os.Executable()
	must(t, err)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 18))
	killed := 0
	for range 10 {
		dir := oldFolder(t)
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childFolder+"="+dir)
		must(t, cmd.Start())
		wait := time.NewTimer(time.Duration(r.IntN(60_000)) * time.Microsecond)
		<-wait.C
		cmd.Process.Kill()
		if err := cmd.Wait(); err != nil {
			if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
				t.Fatalf("the child failed: %v", err)
			}
			killed++
		}
		upgraded(t, dir)
	}
	t.Logf("killed %d times", killed)
}

// A folder that is only read is not upgraded: an older program can go on with it.
func TestReadingUpgradesNothing(t *testing.T) {
	dir := oldFolder(t)
	files, err := filepath.Glob(filepath.Join(dir, "agreements", "*.db"))
	must(t, err)
	before := map[string][]byte{}
	for _, name := range files {
		before[name], err = os.ReadFile(name)
		must(t, err)
	}
	if s, err := store.Open(dir, store.Options{ReadOnly: true}); err == nil {
		must(t, s.Close())
	}
	for _, name := range files {
		after, err := os.ReadFile(name)
		must(t, err)
		if string(after) != string(before[name]) {
			t.Errorf("%s was changed by reading", filepath.Base(name))
		}
	}
}

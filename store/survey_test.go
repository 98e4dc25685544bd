package store

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestASurveyNamesFilesThatAreNotAsTheyShouldBe(t *testing.T) {
	dir, file, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	list, err := s.Survey()
	if err != nil || len(list) != 0 {
		t.Fatalf("an intact folder: got %+v, %v", list, err)
	}
	stray := filepath.Join(dir, agreementsName, "0e7c2f0c-0f2b-4d3a-9a8e-2b8f0f5f2d11.db")
	for _, path := range []string{stray, file + ".before-restore-20260101T000000.000Z"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	want := map[string]FileFaultKind{
		agreementsName + "/" + filepath.Base(stray):                                         Unlisted,
		agreementsName + "/" + filepath.Base(file):                                          WrongMode,
		agreementsName + "/" + filepath.Base(file) + ".before-restore-20260101T000000.000Z": Leftover,
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(filepath.Join(dir, registryName), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		want[registryName] = WrongOwner
	}
	if list, err = s.Survey(); err != nil {
		t.Fatal(err)
	}
	for _, fault := range list {
		if kind, ok := want[fault.File]; !ok || kind != fault.Kind {
			t.Errorf("got %+v, want %v", fault, want)
		}
		delete(want, fault.File)
	}
	if len(want) != 0 {
		t.Errorf("not found: %v", want)
	}
}

// Root works on the folder of a server that runs as another user: what it makes is that user's.
func TestFilesThatRootMakesAreTheOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can act for another user")
	}
	const user = 65534
	dir, _, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	backup := received(t, s, nil)
	s.Close()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, filepath.Join(dir, "second-name")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	wantOwner := func(after string) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if name := d.Name(); name != "second-name" && name != "link" && info.Sys().(*syscall.Stat_t).Uid != user {
				t.Errorf("%s: %s belongs to root", after, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(outside); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s: a file outside was given away", after)
		}
	}
	s = openFolder(t, dir, Options{})
	if _, err := s.Keys("ti.example.org"); err != nil {
		t.Fatal(err)
	}
	create(t, s, draft("third", "nicp", ""))
	if err := s.CheckAll(context.Background(), nil, func(Checked) {}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	wantOwner("a command")
	if err := RebuildFolder(context.Background(), dir, nil, func(Rebuilt) {}); err != nil {
		t.Fatal(err)
	}
	wantOwner("a rebuild")
	if _, _, err := RestoreAgreement(context.Background(), backup, dir, "gsp", nil); err != nil {
		t.Fatal(err)
	}
	wantOwner("a restore of an agreement")
	if _, _, err := RestoreRegistry(context.Background(), backup, dir, nil); err != nil {
		t.Fatal(err)
	}
	wantOwner("a restore of accord.db")
}

func TestBackupsAndChecksAreRecorded(t *testing.T) {
	dir, _, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	if u, err := s.Upkeep(); err != nil || u != (Upkeep{}) {
		t.Errorf("before: got %+v, %v", u, err)
	}
	backup := received(t, s, nil)
	if err := s.Backup(context.Background(), io.Discard, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckAll(context.Background(), nil, func(Checked) {}); err != nil {
		t.Fatal(err)
	}
	u, err := s.Upkeep()
	if err != nil || u.Backup == nil || u.Backup.Bytes == 0 || u.Check == nil || u.Check.Faults != 0 {
		t.Errorf("got %+v, %v, want both", u, err)
	}
	wantIntact(t, backup)
	if _, err := os.Stat(filepath.Join(backup, upkeepName)); !os.IsNotExist(err) {
		t.Errorf("a check wrote into a backup: %v", err)
	}
}

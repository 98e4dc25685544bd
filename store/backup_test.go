package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
)

// received backs a store up into a new folder.
func received(t *testing.T, s *Store, d Deliveries) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.Backup(context.Background(), w, d)) }()
	if _, err := ReceiveBackup(context.Background(), r, dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wantIntact checks a whole folder, fails the test if it has faults, and returns the result for each agreement.
func wantIntact(t *testing.T, dir string) map[string]Checked {
	t.Helper()
	s, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := map[string]Checked{}
	err = s.CheckAll(context.Background(), nil, func(c Checked) {
		found[c.Name] = c
		for _, fault := range c.Faults {
			t.Errorf("%s: %s", c.Name, fault)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A backup shows one moment: no follower is ahead of what it follows, however many writers there are.
func TestABackupShowsOneMomentWhileOthersWrite(t *testing.T) {
	s := openFolder(t, filepath.Join(t.TempDir(), "data"), Options{})
	source, target := create(t, s, draft("zsource", "nicp", "")), create(t, s, draft("atarget", "nicp", ""))
	d := delivery.Open(s.AgreementsDir(), delivery.Options{})
	defer d.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var done atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			mustAppend(t, source, additions(t, address(testID("url", n), "v"))...)
			stats, err := source.Stats()
			if err != nil {
				t.Error(err)
				return
			}
			_, err = target.Append(context.Background(), Batch{Actor: vendor,
				Changes:  additions(t, address(testID("url", n), "v")),
				Follower: &FollowerUpdate{Name: ReleaseFollower(source.ID()), Turn: uint64(n), Position: stats.Entries}})
			if err != nil {
				t.Error(err)
				return
			}
			b, err := d.Begin(ctx, delivery.Delivery{Collection: target.ID(), Account: "a", Party: "p", At: time.Now()})
			if err != nil {
				t.Error(err)
				return
			}
			b.End(true)
			done.Add(1)
		}
	})
	var newest uint64
	for i := range 5 {
		for before := done.Load(); done.Load() < before+5; {
		}
		dir := received(t, s, d.Snapshot)
		found := wantIntact(t, dir)
		if n := found["zsource"].Versions; n <= newest {
			t.Errorf("backup %d: got %d versions, want more than the %d of the one before", i, n, newest)
		} else {
			newest = n
		}
		restored := filepath.Join(t.TempDir(), "restored")
		if _, err := Restore(context.Background(), dir, restored, nil, nil); err != nil {
			t.Fatal(err)
		}
		wantIntact(t, restored)
	}
	cancel()
	all.Wait()
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// filledFolder returns a closed folder with two agreements, and the number of entries in gsp.
func filledFolder(t *testing.T) (dir, file string, entries uint64) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := openFolder(t, dir, Options{})
	change(t, s, RegistryChange{Server: &Server{Title: "Example exchange"}}, RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "Vendor"}})
	col := create(t, s, draft("gsp", "nicp", ""))
	create(t, s, draft("other", "nicp", ""))
	for n := range 40 {
		mustAppend(t, col, additions(t, malware(testID("malware", n), "2.1", "2024-01-01T00:00:00Z", ""), address(testID("url", n), strings.Repeat("v", 500)))...)
	}
	mustAppend(t, col, Change{Remove: &Removal{ID: testID("url", 3)}})
	stats, err := col.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, agreementsName, col.ID().String()+".db"), stats.Entries
}

func TestABackupThatIsNotWholeIsRefused(t *testing.T) {
	dir, file, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	var stream bytes.Buffer
	if err := s.Backup(context.Background(), &stream, nil); err != nil {
		t.Fatal(err)
	}
	backup := received(t, s, nil)
	s.Close()

	for _, share := range []int{0, 10, 50, 90, 99} {
		into := filepath.Join(t.TempDir(), "backup")
		_, err := ReceiveBackup(context.Background(), bytes.NewReader(stream.Bytes()[:stream.Len()/100*share]), into, nil)
		if _, stat := os.Stat(into); err == nil || !os.IsNotExist(stat) {
			t.Errorf("%d %% of a backup: got %v, and the folder %v, want an error and no folder", share, err, stat)
		}
	}
	if _, err := ReceiveBackup(context.Background(), bytes.NewReader(stream.Bytes()), backup, nil); !errors.Is(err, ErrExists) {
		t.Errorf("over another backup: got %v, want ErrExists", err)
	}

	name := filepath.Join(backup, agreementsName, filepath.Base(file))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "restored")
	_, err = Restore(context.Background(), backup, into, nil, nil)
	if _, stat := os.Stat(into); err == nil || !strings.Contains(err.Error(), filepath.Base(file)) || !os.IsNotExist(stat) {
		t.Errorf("restoring a backup with a flipped bit: got %v, and the folder %v, want an error that names the file, and no folder", err, stat)
	}
	if _, err := Restore(context.Background(), dir, into, nil, nil); err == nil || !strings.Contains(err.Error(), "no backup") {
		t.Errorf("restoring what is no backup: got %v", err)
	}
}

func TestOneAgreementComesBackFromABackup(t *testing.T) {
	dir, file, entries := filledFolder(t)
	s := openFolder(t, dir, Options{})
	backup := received(t, s, nil)
	s.Close()
	if err := os.WriteFile(file, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, kept, err := RestoreAgreement(context.Background(), backup, dir, "gsp", nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "no database" {
		t.Errorf("the file as it was: got %q, %v, want it kept", text, err)
	}
	if got := wantIntact(t, dir)["gsp"].Entries; got != entries {
		t.Errorf("got %d entries, want %d", got, entries)
	}
	if _, _, err := RestoreAgreement(context.Background(), backup, dir, "unknown", nil); err == nil {
		t.Error("restored an agreement that is not listed")
	}
}

// Each page of a file is damaged in turn. A rebuild repairs the agreement, or reports that it must be restored from a
// backup and changes nothing; it never loses an entry silently.
func TestARebuildMendsWhatCanBeMended(t *testing.T) {
	dir, file, entries := filledFolder(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mended, refused := 0, 0
	for at := 2 * pageSize; at < len(whole); at += pageSize { // the first two pages are the meta pages
		if !bytes.ContainsFunc(whole[at:at+pageSize], func(r rune) bool { return r != 0 }) {
			continue
		}
		harmed := bytes.Clone(whole)
		for i := at; i < at+pageSize; i++ {
			harmed[i] ^= 0x55
		}
		if err := os.WriteFile(file, harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		var done []Rebuilt
		err := RebuildFolder(context.Background(), dir, []agreement.Name{"gsp"}, func(r Rebuilt) { done = append(done, r) })
		if err != nil {
			refused++
			if got, _ := os.ReadFile(file); !bytes.Equal(got, harmed) || !strings.Contains(err.Error(), "gsp") {
				t.Errorf("page %d: refused with %v, but the file was changed", at/pageSize, err)
			}
			continue
		}
		mended++
		if len(done) != 1 {
			t.Fatalf("page %d: got %v, want one agreement rebuilt", at/pageSize, done)
		}
		if got := wantIntact(t, dir)["gsp"]; got.Entries != entries || got.Versions != 79 {
			t.Errorf("page %d: got %+v, want %d entries and 79 versions", at/pageSize, got, entries)
		}
		os.Remove(done[0].Kept)
	}
	t.Logf("%d pages mended, %d must come from a backup", mended, refused)
	if mended == 0 || refused == 0 {
		t.Errorf("got %d mended and %d refused, want some of each", mended, refused)
	}
}

func TestACheckOfTheFolderSaysWhatIsWrong(t *testing.T) {
	dir, file, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	a, _ := s.Collection("gsp")
	b, _ := s.Collection("other")
	_, err := b.Append(context.Background(), Batch{Actor: vendor, Changes: additions(t, address(testID("url", 1), "v")),
		Follower: &FollowerUpdate{Name: ReleaseFollower(a.ID()), Position: 1_000_000}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := s.CheckAll(context.Background(), nil, func(c Checked) { got[c.Name] = fmt.Sprint(c.Faults) }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got["other"], "has come to entry 1000000") || got["gsp"] != "[]" || got[registryName] != "[]" {
		t.Errorf("got %v, want a fault of other alone", got)
	}
	if err := s.CheckAll(context.Background(), []agreement.Name{"unknown"}, func(Checked) {}); err == nil {
		t.Error("checked an agreement that does not exist")
	}
	s.Close()
	if err := os.Truncate(file, 5000); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, Options{})
	if err := s.CheckAll(context.Background(), nil, func(c Checked) { got[c.Name] = fmt.Sprint(c.Faults) }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got["gsp"], filepath.Base(file)) {
		t.Errorf("got %q for a file that was cut, want a fault that names it", got["gsp"])
	}
}

// An existing folder may be a mounted volume whose parent must not be written to.
func TestAnEmptyFolderIsFilledWhereItIs(t *testing.T) {
	dir, _, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	var stream bytes.Buffer
	if err := s.Backup(context.Background(), &stream, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	parent := t.TempDir()
	backup, restored := filepath.Join(parent, "backup"), filepath.Join(parent, "restored")
	inode := func(path string) os.FileInfo {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	for _, path := range []string{backup, restored} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	before := inode(restored)
	if _, err := ReceiveBackup(context.Background(), bytes.NewReader(stream.Bytes()[:stream.Len()/2]), backup, nil); err == nil {
		t.Fatal("half a backup was taken")
	}
	if left, err := os.ReadDir(backup); err != nil || len(left) != 0 {
		t.Errorf("half a backup: got %v, %v, want nothing left of it", left, err)
	}
	if _, err := ReceiveBackup(context.Background(), bytes.NewReader(stream.Bytes()), backup, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(context.Background(), backup, restored, nil, nil); err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, inode(restored)) {
		t.Error("the folder is another one than before")
	}
	for _, path := range []string{backup, restored} {
		entries, err := os.ReadDir(path)
		for _, e := range entries {
			if e.Name()[0] == '.' {
				t.Errorf("%s is left in %s", e.Name(), path)
			}
		}
		if err != nil {
			t.Error(err)
		}
		wantIntact(t, path)
	}
	if around, err := os.ReadDir(parent); err != nil || len(around) != 2 {
		t.Errorf("around it: got %v, %v, want nothing else", around, err)
	}
}

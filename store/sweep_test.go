package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
	bolt "go.etcd.io/bbolt"
)

// filesWith counts the files below a folder in which one of some texts is.
func filesWith(t *testing.T, dir string, texts []string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n := 0
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				n++
			}
		}
		if n > 0 {
			found = append(found, fmt.Sprintf("%s: %d of %d", filepath.Base(path), n, len(texts)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// deleteSome adds objects and deletes most of them. It returns texts of those that were deleted.
func deleteSome(t *testing.T, col *Collection) (deleted []string) {
	t.Helper()
	const objects = 300
	for n := 0; n < objects; n += 30 {
		var texts []string
		for i := n; i < n+30; i++ {
			texts = append(texts, address(testID("url", i), fmt.Sprintf("secret-%04d-%s", i, strings.Repeat("x", 100+i%5*3000))))
		}
		mustAppend(t, col, additions(t, texts...)...)
	}
	for n := 0; n < objects; n++ {
		if n%10 == 0 {
			continue
		}
		deleted = append(deleted, fmt.Sprintf("secret-%04d", n))
		mustAppend(t, col, Change{Remove: &Removal{ID: stix.ID(testID("url", n))}})
	}
	return deleted
}

func TestADeletionLeavesNoText(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openFolder(t, dir, Options{})
	deleted := deleteSome(t, create(t, s, draft("gsp", "nicp", "")))
	for _, hash := range []string{"the-first-hash", "the-second-hash"} {
		change(t, s, RegistryChange{Account: &auth.Account{Name: "push", PasswordHash: hash}})
	}
	deleted = append(deleted, "the-first-hash")
	if len(filesWith(t, dir, deleted)) < 2 {
		t.Fatal("what was deleted is in no file: there is nothing to sweep")
	}

	// Not even a backup that is made at once has it, nor what is restored from it.
	backup, restored := received(t, s, nil), filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), backup, restored, nil, nil); err != nil {
		t.Fatal(err)
	}
	wantIntact(t, restored)
	for _, folder := range []string{backup, restored} {
		if found := filesWith(t, folder, deleted); len(found) > 0 {
			t.Errorf("%s: deleted texts in %v", filepath.Base(folder), found)
		}
		if found := filesWith(t, folder, []string{"secret-0010", "the-second-hash"}); len(found) != 2 {
			t.Errorf("%s: what was not deleted is in %v, want two files", filepath.Base(folder), found)
		}
	}

	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, dir, deleted); len(found) > 0 {
		t.Errorf("swept: deleted texts in %v", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantIntact(t, dir)
}

// Closing sweeps, so that commands on a stopped server's folder do.
func TestClosingSweeps(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	deleted := deleteSome(t, create(t, s, draft("gsp", "nicp", "")))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, dir, deleted); len(found) > 0 {
		t.Errorf("deleted texts in %v", found)
	}
}

// A process that ends between a deletion and its sweep, and files of older versions, are swept once they are opened.
func TestAFileThatWasNotSweptIsSweptLater(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	col := create(t, s, draft("gsp", "nicp", ""))
	path := s.collectionPath(Listed{Name: "gsp", Collection: col.ID()})
	deleted := deleteSome(t, col)
	killed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.WriteFile(path, killed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, older := range []bool{false, true} {
		if older { // without a count
			if err := os.WriteFile(path, killed, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete(keySweep) })
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if len(filesWith(t, dir, deleted)) == 0 {
			t.Fatal("there is nothing to sweep")
		}
		s := openFolder(t, dir, Options{})
		if err := s.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if found := filesWith(t, dir, deleted); len(found) > 0 {
			t.Errorf("older version %t: deleted texts in %v", older, found)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantIntact(t, dir)
}

// BenchmarkWhileSweeping is what a sweep costs those who write and read: deletions leave something to sweep.
func BenchmarkWhileSweeping(b *testing.B) {
	for _, sweeping := range []bool{false, true} {
		for _, what := range []string{"append", "page"} {
			b.Run(fmt.Sprintf("%s/sweeping=%v", what, sweeping), func(b *testing.B) {
				col := filled(b, 20_000)
				ctx, cancel := context.WithCancel(b.Context())
				done := make(chan struct{})
				swept := 0
				go func() {
					defer close(done)
					for sweeping && ctx.Err() == nil {
						if col.file.Load().db.Touch() != nil {
							return
						}
						n, _ := col.file.Load().db.Sweep(ctx)
						swept += n
					}
				}()
				for n := 0; b.Loop(); n++ {
					var err error
					if what == "append" {
						_, err = col.Append(b.Context(), Batch{Changes: additions(b, address(testID("url", 1_000_000+n), "x"))})
					} else {
						_, err = col.Page(Query{Limit: 100}, nil)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				cancel()
				<-done
				b.ReportMetric(float64(swept)/b.Elapsed().Seconds(), "pages/s")
			})
		}
	}
}

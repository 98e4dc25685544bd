package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

// servedFolder is a folder with one agreement, of whose objects most were deleted.
func servedFolder(t *testing.T) (*Store, *Collection, string) {
	t.Helper()
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	col := create(t, s, draft("gsp", "nicp", ""))
	deleteSome(t, col)
	return s, col, dir
}

// Files are compacted again and again while others write, read, page and back up: nothing that was acknowledged is lost, nobody
// meets an error, and the file is smaller and sound.
func TestAServedFileIsCompacted(t *testing.T) {
	s, col, dir := servedFolder(t)
	path := col.file.Load().db.Path()
	before := fileSize(t, path)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	var written atomic.Int64
	kept := make([][]Outcome, 4)
	for n := range kept {
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				r, err := col.Append(t.Context(), Batch{Actor: vendor, Changes: additions(t, address(testID("url", 1_000_000*(n+1)+i), fmt.Sprint("kept ", n, i)))})
				if err != nil {
					t.Errorf("write: %v", err)
					return
				}
				kept[n] = append(kept[n], r.Outcomes[0])
				written.Add(1)
			}
		})
	}
	work.Go(func() {
		for ctx.Err() == nil {
			if _, _, err := col.Records(Query{Limit: 100}); err != nil {
				t.Errorf("read: %v", err)
				return
			}
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("sweep: %v", err)
				return
			}
		}
	})
	var backup bytes.Buffer
	work.Go(func() {
		for ctx.Err() == nil {
			backup.Reset()
			if err := s.Backup(t.Context(), &backup, nil); err != nil {
				t.Errorf("back up: %v", err)
				return
			}
		}
	})
	for range 5 {
		done, err := s.Compact(t.Context(), "gsp")
		if err != nil {
			t.Error(err)
			break
		}
		if done.Name != "gsp" || done.Pause == 0 || done.After == 0 || done.Before == 0 {
			t.Errorf("got %+v", done)
		}
		t.Logf("%d KiB to %d KiB, writers waited %v, %d were written", done.Before>>10, done.After>>10, done.Pause, written.Load())
	}
	stop()
	work.Wait()
	for _, outcomes := range kept {
		for _, o := range outcomes {
			if e, _, err := col.Entry(o.Position); err != nil || !e.At.Equal(o.At) {
				t.Fatalf("the entry at %d is %+v, %v, want one of %v", o.Position, e, err, o.At)
			}
		}
	}
	mustBeSound(t, col)
	if after := fileSize(t, path); after >= before*3/4 {
		t.Errorf("the file had %d bytes and has %d", before, after)
	}
	if _, err := os.Stat(path + compactSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
	size, root, err := col.Head()
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	col, _ = openFolder(t, dir, Options{}).Collection("gsp")
	if nowSize, nowRoot, err := col.Head(); err != nil || nowSize != size || nowRoot != root {
		t.Errorf("the head is %d %s, %v, want %d %s", nowSize, nowRoot, err, size, root)
	}
	into := filepath.Join(t.TempDir(), "backup")
	if _, err := ReceiveBackup(t.Context(), &backup, into, nil); err != nil {
		t.Fatal(err)
	}
	col, _ = openFolder(t, into, Options{ReadOnly: true}).Collection("gsp")
	mustBeSound(t, col)
}

// A backup that began before the switch has the file of then.
func TestABackupOfAFileThatIsReplacedIsWhole(t *testing.T) {
	s, col, _ := servedFolder(t)
	m, err := s.moment(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	size, root, err := col.Head()
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, col, additions(t, address(testID("url", 9_000_000), "later"))...)
	if _, err := s.Compact(t.Context(), "gsp"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.files[1].snapshot.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	was, err := openCollection(path, collectionOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer was.close()
	if nowSize, nowRoot, err := was.Head(); err != nil || nowSize != size || nowRoot != root {
		t.Errorf("the copy has the head %d %s, %v, want %d %s", nowSize, nowRoot, err, size, root)
	}
	mustBeSound(t, was)
}

// Whatever a process that is killed leaves after each step of a compaction is opened, is sound and has all that was acknowledged.
func TestACompactionMayBreakOffAtEachStep(t *testing.T) {
	s, col, dir := servedFolder(t)
	type left struct {
		step, dir string
		length    journal.Position
	}
	var all []left
	n := 0
	s.compactStep = func(step string) {
		if !strings.HasPrefix(step, "c") || step == "complete" { // writers wait
			all = append(all, left{step, copyOf(t, dir), all[len(all)-1].length})
			return
		}
		n++
		o := mustAppend(t, col, additions(t, address(testID("url", 9_000_000+n), step))...)
		all = append(all, left{step, copyOf(t, dir), o[0].Position})
	}
	if _, err := s.Compact(t.Context(), "gsp"); err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		copied := openFolder(t, l.dir, Options{})
		col, ok := copied.Collection("gsp")
		if !ok {
			t.Fatalf("%s: %v", l.step, copied.Unavailable())
		}
		mustBeSound(t, col)
		if size, _, err := col.Head(); err != nil || size < uint64(l.length) {
			t.Errorf("%s: the journal has %d entries, %v, want %d", l.step, size, err, l.length)
		}
		if names, _ := filepath.Glob(filepath.Join(l.dir, "agreements", "*"+compactSuffix)); len(names) > 0 {
			t.Errorf("%s: the copy is still there", l.step)
		}
	}
	if len(all) != 6 {
		t.Errorf("there were %d steps", len(all))
	}
}

// copyOf copies the files of a folder as they are.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// What is deleted while a copy is made is in neither file once it was swept.
func TestWhatIsDeletedDuringACompactionIsGone(t *testing.T) {
	s, col, dir := servedFolder(t)
	secret := address(testID("url", 9_000_000), "secret-while-copying")
	mustAppend(t, col, additions(t, secret)...)
	s.compactStep = func(step string) {
		if step == "copied" {
			mustAppend(t, col, Change{Remove: &Removal{ID: testID("url", 9_000_000)}})
		}
	}
	if _, err := s.Compact(t.Context(), "gsp"); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, dir, []string{"secret-while-copying"}); len(found) > 0 {
		t.Errorf("found in %s", found)
	}
}

// Closing a folder ends a compaction, and the file is as it was.
func TestAFolderIsClosedDuringACompaction(t *testing.T) {
	s, _, dir := servedFolder(t)
	closed := make(chan error, 1)
	s.compactStep = func(step string) {
		if step == "copied" {
			go func() { closed <- s.Close() }()
			<-s.cluster.life.Done()
		}
	}
	if _, err := s.Compact(t.Context(), "gsp"); !errors.Is(err, errStoreClosed) {
		t.Errorf("got %v, want that it is closed", err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(t.Context(), "gsp"); !errors.Is(err, errStoreClosed) {
		t.Errorf("afterwards: got %v, want that it is closed", err)
	}
	col, _ := openFolder(t, dir, Options{}).Collection("gsp")
	mustBeSound(t, col)
}

func TestCompactingRefusesWhatIsUnknown(t *testing.T) {
	s, _, _ := servedFolder(t)
	if _, err := s.Compact(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "compact agreement other") {
		t.Errorf("got %v", err)
	}
}

// A file that outgrows what is mapped of it while it is compacted does not wait for that: the compaction gives way, and begins again.
func TestAFileThatGrowsIsNotHeldUp(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: a compaction waits two seconds before it gives way")
	}
	path := filepath.Join(t.TempDir(), "agreement.db")
	id := uuid.New()
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{Mapped: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	deleteSome(t, col)
	var once sync.Once
	grown := make(chan error, 1)
	_, err = col.compactServed(t.Context(), path, func(step string) {
		if step == "copied" {
			once.Do(func() {
				go func() {
					var err error
					for n := range 40 {
						if _, failed := col.Append(context.Background(), Batch{Actor: vendor, Changes: additions(t, address(testID("url", 8_000_000+n), strings.Repeat("y", 1<<20)))}); failed != nil {
							err = failed
						}
					}
					grown <- err
				}()
			})
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-grown; err != nil {
		t.Error(err)
	}
	mustBeSound(t, col)
	if s, err := col.Stats(); err != nil || s.Objects < 40 {
		t.Errorf("got %+v, %v", s, err)
	}
}

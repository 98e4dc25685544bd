package store

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// branch finds a page that leads to others.
func (f *flipped) branch() int {
	f.t.Helper()
	for _, at := range f.roots {
		if page(f.whole[at:]).flags() == branchPage {
			return at
		}
	}
	f.t.Fatal("no bucket has more than a page")
	return 0
}

func number(n uint64) []byte { return binary.NativeEndian.AppendUint64(nil, n) }

func TestPagesThatLeadAstrayAreFoundWhenAFileIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeWorld(t, path, 250)
	f := openFlipped(t, path)
	newest, _, err := newestHead(f.file)
	if err != nil {
		t.Fatal(err)
	}
	branch, list, bottom := f.branch(), int(newest.freelist)*pageSize, f.list
	below := binary.NativeEndian.Uint64(f.whole[branch+pageHeader+8:])
	pages := uint64(len(f.whole) / pageSize)
	for _, row := range []struct {
		name     string
		at       int
		text     []byte
		harmless bool // to who only reads
		want     string
	}{
		{"a page that leads to itself", branch + pageHeader + 8, number(uint64(branch / pageSize)), false, "there is no way down"},
		{"a page that leads twice to the same", branch + pageHeader + pageElement + 8, number(below), false, "two ways lead to page"},
		{"a page that leads to the list of buckets", branch + pageHeader + 8, number(uint64(bottom / pageSize)), false, "two ways lead to page"},
		{"a page that leads to a head", branch + pageHeader + 8, number(1), false, "there is no page 1"},
		{"a page that leads out of the file", branch + pageHeader + 8, number(pages), false, "there is no page"},
		{"a page with the number of another", branch, number(77777), false, "says that it is page 77777"},
		{"a page that reaches out of the file", branch + 12, []byte{0, 0, 0, 1}, false, "reaches to page"},
		{"a page of an unknown kind", bottom + 8, []byte{7}, false, "is not of the kind"},
		{"a page without elements", branch + 10, []byte{0, 0}, false, "leads nowhere"},
		{"a key outside its page", branch + pageHeader, []byte{0, 0, 1, 0}, false, "is not in its place"},
		{"a free page that is in use", list + pageHeader, number(below), true, ""},
		{"a list of free pages that is longer than memory", list + 10, append([]byte{0xff, 0xff, 0, 0, 0, 0}, number(1<<40)...), true, "its list of free pages is none"},
		{"a list of free pages that is longer than its page", list + 10, []byte{0xff, 0x10}, true, "its list of free pages is none"},
		{"a list of free pages that is none", list + 8, []byte{leafPage}, true, "its list of free pages is none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f.write(row.at, row.text...)
			defer f.write(row.at, f.whole[row.at:][:len(row.text)]...)
			for _, readOnly := range []bool{false, true} {
				col, err := openCollection(path, collectionOptions{ReadOnly: readOnly})
				if err == nil {
					defer col.close()
				}
				if readOnly && row.harmless {
					if err != nil {
						t.Errorf("to read: got %v, want no error", err)
						continue
					}
					if faults, err := col.Check(t.Context()); err != nil || !strings.Contains(strings.Join(faults, "\n"), "free pages") {
						t.Errorf("check: got %q, %v, want a fault of the list of free pages", faults, err)
					}
				} else if DiskErrorOf(err) != Damaged || !strings.Contains(err.Error(), row.want) {
					t.Errorf("read-only %t: got %v, want damage: %s", readOnly, err, row.want)
				}
			}
		})
	}
	col, err := openCollection(path, collectionOptions{})
	if err != nil {
		t.Fatalf("mended: %v", err)
	}
	mustBeSound(t, col)
	col.close()
}

// TestHeadsThatAreDamagedWhileOpen: bbolt looks at them with its locks held.
func TestHeadsThatAreDamagedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeWorld(t, path, 3)
	f := openFlipped(t, path)
	newest, _, err := newestHead(f.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		heads []int
	}{
		{"both", []int{0, 1}},
		{"the newest, which would bring back the transaction before", []int{int(newest.transaction % 2)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer f.write(0, f.whole...)
			col, err := openCollection(path, collectionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range row.heads {
				f.write(n*pageSize+headNumber, 0xff)
			}
			for range 2 {
				if _, err := col.Stats(); DiskErrorOf(err) != Damaged {
					t.Errorf("reading: got %v, want damage", err)
				}
				if _, err := col.Append(t.Context(), Batch{Changes: additions(t, toolText(1, 2))}); DiskErrorOf(err) != Damaged {
					t.Errorf("writing: got %v, want damage", err)
				}
			}
			if err := col.close(); err != nil {
				t.Errorf("closing: got %v, want no error", err)
			}
			if _, err := col.Stats(); !errors.Is(err, ErrClosed) {
				t.Errorf("after that: got %v, want %v", err, ErrClosed)
			}
		})
	}
}

// TestAFileThatIsCutOffWhileOpen cuts a file at every page while readers and writers are at it. Each gets an answer, and
// the file can be closed.
func TestAFileThatIsCutOffWhileOpen(t *testing.T) {
	inChild(t, func(path string) { makeWorld(t, path, 250) }, func(path string) {
		stuck := time.AfterFunc(time.Minute, func() { panic("a file that was cut off keeps somebody waiting") })
		defer stuck.Stop()
		f := openFlipped(t, path)
		for size := 0; size < len(f.whole); size += pageSize {
			refused := cutWhileUsed(t, path, int64(size))
			if size <= pageSize && refused == 0 {
				t.Errorf("cut off at %d: nothing was refused", size)
			}
			f.write(0, f.whole...)
		}
	})
}

func cutWhileUsed(t *testing.T, path string, size int64) (refused int) {
	t.Helper()
	col, err := openCollection(path, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	col.db.NoSync = true
	var mu sync.Mutex
	var wg sync.WaitGroup
	// bbolt looks at the heads with its locks held, the instant after they were looked at here: they are cut between two.
	var heads sync.RWMutex
	begun, cut := make(chan struct{}, 6), make(chan struct{})
	try := func(err error) {
		if err != nil {
			mu.Lock()
			refused++
			mu.Unlock()
		}
	}
	for n := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				heads.RLock()
				if n == 0 {
					_, err := col.Append(t.Context(), Batch{Changes: additions(t, toolText(i, 2))})
					try(err)
				} else {
					_, err := col.Page(Query{Limit: 100}, nil)
					try(err)
				}
				heads.RUnlock()
				if i == 3 {
					begun <- struct{}{}
				}
				if i < 20 {
					continue
				}
				select {
				case <-cut:
					return
				default:
				}
			}
		})
	}
	for range 6 {
		<-begun
	}
	if size < 2*pageSize {
		heads.Lock()
		try(os.Truncate(path, size))
		heads.Unlock()
	} else {
		try(os.Truncate(path, size))
	}
	close(cut)
	wg.Wait()
	_, err = col.Stats()
	try(err)
	_, err = col.Page(Query{Limit: 100}, nil)
	try(err)
	if err := col.close(); err != nil {
		t.Errorf("cut off at %d: close: %v", size, err)
	}
	return refused
}

// BenchmarkBegin is what beginning to read costs.
func BenchmarkBegin(b *testing.B) {
	col := filled(b, 1000)
	for _, row := range []struct {
		name string
		view func(func(*bolt.Tx) error) error
	}{{"sound", col.db.View}, {"bbolt", col.db.DB.View}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := row.view(func(*bolt.Tx) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

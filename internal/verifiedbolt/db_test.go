package verifiedbolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const testPageSize = 4096

func testOptions(readOnly bool) *bolt.Options {
	return &bolt.Options{ReadOnly: readOnly, Timeout: time.Second, FreelistType: bolt.FreelistMapType, PageSize: testPageSize}
}

// harmed is a file that a test damages and mends.
type harmed struct {
	t     *testing.T
	path  string
	whole []byte
	file  *os.File
	root  *root // as it is intact
}

// makeFile makes a file with small buckets, a large one and free pages.
func makeFile(t *testing.T, path string) {
	t.Helper()
	db, err := Open(path, testOptions(false))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 3 {
		err := db.Update(func(tx *bolt.Tx) error {
			for n := range 8 {
				b, err := tx.CreateBucketIfNotExists(fmt.Appendf(nil, "small%d", n))
				if err != nil {
					return err
				}
				for k := range 1 + n {
					if err := b.Put(fmt.Appendf(nil, "key%d", k), []byte("value")); err != nil {
						return err
					}
				}
			}
			return fill(tx, 0)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fill writes into the large bucket.
func fill(tx *bolt.Tx, round int) error {
	b, err := tx.CreateBucketIfNotExists([]byte("large"))
	if err != nil {
		return err
	}
	for n := range 120 {
		if err := b.Put(fmt.Appendf(nil, "%06d", n), fmt.Appendf(nil, "%d %s", round, strings.Repeat("x", 100))); err != nil {
			return err
		}
	}
	return nil
}

// read reads everything.
func read(db *DB) error {
	return db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	})
}

func openHarmed(t *testing.T, path string) *harmed {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &harmed{t: t, path: path, whole: whole}
	if h.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.file.Close() })
	db, err := Open(path, testOptions(true))
	if err != nil {
		t.Fatal(err)
	}
	h.root = db.root.Load()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harmed) write(at int, b ...byte) {
	h.t.Helper()
	if _, err := h.file.WriteAt(b, int64(at)); err != nil {
		h.t.Fatal(err)
	}
}

// branch finds a page that leads to others.
func (h *harmed) branch() (at int) {
	h.t.Helper()
	h.root.buckets(func(_ string, root uint64) {
		if root > 0 && page(h.whole[root*testPageSize:]).flags() == branchPage {
			at = int(root) * testPageSize
		}
	})
	if at == 0 {
		h.t.Fatal("no bucket has more than a page")
	}
	return at
}

func number(n uint64) []byte { return binary.NativeEndian.AppendUint64(nil, n) }

func TestPagesThatLeadAstrayAreFoundWhenAFileIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeFile(t, path)
	h := openHarmed(t, path)
	newest, _, err := newestMeta(h.file)
	if err != nil {
		t.Fatal(err)
	}
	branch, list, bottom := h.branch(), int(newest.freelist)*testPageSize, int(h.root.id)*testPageSize
	below := binary.NativeEndian.Uint64(h.whole[branch+pageHeader+8:])
	pages := uint64(len(h.whole) / testPageSize)
	for _, row := range []struct {
		name     string
		at       int
		text     []byte
		harmless bool // when reading only
		want     string
	}{
		{"a page that leads to itself", branch + pageHeader + 8, number(uint64(branch / testPageSize)), false, "there is no way down"},
		{"a page that leads twice to the same", branch + pageHeader + pageElement + 8, number(below), false, "two ways lead to page"},
		{"a page that leads to the list of buckets", branch + pageHeader + 8, number(uint64(bottom / testPageSize)), false, "two ways lead to page"},
		{"a page that leads to a meta page", branch + pageHeader + 8, number(1), false, "there is no page 1"},
		{"a page that leads out of the file", branch + pageHeader + 8, number(pages), false, "there is no page"},
		{"a page with the number of another", branch, number(77777), false, "says that it is page 77777"},
		{"a page that reaches out of the file", branch + 12, []byte{0, 0, 0, 1}, false, "reaches to page"},
		{"a page of an unknown kind", bottom + 8, []byte{7}, false, "is not of the kind"},
		{"a page without elements", branch + 10, []byte{0, 0}, false, "leads nowhere"},
		{"a key outside its page", branch + pageHeader, []byte{0, 0, 1, 0}, false, "is not in its place"},
		{"a free page that is in use", list + pageHeader, number(below), true, ""},
		{"a list of free pages that is longer than memory", list + 10, append([]byte{0xff, 0xff, 0, 0, 0, 0}, number(1<<40)...), true, "its list of free pages is not one"},
		{"a list of free pages that is longer than its page", list + 10, []byte{0xff, 0x10}, true, "its list of free pages is not one"},
		{"a list of free pages that is another page", list + 8, []byte{leafPage}, true, "its list of free pages is not one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.write(row.at, row.text...)
			defer h.write(row.at, h.whole[row.at:][:len(row.text)]...)
			for _, readOnly := range []bool{false, true} {
				db, err := Open(path, testOptions(readOnly))
				if err == nil {
					defer db.Close()
				}
				if readOnly && row.harmless {
					if err != nil {
						t.Errorf("to read: got %v, want no error", err)
						continue
					}
					if got := walked(t, db); got.Freelist == nil {
						t.Error("walk: got no damage, want damage of the list of free pages")
					}
				} else if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), row.want) {
					t.Errorf("read-only %t: got %v, want damage: %s", readOnly, err, row.want)
				}
			}
		})
	}
	db, err := Open(path, testOptions(false))
	if err != nil {
		t.Fatalf("mended: %v", err)
	}
	defer db.Close()
	if got := walked(t, db).Faults(); len(got) > 0 {
		t.Errorf("mended: got %v", got)
	}
}

// walked verifies every page.
func walked(t *testing.T, db *DB) (damage Damage) {
	t.Helper()
	err := db.View(func(tx *bolt.Tx) (err error) {
		damage, err = db.Walk(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return damage
}

// One damaged bucket does not hide the others from OpenDamaged.
func TestOpenDamagedTellsWhichBucketIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeFile(t, path)
	h := openHarmed(t, path)
	h.write(h.branch()+10, 0, 0)
	if _, err := Open(path, testOptions(true)); !errors.Is(err, ErrDamaged) {
		t.Errorf("open: got %v, want damage", err)
	}
	db, damage, err := OpenDamaged(path, testOptions(true))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if len(damage.Buckets) != 1 || !errors.Is(damage.Buckets["large"], ErrDamaged) {
		t.Errorf("got %v, want the bucket large alone", damage.Faults())
	}
	err = db.View(func(tx *bolt.Tx) error {
		if v := tx.Bucket([]byte("small3")).Get([]byte("key1")); string(v) != "value" {
			return fmt.Errorf("got %q", v)
		}
		return nil
	})
	if err != nil {
		t.Errorf("read an intact bucket: %v", err)
	}
}

// bbolt reads the meta pages with its locks held.
func TestMetaPagesThatAreDamagedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeFile(t, path)
	h := openHarmed(t, path)
	newest, _, err := newestMeta(h.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		meta []int
	}{
		{"both", []int{0, 1}},
		{"the newest, which would bring back the transaction before", []int{int(newest.transaction % 2)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer h.write(0, h.whole...)
			db, err := Open(path, testOptions(false))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range row.meta {
				h.write(n*testPageSize+metaTransaction, 0xff)
			}
			if faults, err := db.MetaFaults(); err != nil || len(faults) != len(row.meta) {
				t.Errorf("faults: got %v, %v, want %d", faults, err, len(row.meta))
			}
			for range 2 {
				if err := read(db); !errors.Is(err, ErrDamaged) {
					t.Errorf("reading: got %v, want damage", err)
				}
				if err := db.Update(func(tx *bolt.Tx) error { return fill(tx, 1) }); !errors.Is(err, ErrDamaged) {
					t.Errorf("writing: got %v, want damage", err)
				}
			}
			if err := db.Close(); err != nil {
				t.Errorf("closing: got %v, want no error", err)
			}
			if err := read(db); !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
				t.Errorf("after that: got %v, want %v", err, bolterrors.ErrDatabaseNotOpen)
			}
		})
	}
}

// TestSmallBucketsAreVerified points an element of a small bucket outside it. bbolt would turn that into a pointer into
// memory of others.
func TestSmallBucketsAreVerified(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeFile(t, path)
	h := openHarmed(t, path)
	db, err := Open(path, testOptions(true))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var small []int // offsets in the file of the small buckets' pages
	for _, listed := range h.root.pages {
		p := page(listed.used)
		for i := range p.count() {
			if _, key, value := p.leaf(i); binary.NativeEndian.Uint64(value) == 0 && page(value[bucketHeader:]).count() > 0 {
				small = append(small, int(listed.id)*testPageSize+p.end(key)+bucketHeader)
			}
		}
	}
	if len(small) < 5 {
		t.Fatalf("got %d small buckets, want more", len(small))
	}
	for _, at := range small {
		for _, row := range []struct {
			name   string
			offset int // behind the page's start
			value  []byte
		}{
			{"another kind of page", 8, []byte{branchPage, 0}},
			{"more elements than fit", 10, []byte{0xff, 0xff}},
			{"an offset behind the bucket", pageHeader + 4, []byte{0, 0, 1, 0}},
			{"an offset among the elements", pageHeader + 4, []byte{0, 0, 0, 0}},
			{"a key that ends behind the bucket", pageHeader + 8, []byte{0, 0, 1, 0}},
			{"no key", pageHeader + 8, []byte{0, 0, 0, 0}},
			{"a value that ends behind the bucket", pageHeader + 12, []byte{0, 0, 1, 0}},
		} {
			h.write(at+row.offset, row.value...)
			if err := read(db); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, at %d, while it is open: got %v, want damage", row.name, at, err)
			}
			if again, err := Open(path, testOptions(true)); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, at %d, when it is opened: got %v, want damage", row.name, at, err)
				if err == nil {
					again.Close()
				}
			}
			h.write(at+row.offset, h.whole[at+row.offset:][:len(row.value)]...)
			if err := read(db); err != nil {
				t.Fatalf("%s, at %d, mended: %v", row.name, at, err)
			}
		}
	}
}

// childFile names, in a child process, the file that it damages.
const childFile = "ACCORD_TEST_DAMAGE_FILE"

// TestAFileThatIsCutOffWhileOpen cuts a file at every page while it is read and written. Each call returns, and the file
// can be closed. It runs in a child process: a failure can end it.
func TestAFileThatIsCutOffWhileOpen(t *testing.T) {
	path := os.Getenv(childFile)
	if path == "" {
		t.Parallel()
		path = filepath.Join(t.TempDir(), "a.db")
		makeFile(t, path)
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), childFile+"="+path, "GOTRACEBACK=all")
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("the child: %v\n%s", err, out[:min(len(out), 40000)])
		}
		return
	}
	h := openHarmed(t, path)
	for size := 0; size < len(h.whole); size += testPageSize {
		stuck := time.AfterFunc(time.Minute, func() { panic("a call on a file that was cut off does not return") })
		refused := cutWhileUsed(t, path, int64(size))
		for range 10 { // a machine that does other work may be done before the cut
			if size > testPageSize || refused > 0 {
				break
			}
			h.write(0, h.whole...)
			refused = cutWhileUsed(t, path, int64(size))
		}
		if size <= testPageSize && refused == 0 {
			t.Errorf("cut off at %d: nothing was refused", size)
		}
		stuck.Stop()
		h.write(0, h.whole...)
	}
}

func cutWhileUsed(t *testing.T, path string, size int64) (refused int) {
	t.Helper()
	db, err := Open(path, testOptions(false))
	if err != nil {
		t.Fatal(err)
	}
	db.NoSync = true
	var mu sync.Mutex
	var wg sync.WaitGroup
	// A transaction that opens a bucket in the instant of the cut is not promised to return: see the package comment.
	var opening sync.RWMutex
	begun, cut := make(chan struct{}, 6), make(chan struct{})
	try := func(err error) {
		if err != nil {
			mu.Lock()
			refused++
			mu.Unlock()
		}
	}
	use := func(writable bool, round int) error {
		var tx *bolt.Tx
		var large *bolt.Bucket
		open := func() (err error) {
			opening.RLock()
			defer opening.RUnlock()
			if tx, err = db.begin(writable); err == nil {
				large = tx.Bucket([]byte("large"))
			}
			return err
		}
		err := Guard(open)
		if tx != nil {
			defer tx.Rollback()
		}
		if err != nil {
			return err
		}
		return Guard(func() error {
			if writable {
				for n := range 120 {
					if err := large.Put(fmt.Appendf(nil, "%06d", n), fmt.Appendf(nil, "%d %s", round, strings.Repeat("x", 100))); err != nil {
						return err
					}
				}
				return tx.Commit()
			}
			return large.ForEach(func(_, _ []byte) error { return nil })
		})
	}
	for n := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				try(use(n == 0, i))
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
	opening.Lock()
	try(os.Truncate(path, size))
	opening.Unlock()
	close(cut)
	wg.Wait()
	try(read(db))
	if err := db.Close(); err != nil {
		t.Errorf("cut off at %d: close: %v", size, err)
	}
	return refused
}

// BenchmarkBegin is what beginning to read costs.
func BenchmarkBegin(b *testing.B) {
	db, err := Open(filepath.Join(b.TempDir(), "a.db"), testOptions(false))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error { return fill(tx, 0) }); err != nil {
		b.Fatal(err)
	}
	for _, row := range []struct {
		name string
		view func(func(*bolt.Tx) error) error
	}{{"verified", db.View}, {"bbolt", db.DB.View}} {
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

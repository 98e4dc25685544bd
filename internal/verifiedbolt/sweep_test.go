package verifiedbolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

var bucketTexts = []byte("texts")

func secret(n int) []byte {
	return fmt.Appendf(nil, "secret-%06d-%s", n, strings.Repeat("s", 300+n%7*2000))
}

// openTexts makes a file with texts.
func openTexts(t *testing.T, count int) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "a.db"), testOptions(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := putTexts(db, 0, count); err != nil {
		t.Fatal(err)
	}
	return db
}

func putTexts(db *DB, from, to int) error {
	for start := from; start < to; start += 50 {
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucketTexts)
			for n := start; n < min(start+50, to) && err == nil; n++ {
				err = b.Put(fmt.Appendf(nil, "%06d", n), secret(n))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func deleteTexts(t *testing.T, db *DB, from, to int) {
	t.Helper()
	err := db.Update(func(tx *bolt.Tx) error {
		for n := from; n < to; n++ {
			if err := tx.Bucket(bucketTexts).Delete(fmt.Appendf(nil, "%06d", n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// found counts the texts that are anywhere in a file.
func found(t *testing.T, content []byte, from, to int) (n int) {
	t.Helper()
	for i := from; i < to; i++ {
		if bytes.Contains(content, fmt.Appendf(nil, "secret-%06d", i)) {
			n++
		}
	}
	return n
}

func content(t *testing.T, db *DB) []byte {
	t.Helper()
	b, err := os.ReadFile(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sweepNow(t *testing.T, db *DB) (swept int) {
	t.Helper()
	if err := db.Touch(); err != nil {
		t.Fatal(err)
	}
	swept, err := db.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return swept
}

func TestASweepLeavesNothingOfWhatWasDeleted(t *testing.T) {
	db := openTexts(t, 400)
	deleteTexts(t, db, 100, 300)
	if found(t, content(t, db), 100, 300) == 0 {
		t.Fatal("nothing of what was deleted is in the file: there is nothing to sweep")
	}
	if swept := sweepNow(t, db); swept == 0 {
		t.Error("nothing was swept")
	}
	if n := found(t, content(t, db), 100, 300); n > 0 {
		t.Errorf("%d of 200 deleted texts are in the file", n)
	}
	if swept := sweepNow(t, db); swept > 4 { // pages that Touch freed
		t.Errorf("a second sweep overwrote %d pages", swept)
	}
	wantTexts(t, db, 0, 100, 300, 400)
	if err := putTexts(db, 500, 900); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, db, 0, 100, 300, 400, 500, 900)
	if faults := walked(t, db).Faults(); len(faults) > 0 {
		t.Errorf("got %v", faults)
	}
}

// wantTexts compares the file's texts with those of some ranges.
func wantTexts(t *testing.T, db *DB, ranges ...int) {
	t.Helper()
	err := db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketTexts).Cursor()
		k, v := c.First()
		for i := 0; i < len(ranges); i += 2 {
			for n := ranges[i]; n < ranges[i+1]; n++ {
				if string(k) != fmt.Sprintf("%06d", n) || !bytes.Equal(v, secret(n)) {
					return fmt.Errorf("got %q, want %06d", k, n)
				}
				k, v = c.Next()
			}
		}
		if k != nil {
			return fmt.Errorf("got %q, want the end", k)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Pages that a reader may see stay as they are, and the sweep waits for it.
func TestASweepWaitsForOlderReaders(t *testing.T) {
	db := openTexts(t, 200)
	s, err := db.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	deleteTexts(t, db, 0, 150)
	if err := db.Touch(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*sweepRetry)
	defer cancel()
	if _, err := db.Sweep(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while a snapshot is open: got %v, want it to wait", err)
	}
	count := 0
	if err := s.Tx.Bucket(bucketTexts).ForEach(func(_, v []byte) error {
		if bytes.Equal(v, secret(count)) {
			count++
		}
		return nil
	}); err != nil || count != 200 {
		t.Errorf("the snapshot has %d texts, %v, want 200", count, err)
	}
	s.Close()
	s.Close() // does nothing
	sweepNow(t, db)
	if n := found(t, content(t, db), 0, 150); n > 0 {
		t.Errorf("%d deleted texts are in the file", n)
	}
}

// A copy of a snapshot has what the snapshot sees, and nothing else.
func TestASnapshotIsWrittenWithoutFreePages(t *testing.T) {
	db := openTexts(t, 300)
	deleteTexts(t, db, 0, 250)
	s, err := db.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := putTexts(db, 400, 450); err != nil { // later than the snapshot
		t.Fatal(err)
	}
	var copied bytes.Buffer
	n, err := s.WriteTo(&copied)
	if err != nil || n != s.Tx.Size() || int64(copied.Len()) != n {
		t.Fatalf("got %d bytes and %v, want %d", n, err, s.Tx.Size())
	}
	if n := found(t, copied.Bytes(), 0, 250); n > 0 {
		t.Errorf("%d deleted texts are in the copy", n)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path, testOptions(false))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if faults := walked(t, again).Faults(); len(faults) > 0 {
		t.Errorf("got %v", faults)
	}
	wantTexts(t, again, 250, 300)
}

// After each step of a sweep the file is what it was, and so is the transaction before, if the newest meta page is lost.
func TestASweepThatIsBrokenOffAnywhereLosesNothing(t *testing.T) {
	db := openTexts(t, 150)
	deleteTexts(t, db, 20, 120)
	if err := db.Touch(); err != nil {
		t.Fatal(err)
	}
	s := &sweep{db: db}
	path := filepath.Join(t.TempDir(), "copy.db")
	steps := 0
	for !s.done {
		err := Guard(func() error {
			tx, err := db.begin(true)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if err := s.list(tx); err != nil {
				return err
			}
			free := s.free
			s.free = free[:min(len(free), steps+1)] // a page a step
			_, err = s.overwrite(time.Now().Add(time.Minute))
			s.free, s.done = free, len(s.free) == len(free)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		steps++
		for _, lost := range []bool{false, true} {
			b := content(t, db)
			if lost {
				newest, _, err := newestMeta(db.file)
				if err != nil {
					t.Fatal(err)
				}
				b[int(newest.transaction%2)*testPageSize+metaChecksum] ^= 0xff
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			copied, err := Open(path, testOptions(true))
			if err != nil {
				t.Fatalf("step %d, newest meta page lost %t: %v", steps, lost, err)
			}
			if faults := walked(t, copied).Faults(); len(faults) > 0 {
				t.Errorf("step %d, newest meta page lost %t: %v", steps, lost, faults)
			}
			wantTexts(t, copied, 0, 20, 120, 150)
			if err := copied.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if steps < 20 {
		t.Errorf("got %d steps, want more", steps)
	}
}

// Readers and writers go on during sweeps, and see what they should.
func TestSweepsBesideReadersAndWriters(t *testing.T) {
	db := openTexts(t, 100) // those stay
	db.NoSync = true
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 1))
			for ctx.Err() == nil {
				err := db.View(func(tx *bolt.Tx) error {
					b := tx.Bucket(bucketTexts)
					for range 50 {
						n := rnd.IntN(100)
						if !bytes.Equal(b.Get(fmt.Appendf(nil, "%06d", n)), secret(n)) {
							return fmt.Errorf("text %d is not what was written", n)
						}
					}
					return b.ForEach(func(k, v []byte) error {
						if !bytes.HasPrefix(v, append([]byte("secret-"), k...)) {
							return fmt.Errorf("text %s is not what was written", k)
						}
						return nil
					})
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			err := db.Touch()
			if err == nil {
				_, err = db.Sweep(ctx)
			}
			if err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	for round := range 30 {
		if err := putTexts(db, 1000, 1100); err != nil {
			t.Fatal(err)
		}
		deleteTexts(t, db, 1000, 1000+round*3)
		deleteTexts(t, db, 1000+round*3, 1100)
	}
	cancel()
	all.Wait()
	if faults := walked(t, db).Faults(); len(faults) > 0 {
		t.Errorf("got %v", faults)
	}
	wantTexts(t, db, 0, 100)
}

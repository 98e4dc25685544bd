package verifiedbolt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A copy that follows a file while it changes has what the file has, in every bucket: many keys and few, long values and empty
// ones, buckets that go and come again.
func TestACopyFollowsItsFile(t *testing.T) {
	seeds := uint64(8)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 63))
		from, to := openNew(t), openNew(t)
		change(t, from, r, 2000)
		c := NewCopy(from, to)
		for range 6 {
			if _, err := c.Follow(t.Context()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if want, got := contentOf(t, from), contentOf(t, to); want != got {
				t.Fatalf("seed %d: the copy differs", seed)
			}
			change(t, from, r, r.IntN(60))
		}
		if _, err := c.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if contentOf(t, from) != contentOf(t, to) {
			t.Fatalf("seed %d: the finished copy differs", seed)
		}
		c.Close()
		for _, db := range []*DB{from, to} {
			err := db.View(func(tx *bolt.Tx) error {
				damage, err := db.Walk(tx)
				return errors.Join(err, damage.err(true))
			})
			if err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
	}
}

// After few changes few pages are read.
func TestACopyReadsWhatHasChanged(t *testing.T) {
	from, to := openNew(t), openNew(t)
	change(t, from, rand.New(rand.NewPCG(1, 63)), 5000)
	c := NewCopy(from, to)
	defer c.Close()
	all, err := c.Follow(t.Context())
	if err != nil || all < 50 {
		t.Fatalf("it read %d pages, %v, want all of them", all, err)
	}
	if err := from.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("b0")).Put([]byte("one more"), []byte("x")) }); err != nil {
		t.Fatal(err)
	}
	if some, err := c.Follow(t.Context()); err != nil || some > 4 {
		t.Errorf("after one change it read %d pages of %d, %v", some, all, err)
	}
	if none, err := c.Follow(t.Context()); err != nil || none != 0 {
		t.Errorf("after no change it read %d pages, %v", none, err)
	}
}

func TestACopyEndsWithItsContext(t *testing.T) {
	from, to := openNew(t), openNew(t)
	change(t, from, rand.New(rand.NewPCG(1, 63)), 100)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	c := NewCopy(from, to)
	defer c.Close()
	if _, err := c.Follow(ctx); err == nil || !errors.Is(err, context.Cause(ctx)) {
		t.Errorf("got %v, want the reason", err)
	}
}

// A writer that must map more of the file waits for the copy, and the copy for the writer, until the copy is told to end.
func TestACopyLetsAFileGrow(t *testing.T) {
	from, err := Open(filepath.Join(t.TempDir(), "f.db"), &bolt.Options{PageSize: 4096, FreelistType: bolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to := openNew(t)
	change(t, from, rand.New(rand.NewPCG(1, 63)), 100)
	c := NewCopy(from, to)
	defer c.Close()
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	grown := make(chan error, 1)
	go func() {
		grown <- from.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("b0")).Put([]byte("long"), make([]byte, 64<<20)) })
	}()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	for following := true; following; { // until the writer is there
		stop := time.AfterFunc(100*time.Millisecond, func() { cancel(enough) })
		_, err := c.Follow(ctx)
		stop.Stop()
		following = err == nil && ctx.Err() == nil
	}
	c.Close()
	if err := <-grown; err != nil {
		t.Error(err)
	}
}

func openNew(t *testing.T) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "f.db"), &bolt.Options{PageSize: 4096, FreelistType: bolt.FreelistMapType, InitialMmapSize: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	db.NoSync = true
	t.Cleanup(func() { db.Close() })
	return db
}

// change makes random changes.
func change(t *testing.T, db *DB, r *rand.Rand, n int) {
	t.Helper()
	err := db.Update(func(tx *bolt.Tx) error {
		for range n {
			name := []byte(fmt.Sprintf("b%d", r.IntN(4)))
			b, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			key := fmt.Appendf(nil, "%06d", r.IntN(4000))
			switch x := r.IntN(100); {
			case x == 0:
				err = tx.DeleteBucket(name)
			case string(name) == "b3": // stays small
				err = b.Put(fmt.Appendf(nil, "%d", r.IntN(3)), key)
			case x == 1:
				_, err = b.NextSequence()
			case x < 30:
				err = b.Delete(key)
			case x < 35:
				err = b.Put(key, make([]byte, r.IntN(20_000)))
			default:
				err = b.Put(key, fmt.Appendf(nil, "%0*d", r.IntN(300), r.IntN(10)))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// contentOf returns all that a file holds, as a text.
func contentOf(t *testing.T, db *DB) (text string) {
	t.Helper()
	err := db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			text += fmt.Sprintf("[%s %d]\n", name, b.Sequence())
			all := []byte{}
			err := b.ForEach(func(k, v []byte) error {
				all = fmt.Appendf(all, "%x=%x\n", k, v)
				return nil
			})
			text += string(all)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

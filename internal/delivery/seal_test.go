package delivery

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// seal seals what is due and returns what was entered.
func (l *Log) sealNow(t *testing.T, col uuid.UUID, now time.Time) (entered []journal.Digest) {
	t.Helper()
	err := l.Seal(context.Background(), col, now, now.Add(-time.Hour), func(s Seal) error {
		entered = append(entered, s.Digest)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entered
}

func TestSealsCoverAllThatWasDelivered(t *testing.T) {
	dir, col := t.TempDir(), uuid.New()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	d := openLog(t, dir)
	if got := d.sealNow(t, col, at); got != nil {
		t.Errorf("with no deliveries: sealed %x", got)
	}
	random := rand.New(rand.NewPCG(7, 7))
	var entered []journal.Digest
	given := map[journal.Position]uint64{}
	for hour := range 6 {
		now := at.Add(time.Duration(hour) * 2 * time.Hour)
		for range 1 + random.IntN(400) {
			list := positions(1+random.IntN(9), 10+random.IntN(90), 1+random.IntN(3))
			for _, p := range list {
				given[p]++
			}
			d.Note(Delivery{Collection: col, Account: string(rune('a' + random.IntN(3))), Party: "p", Positions: list, At: now})
		}
		if hour == 0 {
			if got := d.sealNow(t, col, now); got != nil {
				t.Errorf("before an hour has passed: sealed %x", got)
			}
		}
		got := d.sealNow(t, col, now.Add(61*time.Minute))
		if len(got) != 1 {
			t.Fatalf("hour %d: %d seals were entered, want 1", hour, len(got))
		}
		entered = append(entered, got...)
		if got := d.sealNow(t, col, now.Add(3*time.Hour)); got != nil {
			t.Errorf("without new deliveries: sealed %x", got)
		}
	}
	if got, err := d.Seals(col); err != nil || !slices.Equal(got, entered) {
		t.Errorf("seals that are kept: %x, %v, want those entered: %x", got, err, entered)
	}
	for p, want := range given {
		list, err := d.Received(col, []journal.Position{p})
		if err != nil {
			t.Fatal(err)
		}
		var n uint64
		for _, r := range list {
			n += r.Times
		}
		if n != want {
			t.Errorf("position %d: given %d times, want %d", p, n, want)
		}
	}
}

func TestASealThatWasNotEnteredIsEnteredLater(t *testing.T) {
	dir, col := t.TempDir(), uuid.New()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	d := openLog(t, dir)
	d.Note(Delivery{Collection: col, Account: "a", Positions: positions(1, 5, 1), At: at})
	full := errors.New("the disk is full")
	err := d.Seal(context.Background(), col, at.Add(2*time.Hour), at.Add(time.Hour), func(Seal) error { return full })
	if !errors.Is(err, full) {
		t.Fatalf("got %v, want the error of entering", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := openLog(t, dir)
	if got := again.sealNow(t, col, at.Add(2*time.Hour)); len(got) != 1 {
		t.Errorf("after a restart: entered %x, want the seal that is there", got)
	}
}

func TestSealsFindWhatWasChanged(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	first := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 1), 0)
	for name, change := range map[string]func(tx *bolt.Tx) error{
		"a delivery less":  func(tx *bolt.Tx) error { return tx.Bucket(bucketBlocks).Delete(first) },
		"another delivery": func(tx *bolt.Tx) error { return rewrite(tx, bucketBlocks, first, "\x00", "\x01") },
		"another account":  func(tx *bolt.Tx) error { return rewrite(tx, bucketReaders, first[:4], `"analyst"`, `"visitor"`) },
		"not finished":     func(tx *bolt.Tx) error { return rewrite(tx, bucketReaders, first[:4], `{`, `{"unfinished":true,`) },
		"a seal less":      func(tx *bolt.Tx) error { return tx.Bucket(bucketSeals).Delete(binary.BigEndian.AppendUint64(nil, 1)) },
		"a stretch less": func(tx *bolt.Tx) error {
			return rewrite(tx, bucketSeals, binary.BigEndian.AppendUint64(nil, 2), `"from":1`, `"from":2`)
		},
		"another time": func(tx *bolt.Tx) error {
			return rewrite(tx, bucketSeals, binary.BigEndian.AppendUint64(nil, 1), `T14`, `T15`)
		},
		"losses fewer": func(tx *bolt.Tx) error {
			return rewrite(tx, bucketSeals, binary.BigEndian.AppendUint64(nil, 1), `"lost":0`, `"lost":1`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, col := t.TempDir(), uuid.New()
			d := openLog(t, dir)
			for i := range 2 {
				now := at.Add(time.Duration(2*i) * time.Hour)
				d.Note(Delivery{Collection: col, Account: "analyst", Party: "p", Positions: positions(1, 5, 1), At: now})
				if got := d.sealNow(t, col, now.Add(2*time.Hour)); len(got) != 1 {
					t.Fatalf("entered %d seals, want 1", len(got))
				}
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := bolt.Open(filepath.Join(dir, fileName(col)), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Update(change), db.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := openLog(t, dir).Seals(col); err == nil {
				t.Error("it was not found")
			}
		})
	}
}

// rewrite replaces the first place of a text in a value.
func rewrite(tx *bolt.Tx, bucket, key []byte, from, to string) error {
	value := string(tx.Bucket(bucket).Get(key))
	if !strings.Contains(value, from) {
		return errors.New(value + " has no " + from)
	}
	return tx.Bucket(bucket).Put(key, []byte(strings.Replace(value, from, to, 1)))
}

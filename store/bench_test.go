package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
)

// kilobyte is an object of 1 kB: the n-th. Every tenth is a second version of an earlier one, and types alternate.
func kilobyte(n int) string {
	typ := [...]string{"indicator", "malware", "relationship", "tool", "x-custom"}[n%5]
	id, modified := testID(typ, n), testEpoch.Add(time.Duration(n)*37*time.Minute)
	if n%10 == 9 && n > 100 {
		id = testID(typ, n-95)
	}
	text := malware(id, spec21, modified.Format("2006-01-02T15:04:05.000Z"), `,"description":""`)
	return strings.Replace(text, `"description":""`, `"description":"`+strings.Repeat("x", 1024-len(text))+`"`, 1)
}

// filled is a collection of n objects of 1 kB, appended by hundreds.
func filled(b *testing.B, n int) *Collection {
	b.Helper()
	id := uuid.New()
	path := filepath.Join(b.TempDir(), "agreement.db")
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { col.close() })
	col.file.Load().db.NoSync = true
	for i := 0; i < n; i += 100 {
		mustAppend(b, col, hundred(b, i)...)
	}
	col.file.Load().db.NoSync = false
	if err := col.file.Load().db.Sync(); err != nil {
		b.Fatal(err)
	}
	return col
}

func hundred(b *testing.B, from int) []Change {
	list := make([]string, 100)
	for j := range list {
		list[j] = kilobyte(from + j)
	}
	return additions(b, list...)
}

var sizes = []int{1_000, 100_000}

func BenchmarkAppend100(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("stored=%d", size), func(b *testing.B) {
			col := filled(b, size)
			next := size
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				changes := hundred(b, next)
				next += 100
				b.StartTimer()
				mustAppend(b, col, changes...)
			}
			b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}

func BenchmarkAppendOne(b *testing.B) {
	col := filled(b, 10_000)
	next := 10_000
	for b.Loop() {
		mustAppend(b, col, additions(b, kilobyte(next))...)
		next++
	}
}

func BenchmarkAppendOneByMany(b *testing.B) {
	col := filled(b, 1_000)
	var n = make(chan int)
	go func() {
		for i := 1_000; ; i++ {
			n <- i
		}
	}()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mustAppend(b, col, additions(b, kilobyte(<-n))...)
		}
	})
	b.ReportMetric(float64(b.N)/float64(col.Commits()), "appends/commit")
}

func BenchmarkPage100(b *testing.B) {
	instant := func(n int) stix.Instant { return parsed(b, kilobyte(n)).Instant }
	for _, size := range sizes {
		col := filled(b, size)
		s, err := col.Stats()
		if err != nil {
			b.Fatal(err)
		}
		half := s.LastAdded
		if records, _, err := col.Records(Query{Versions: Versions{All: true}, Limit: size / 2}); err == nil {
			half = records[len(records)-1].Added
		}
		var ids []stix.ID
		for n := range 100 {
			ids = append(ids, parsed(b, kilobyte(n*9)).ID)
		}
		for _, row := range []struct {
			name string
			q    Query
		}{
			{"all versions", Query{Versions: Versions{All: true}}},
			{"no filter", Query{}},
			{"added_after half", Query{After: half}},
			{"type", Query{Types: []string{"tool"}, After: half}},
			{"two types", Query{Types: []string{"tool", "x-custom"}, After: half}},
			{"first", Query{Versions: Versions{First: true}, After: half}},
			{"first and last", Query{Versions: Versions{First: true, Last: true}, After: half}},
			{"spec 2.1", Query{Specs: []string{spec21}, After: half}},
			{"spec 2.0 (nothing)", Query{Specs: []string{spec20}}},
			{"version", Query{Versions: Versions{Exact: []stix.Instant{instant(500)}}}},
			{"version or last", Query{Versions: Versions{Last: true, Exact: []stix.Instant{instant(500)}}, After: half}},
			{"one id", Query{IDs: ids[:1]}},
			{"one id, all versions", Query{IDs: ids[:1], Versions: Versions{All: true}}},
			{"100 ids", Query{IDs: ids}},
		} {
			row.q.Limit = 100
			b.Run(fmt.Sprintf("stored=%d/%s", size, strings.ReplaceAll(row.name, " ", "_")), func(b *testing.B) {
				var dst []byte
				b.ReportAllocs()
				for b.Loop() {
					page, err := col.Page(row.q, dst[:0])
					if err != nil {
						b.Fatal(err)
					}
					dst = page.Body
					b.SetBytes(int64(len(dst)))
				}
			})
		}
	}
}

func BenchmarkRecords1000(b *testing.B) {
	col := filled(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := col.Records(Query{Limit: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}

// The file of objects of 1 kB is at most one and a half times as large as they are from some 100,000 on. Here the pages
// that the last transactions left free still count for a tenth.
func TestFileSize(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 20 MB")
	}
	col := newCollection(t, collectionOptions{})
	col.file.Load().db.NoSync = true
	const n = 20_000
	for i := 0; i < n; i += 100 {
		list := make([]string, 100)
		for j := range list {
			list[j] = kilobyte(i + j)
		}
		id := uuid.New()
		_, err := col.Append(context.Background(), Batch{Actor: vendor, Changes: additions(t, list...), Status: &StatusDraft{
			ID: id, Text: []byte(strings.Repeat(`{"id":"`+id.String()+`"}`, 100)),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(col.file.Load().db.Path())
	if err != nil {
		t.Fatal(err)
	}
	s, err := col.Stats()
	if err != nil {
		t.Fatal(err)
	}
	ratio := float64(info.Size()) / float64(s.Bytes)
	t.Logf("%d bytes of objects in a file of %d: %.2f", s.Bytes, info.Size(), ratio)
	if ratio > 1.6 {
		t.Errorf("the file is %.2f times as large as what it keeps, want at most 1.6", ratio)
		t.Log(bucketSizes(t, col))
	}
}

// bucketSizes says what each bucket of a file takes.
func bucketSizes(t testing.TB, col *Collection) string {
	var out strings.Builder
	err := col.view(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			s := b.Stats()
			alloc, used := s.LeafAlloc+s.BranchAlloc, s.LeafInuse+s.BranchInuse
			fmt.Fprintf(&out, "%-12s %8d keys %10d bytes, %3d%% used\n", name, s.KeyN, alloc, 100*used/max(alloc, 1))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	s := col.file.Load().db.Stats()
	fmt.Fprintf(&out, "free pages: %d, pending %d of %d bytes\n", s.FreePageN, s.PendingPageN, pageSize)
	return out.String()
}

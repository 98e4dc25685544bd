package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A subscriber that asks for what came after the last it has gets nothing only when there is nothing: never while an
// object is there that was acknowledged before it asked, and never where a page before said that there is more. (T-098)
func TestAnEmptyPollMissesNothing(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	const writers, each = 4, 60
	var acknowledged atomic.Int64
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				batch := additions(t, kilobyte(2*(w*each+i)), kilobyte(2*(w*each+i)+1))
				if _, err := col.Append(context.Background(), Batch{Actor: vendor, Changes: batch}); err != nil {
					t.Error(err)
					return
				}
				acknowledged.Add(2)
			}
		})
	}
	for range 3 {
		writing.Go(func() {
			q := Query{Versions: Versions{All: true}, Limit: 3}
			seen, more := int64(0), false
			for seen < 2*writers*each && !t.Failed() {
				before := acknowledged.Load()
				page, err := col.Page(q, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if page.Count == 0 && (more || seen < before) {
					t.Errorf("got nothing after %d versions, %d were acknowledged before, more was %t", seen, before, more)
					return
				}
				if page.Count > 0 {
					q.After, more = page.Last, page.More
				}
				seen += int64(page.Count)
			}
		})
	}
	writing.Wait()
}

// What is newest is known from the start, and no longer when the collection is closed.
func TestTheNewestIsKnownFromTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agreement.db")
	id := uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	col, err := createCollection(path, id, testAgreement(id), Actor{Account: "root"}, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, col, kilobyte(1), kilobyte(2))
	page, err := col.Page(Query{Versions: Versions{All: true}, Limit: 10}, nil)
	if err != nil || page.Count != 2 {
		t.Fatalf("got %d versions, %v", page.Count, err)
	}
	last := page.Last
	if err := col.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openCollection(path, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Time
		want  int
		known bool
	}{{last, 0, true}, {last.Add(time.Hour), 0, true}, {last.Add(-time.Microsecond), 1, false}, {time.Time{}, 2, false}} {
		q := Query{After: step.after, Versions: Versions{All: true}, Limit: 10}
		page, err := again.Page(q, nil)
		if err != nil || page.Count != step.want {
			t.Errorf("after %s: got %d versions, %v, want %d", step.after, page.Count, err, step.want)
		}
		if got := again.nothingAfter(q); got != step.known {
			t.Errorf("after %s: nothingAfter is %t", step.after, got)
		}
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Page(Query{After: last, Limit: 10}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: got %v, want ErrClosed", err)
	}
}

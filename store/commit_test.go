package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

func TestDateAddedStrictlyIncreasesWhileManyWrite(t *testing.T) { // T-097
	col := newCollection(t, collectionOptions{})
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			for i := range 30 {
				var list []string
				for j := range 1 + (n+i)%4 {
					list = append(list, address(testID("url", n*10_000+i*10+j), fmt.Sprint(n, i, j)))
				}
				r, err := col.Append(context.Background(), Batch{Actor: vendor, Changes: additions(t, list...)})
				if err != nil {
					t.Error(err)
					return
				}
				for j, o := range r.Outcomes {
					if o.Kind != Added || j > 0 && !o.At.After(r.Outcomes[j-1].At) {
						t.Errorf("got %+v after %+v", o, r.Outcomes[max(j-1, 0)])
					}
				}
			}
		})
	}
	writers.Wait()
	records, _, err := col.Records(Query{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(records); i++ {
		if !records[i].Added.After(records[i-1].Added) || records[i].Position != records[i-1].Position+1 {
			t.Fatalf("record %d is %+v after %+v", i, records[i], records[i-1])
		}
	}
	if ahead := time.Until(records[len(records)-1].Added); ahead > time.Millisecond {
		t.Errorf("the last date_added is %v ahead of the clock", ahead)
	}
	if s, _ := col.Stats(); !s.LastAdded.Equal(records[len(records)-1].Added) {
		t.Errorf("LastAdded is %v, want %v", s.LastAdded, records[len(records)-1].Added)
	}
}

// A clock that stands still or steps back does not bring date_added back.
func TestDateAddedIncreasesWhateverTheClockSays(t *testing.T) {
	now := testEpoch
	col := newCollection(t, collectionOptions{Now: func() time.Time { return now }})
	var last time.Time
	for i := range 20 {
		now = now.Add(time.Duration(i%3-1) * time.Hour)
		o := add(t, col, address(testID("url", 2*i), "x"), address(testID("url", 2*i+1), "y"), address(testID("url", 2*i), "x"))
		wantKinds(t, o, "added, added, already")
		if !o[0].At.After(last) || !o[1].At.After(o[0].At) {
			t.Fatalf("got %v and %v after %v", o[0].At, o[1].At, last)
		}
		if last = o[1].At; last.UnixMicro()%1000 != 0 {
			t.Errorf("the last object of an append has date_added %v, want a whole millisecond", last)
		}
	}
}

// A poller that follows the last date_added it has seen gets everything once, while four write.
func TestAPollerMissesNothing(t *testing.T) { // T-093, T-097
	col := newCollection(t, collectionOptions{})
	const writers, each = 4, 60
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for i := range each {
				list := []string{address(testID("url", 2*(n*each+i)), "a"), address(testID("url", 2*(n*each+i)+1), "b")}
				if _, err := col.Append(context.Background(), Batch{Actor: vendor, Changes: additions(t, list...)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[stix.ID]int{}
	var after time.Time
	var length journal.Position
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for len(seen) < 2*writers*each {
		records, page, err := col.Records(Query{After: after, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if seen[r.ID]++; seen[r.ID] > 1 {
				t.Fatalf("%s came twice", r.ID)
			}
			length = r.Position
		}
		if page.Count > 0 {
			after = page.Last
			continue
		}
		if err := col.Wait(ctx, length); err != nil {
			t.Fatalf("after %d of %d: %v", len(seen), 2*writers*each, err)
		}
	}
	wg.Wait()
}

// Many who append at once share transactions.
func TestAppendsAreCommittedTogether(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	hold, err := col.file.Load().db.Begin() // as a transaction in progress
	if err != nil {
		t.Fatal(err)
	}
	const many = 200
	var wg sync.WaitGroup
	for n := range many {
		wg.Go(func() { add(t, col, address(testID("url", n), "x")) })
	}
	for col.queue.waiting() < many {
		runtime.Gosched()
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := col.Commits(); n > 3 {
		t.Errorf("got %d transactions for %d appends, want 2 or 3", n, many)
	}
}

// waiting is how many batches are in the line and in the transaction in progress.
func (d *commitQueue) waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pending) + int(d.committing.Load())
}

func TestAppendStopsWithItsContext(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := col.Append(ctx, Batch{Changes: additions(t, address(testID("url", 1), "x"))}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	hold, err := col.file.Load().db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := col.Append(context.Background(), Batch{Changes: additions(t, address(testID("url", 2), "x"))})
		first <- err
	}()
	for col.queue.committing.Load() == 0 {
		runtime.Gosched()
	}
	ctx, cancel = context.WithCancel(context.Background())
	second := make(chan error, 1)
	go func() {
		_, err := col.Append(ctx, Batch{Changes: additions(t, address(testID("url", 3), "x"))})
		second <- err
	}()
	for col.queue.waiting() < 2 {
		runtime.Gosched()
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Errorf("who waited before: got %v", err)
	}
	if got := texts(t, col, Query{}); len(got) != 1 {
		t.Errorf("got %v, want only what was not cancelled", got)
	}
}

func TestAfterCloseNothingHappens(t *testing.T) {
	id := uuid.New()
	col, err := createCollection(filepath.Join(t.TempDir(), "a.db"), id, testAgreement(id), vendor, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- col.Wait(context.Background(), 99) }()
	if err := errors.Join(col.close(), col.close()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, ErrClosed) {
		t.Errorf("Wait: got %v, want ErrClosed", err)
	}
	_, e1 := col.Append(context.Background(), Batch{})
	_, e2 := col.Page(Query{}, nil)
	_, e3 := col.Stats()
	_, e4 := col.ForgetStatuses(context.Background(), time.Now())
	for _, err := range []error{e1, e2, e3, e4} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}

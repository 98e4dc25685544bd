package delivery

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

// What was begun counts from its beginning, and says that it was not finished until it was.
func TestADeliveryThatIsNotFinishedSaysSo(t *testing.T) {
	dir, col := t.TempDir(), uuid.New()
	l := openLog(t, dir)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	begin := func(from, to int) *Begun {
		b, err := l.Begin(t.Context(), Delivery{Collection: col, Account: "a", Party: "p", Positions: positions(from, to, 1), At: at})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	finished, broken, open := begin(1, 10), begin(11, 20), begin(21, 30)
	finished.End(true)
	want := func(when string, l *Log, unfinished ...uint64) {
		t.Helper()
		list, err := l.Received(col, []journal.Position{5, 15, 25})
		if err != nil || len(list) != len(unfinished) {
			t.Fatalf("%s: got %+v, %v, want %d receipts", when, list, err, len(unfinished))
		}
		for i, r := range list {
			if r.Times != 1 || r.Unfinished != unfinished[i] || !r.First.Equal(at) {
				t.Errorf("%s: got %+v, want %d unfinished", when, r, unfinished[i])
			}
		}
		consumers, _, err := l.Consumers(col)
		total := uint64(0)
		for _, n := range unfinished {
			total += n
		}
		if err != nil || len(consumers) != 1 || consumers[0].Polls != 3 || consumers[0].Unfinished != total || consumers[0].Positions != 10*(3-total) {
			t.Errorf("%s: got %+v, %v, want 3 polls, %d unfinished", when, consumers, err, total)
		}
	}
	want("in progress", l, 0, 1, 1)
	broken.End(false)
	broken.End(true) // once is once
	want("one broken off", l, 0, 1, 1)

	// A process that is killed leaves what was in progress as not finished.
	killed := t.TempDir()
	b, err := os.ReadFile(filepath.Join(dir, fileName(col)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, fileName(col)), b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		after := Open(killed, Options{Failed: func(err error) { t.Error(err) }})
		want("after a kill", after, 0, 1, 1)
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}

	open.End(true)
	want("one finished", l, 0, 1, 0)
}

// However many filters an account uses, its records are bounded.
func TestFiltersAreBounded(t *testing.T) {
	dir, col := t.TempDir(), uuid.New()
	l := openLog(t, dir)
	const polls = 2000
	for n := range polls {
		l.Note(Delivery{Collection: col, Account: "a", Filter: fmt.Sprintf("match[type]=t%d", n), Positions: positions(n+1, n+1, 1), At: time.Unix(int64(n), 0)})
		if n%100 == 50 {
			l.write()
		}
	}
	l.Note(Delivery{Collection: col, Account: "b", Filter: "match[type]=t1", Positions: positions(1, 1, 1), At: time.Unix(1, 0)})
	consumers, lost, err := l.Consumers(col)
	if err != nil || lost.Polls > 0 || len(consumers) > maxFilters+2 {
		t.Fatalf("got %d consumers, %+v lost, %v, want at most %d", len(consumers), lost, err, maxFilters+2)
	}
	total, other := uint64(0), false
	for _, c := range consumers {
		total += c.Polls
		other = other || c.Filter == otherFilters
	}
	if total != polls+1 || !other {
		t.Errorf("got %d polls, under other filters %t, want %d", total, other, polls+1)
	}
	if list, err := l.Received(col, positions(1, polls, 1)); err != nil || len(list) != polls+1 {
		t.Errorf("got %d receipts, %v, want %d", len(list), err, polls+1)
	}
}

package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

func positions(from, to int, step int) (list []journal.Position) {
	for p := from; p <= to; p += step {
		list = append(list, journal.Position(p))
	}
	return list
}

// Note notes a delivery that was sent whole.
func (l *Log) Note(d Delivery) {
	b, _ := l.Begin(context.Background(), d)
	b.End(true)
}

func openLog(t testing.TB, dir string) *Log {
	t.Helper()
	l := Open(dir, Options{Failed: func(err error) { t.Error(err) }})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestDeliveriesAreKnownByPosition(t *testing.T) {
	dir, col := t.TempDir(), uuid.New()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	d := openLog(t, dir)
	d.Note(Delivery{Collection: col, Account: "a", Party: "p", Positions: positions(2, 9, 1), At: at})
	d.Note(Delivery{Collection: col, Account: "a", Party: "p", Positions: positions(10, 20, 5), At: at.Add(time.Minute)})
	d.Note(Delivery{Collection: col, Account: "b", Filter: "match[type]=tool", Positions: positions(3, 15, 3), At: at.Add(time.Hour)})
	d.opts.Durable = true
	b, err := d.Begin(context.Background(), Delivery{Collection: col, Account: "a", Party: "p", Positions: positions(2, 4, 1), At: at.Add(2 * time.Hour)})
	d.opts.Durable = false
	if err != nil {
		t.Fatal(err)
	}
	b.End(true)
	d.Note(Delivery{Collection: col, Account: "a", Party: "p", At: at.Add(3 * time.Hour)})
	check := func(d *Log) {
		t.Helper()
		got, err := d.Received(col, []journal.Position{1, 3, 15})
		if err != nil {
			t.Fatal(err)
		}
		want := []Receipt{
			{Position: 3, Account: "a", Party: "p", First: at, Last: at.Add(2 * time.Hour), Times: 2},
			{Position: 3, Account: "b", Filter: "match[type]=tool", First: at.Add(time.Hour), Last: at.Add(time.Hour), Times: 1},
			{Position: 15, Account: "a", Party: "p", First: at.Add(time.Minute), Last: at.Add(time.Minute), Times: 1},
			{Position: 15, Account: "b", Filter: "match[type]=tool", First: at.Add(time.Hour), Last: at.Add(time.Hour), Times: 1},
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		consumers, lost, err := d.Consumers(col)
		if err != nil || lost.Polls != 0 || len(consumers) != 2 {
			t.Fatalf("got %+v, lost %+v, error %v", consumers, lost, err)
		}
		if c := consumers[0]; c.LastPoll != at.Add(3*time.Hour) || c.Polls != 4 || c.Positions != 14 || c.Newest != 20 {
			t.Errorf("got %+v", c)
		}
	}
	check(d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.begin(Delivery{Collection: col}, nil); ok {
		t.Error("a delivery was noted after Close")
	}
	again := Open(dir, Options{})
	defer again.Close()
	check(again)
}

// A random history of deliveries is held against a plain list.
func TestDeliveriesAgreeWithAPlainList(t *testing.T) {
	d := openLog(t, t.TempDir())
	col, rnd := uuid.New(), rand.New(rand.NewPCG(1, 2))
	at := time.Unix(1_700_000_000, 0).UTC()
	type key struct {
		account string
		p       journal.Position
	}
	want := map[key]Receipt{}
	for range 3000 {
		at = at.Add(time.Duration(rnd.IntN(3)*rnd.IntN(200)) * time.Second)
		n := Delivery{Collection: col, Account: []string{"a", "b", "c"}[rnd.IntN(3)], At: at}
		for p := journal.Position(1 + rnd.IntN(300)); len(n.Positions) < rnd.IntN(40); p += journal.Position(1 + rnd.IntN(3)*rnd.IntN(2)) {
			n.Positions = append(n.Positions, p)
		}
		d.Note(n)
		if rnd.IntN(50) == 0 {
			d.write()
		}
		for _, p := range n.Positions {
			r, seen := want[key{n.Account, p}]
			if !seen {
				r = Receipt{Position: p, Account: n.Account, First: at}
			}
			r.Last, r.Times = at, r.Times+1
			want[key{n.Account, p}] = r
		}
	}
	got, err := d.Received(col, positions(1, 1000, 1))
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d receipts and error %v, want %d", len(got), err, len(want))
	}
	for _, r := range got {
		if w := want[key{r.Account, r.Position}]; w != r {
			t.Fatalf("got %+v, want %+v", r, w)
		}
	}
}

// What waits is bounded; what does not fit is counted, and said.
func TestDeliveriesThatCannotBeNotedAreCounted(t *testing.T) {
	var said []string
	d := Open(t.TempDir(), Options{Failed: func(err error) { said = append(said, err.Error()) }})
	col := uuid.New()
	d.writing.Lock() // the disk stands still
	scattered, lost := positions(1, 20_000, 2), 0
	for range 1000 {
		b, ok := d.begin(Delivery{Collection: col, Account: "a", Positions: scattered, At: time.Now()}, nil)
		if !ok {
			lost++
		}
		b.End(true)
	}
	if got, want := d.Backlog()[col], (Backlog{Polls: uint64(1000 - lost), Lost: uint64(lost)}); got != want {
		t.Errorf("while the disk stands still: got %+v, want %+v", got, want)
	}
	d.writing.Unlock()
	_, got, err := d.Consumers(col)
	if behind, want := d.Backlog()[col], (Backlog{Lost: uint64(lost)}); behind != want {
		t.Errorf("once it goes on: got %+v, want %+v", behind, want)
	}
	if err != nil || lost == 0 || got.Polls != uint64(lost) {
		t.Errorf("got %+v lost and error %v, want %d", got, err, lost)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], fmt.Sprintf("%d deliveries", lost)) {
		t.Errorf("got %q, want one that says how many were lost", said)
	}
}

// The promise for ordinary polling: a first reading of all there is, then what is new every few minutes.
func TestOrdinaryPollingTakesLessThanTwoBytesAPosition(t *testing.T) {
	dir, col := t.TempDir(), uuid.New()
	d := openLog(t, dir)
	at, next, total := time.Now(), 2, 0
	poll := func(account string, n int) {
		d.Note(Delivery{Collection: col, Account: account, Positions: positions(next, next+n-1, 1), At: at})
		total += n
	}
	for range 200 {
		for _, account := range []string{"a", "b", "c"} {
			poll(account, 1000)
		}
		next += 1000
	}
	for range 500 {
		at = at.Add(5 * time.Minute)
		for _, account := range []string{"a", "b", "c"} {
			poll(account, 10)
		}
		next += 10
		d.write()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, fileName(col)))
	if err != nil {
		t.Fatal(err)
	}
	each := float64(info.Size()) / float64(total)
	t.Logf("%d bytes for %d positions: %.2f a position", info.Size(), total, each)
	if each >= 2 {
		t.Errorf("got %.2f bytes a position, want less than 2", each)
	}
}

func TestADamagedBlockIsNoticed(t *testing.T) {
	b, err := appendPage(nil, pageOf(100, []journal.Position{2, 3, 4, 5, 6, 9}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 0x10
		if eachRun(bad, func(uint64, run) {}) == nil {
			t.Errorf("byte %d changed: got no error", i)
		}
		if _, err := appendPage(bad, pageOf(101, []journal.Position{10})); err == nil {
			t.Errorf("byte %d changed: got a page appended", i)
		}
	}
}

// BenchmarkNote is what keeping account adds to a page, beside the writing in the background.
func BenchmarkNote(b *testing.B) {
	for name, page := range map[string][]journal.Position{
		"ten new": positions(2, 11, 1), "thousand new": positions(2, 1001, 1), "thousand scattered": positions(2, 3000, 3),
	} {
		b.Run(name, func(b *testing.B) {
			// No disk keeps up with this; what is lost is not measured.
			d := Open(b.TempDir(), Options{})
			defer d.Close()
			col, at := uuid.New(), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				d.Note(Delivery{Collection: col, Account: "a", Party: "p", Positions: page, At: at})
			}
		})
	}
}

// What cannot be written is no longer behind: it is lost, and counted once.
func TestTheBacklogCountsWhatIsBeingWrittenAndWhatIsLost(t *testing.T) {
	d := Open(t.TempDir(), Options{})
	defer d.Close()
	col := uuid.New()
	d.writing.Lock()
	for range 3 {
		d.Note(Delivery{Collection: col, Account: "a", Positions: positions(2, 4, 1), At: time.Now()})
	}
	d.mu.Lock()
	noted := d.take() // as write does before it waits for the disk
	d.mu.Unlock()
	d.Note(Delivery{Collection: col, Account: "b", At: time.Now()})
	if got, want := d.Backlog()[col], (Backlog{Polls: 4}); got != want {
		t.Errorf("three on their way to disk and one noted: got %+v, want %+v", got, want)
	}
	d.settle(col)
	d.lose(col, noted[col])
	if got, want := d.Backlog()[col], (Backlog{Polls: 1, Lost: 3}); got != want {
		t.Errorf("after those three failed: got %+v, want %+v", got, want)
	}
	d.writing.Unlock()
	if _, lost, err := d.Consumers(col); err != nil || lost.Polls != 3 {
		t.Errorf("got %+v lost, %v, want 3", lost, err)
	}
	if got, want := d.Backlog()[col], (Backlog{Lost: 3}); got != want {
		t.Errorf("after writing: got %+v, want %+v", got, want)
	}
}

// Reading makes no file: pages ask about agreements that never gave anything.
func TestReadingMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir, Options{})
	defer l.Close()
	id := uuid.New()
	if list, _, err := l.Consumers(id); err != nil || len(list) > 0 {
		t.Errorf("consumers: %v, %v", list, err)
	}
	if list, err := l.Received(id, []journal.Position{1}); err != nil || len(list) > 0 {
		t.Errorf("received: %v, %v", list, err)
	}
	if list, more, err := l.Given(id, Span{Limit: 10}); err != nil || len(list) > 0 || more {
		t.Errorf("given: %v, %v", list, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}

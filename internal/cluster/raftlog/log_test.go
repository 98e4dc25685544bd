package raftlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

var identity = []byte("cluster and node")

// clock is a clock that is moved by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }

func create(t testing.TB, b Beginning) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log", "log.db")
	b.Identity, b.Members = identity, []byte("members")
	if err := Create(path, b); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, c *clock) *Log {
	t.Helper()
	l, err := Open(path, identity, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// entry makes an entry whose data follows from its index and term.
func entry(index, term uint64, size int) *pb.Entry {
	data := bytes.Repeat(fmt.Appendf(nil, "%d/%d ", index, term), size/4+1)[:size]
	return &pb.Entry{Index: new(index), Term: new(term), Type: pb.EntryNormal.Enum(), Data: data}
}

func hard(term, vote, commit uint64) *pb.HardState {
	return &pb.HardState{Term: new(term), Vote: new(vote), Commit: new(commit)}
}

func save(t testing.TB, l *Log, w Write) {
	t.Helper()
	if err := l.Save(w); err != nil {
		t.Fatal(err)
	}
}

func wantEntries(t testing.TB, l *Log, want ...*pb.Entry) {
	t.Helper()
	if len(want) == 0 {
		return
	}
	lo := want[0].GetIndex()
	got, err := l.Entries(lo, lo+uint64(len(want)), 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i].GetIndex() != want[i].GetIndex() || got[i].GetTerm() != want[i].GetTerm() || !bytes.Equal(got[i].GetData(), want[i].GetData()) {
			t.Fatalf("got %v, want %v", got[i], want[i])
		}
		if term, err := l.Term(want[i].GetIndex()); err != nil || term != want[i].GetTerm() {
			t.Fatalf("term of %d: got %d, %v, want %d", want[i].GetIndex(), term, err, want[i].GetTerm())
		}
	}
}

func TestWhatWasSavedIsThereAfterOpeningAgain(t *testing.T) {
	path := create(t, Beginning{Index: 10, Term: 3})
	l := open(t, path, newClock())
	save(t, l, Write{Hard: hard(4, 7, 10), Entries: []*pb.Entry{entry(11, 4, 5), entry(12, 4, 0), entry(13, 4, 70000)}})
	save(t, l, Write{Hard: hard(5, 0, 11), Entries: []*pb.Entry{entry(12, 5, 9)}, Applied: 11, Members: []byte("others")})
	l.Close()

	l = open(t, path, newClock())
	wantEntries(t, l, entry(11, 4, 5), entry(12, 5, 9))
	h := l.HardState()
	if h.GetTerm() != 5 || h.GetVote() != 0 || h.GetCommit() != 11 || l.Applied() != 11 {
		t.Errorf("got %v, applied %d", h, l.Applied())
	}
	if m, err := l.Members(); err != nil || string(m) != "others" {
		t.Errorf("got members %q, %v", m, err)
	}
	if last, _ := l.LastIndex(); last != 12 {
		t.Errorf("got the last index %d, want 12: the entry 13 was replaced", last)
	}
	if term, err := l.Term(10); err != nil || term != 3 {
		t.Errorf("got term %d, %v of the entry before the first, want 3", term, err)
	}
	if _, err := l.Entries(10, 12, 1); !errors.Is(err, raft.ErrCompacted) {
		t.Errorf("got %v of an entry before the first", err)
	}
	if _, err := l.Entries(12, 14, 1); !errors.Is(err, raft.ErrUnavailable) {
		t.Errorf("got %v of an entry behind the last", err)
	}
}

func TestALogOfAnotherNodeIsRefused(t *testing.T) {
	path := create(t, Beginning{})
	if _, err := Open(path, []byte("another"), newClock().now); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	if err := Create(path, Beginning{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v when a log is made in the place of one, want ErrExist", err)
	}
}

func TestEntriesThatAreAppliedAreNotReplaced(t *testing.T) {
	l := open(t, create(t, Beginning{}), newClock())
	save(t, l, Write{Entries: []*pb.Entry{entry(1, 1, 3), entry(2, 1, 3)}, Hard: hard(1, 1, 2), Applied: 2})
	if err := l.Save(Write{Entries: []*pb.Entry{entry(2, 2, 3)}}); err == nil {
		t.Error("an applied entry was replaced")
	}
	if err := l.Save(Write{Entries: []*pb.Entry{entry(3, 2, 3)}}); err == nil {
		t.Error("a log that failed once was written again")
	}
}

func TestOldEntriesAreDroppedAndTheRestIsKept(t *testing.T) {
	c := newClock()
	path := create(t, Beginning{})
	l := open(t, path, c)
	for i := uint64(1); i <= 100; i++ {
		save(t, l, Write{Entries: []*pb.Entry{entry(i, 1+i/40, 1000)}, Hard: hard(1+i/40, 0, i)})
		c.at = c.at.Add(time.Minute)
	}
	keep := Keep{For: 30 * time.Minute, Bytes: 1 << 40}
	if n, err := l.Drop(keep); err != nil || n != 0 {
		t.Fatalf("dropped %d, %v: the files have applied nothing", n, err)
	}
	save(t, l, Write{Applied: 90})
	if n, err := l.Drop(keep); err != nil || n != 70 {
		t.Fatalf("dropped %d, %v, want the 70 that are older than 30 minutes", n, err)
	}
	if n, err := l.Drop(Keep{For: time.Hour, Bytes: 25 << 10}); err != nil || n == 0 || n > 10 {
		t.Fatalf("dropped %d, %v for the size", n, err)
	}
	if n, err := l.Drop(Keep{}); err != nil || n == 0 {
		t.Fatalf("dropped %d, %v", n, err)
	}
	first, _ := l.FirstIndex()
	if first != 90 {
		t.Fatalf("the log begins at %d, want 90: the last that is applied", first)
	}
	var want []*pb.Entry
	for i := first; i <= 100; i++ {
		want = append(want, entry(i, 1+i/40, 1000))
	}
	wantEntries(t, l, want...)
	if err := l.Overwrite(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = open(t, path, c)
	wantEntries(t, l, want...)
	if text, err := os.ReadFile(path); err != nil || bytes.Contains(text, []byte("50/2 50/2 ")) {
		t.Errorf("a dropped entry can still be read in the file (%v)", err)
	}
}

// C-7: a log with any bit wrong is refused, or has lost nothing.
func TestADamagedLogIsRefused(t *testing.T) {
	path := create(t, Beginning{Index: 4, Term: 1})
	l := open(t, path, newClock())
	var all []*pb.Entry
	for i := uint64(5); i < 60; i++ {
		e := entry(i, 2, 100+int(i)*17)
		all = append(all, e)
		save(t, l, Write{Entries: []*pb.Entry{e}, Hard: hard(2, 3, i-1), Applied: i - 1})
	}
	want := l.HardState().String()
	l.Close()
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	r := rand.New(rand.NewPCG(7, 7))
	damaged := filepath.Join(t.TempDir(), "log.db")
	tries, refused := 0, 0
	flip := func(bit int) {
		tries++
		text := bytes.Clone(sound)
		text[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(damaged, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(damaged, identity, newClock().now)
		if err != nil {
			refused++
			return
		}
		defer l.Close()
		wantEntries(t, l, all...)
		if got := l.HardState().String(); got != want {
			t.Errorf("bit %d of page %d: got %s, want %s", bit%(8*page), bit/8/page, got, want)
		}
	}
	for p := range len(sound) / page {
		for _, at := range []int{8, 10, 11, 12, 16, 17, 20, 24, 32, 40} { // the page's own fields and its first elements
			flip((p*page+at)*8 + r.IntN(8))
		}
		for range 3 {
			flip((p*page + r.IntN(page)) * 8)
		}
	}
	t.Logf("%d of %d logs with one wrong bit were refused; the others had lost nothing", refused, tries)
	if refused < tries/4 {
		t.Errorf("only %d of %d were refused", refused, tries)
	}
}

// A log that is damaged while it is open says so when the entry is read: Raft then stops.
func TestAnEntryThatIsDamagedMeanwhileIsNoticed(t *testing.T) {
	path := create(t, Beginning{})
	l := open(t, path, newClock())
	big := entry(1, 1, maxTail*3/4)
	for i := uint64(1); i <= 2; i++ {
		save(t, l, Write{Entries: []*pb.Entry{{Index: new(i), Term: new(uint64(1)), Type: pb.EntryNormal.Enum(), Data: big.Data}}, Hard: hard(1, 0, i)})
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, big.Data[:1000])
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for ; at >= 0 && at < len(text); at += maxTail / 4 {
		if _, err := f.WriteAt([]byte{'x'}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	var damage *DamagedError
	if _, err := l.Entries(1, 2, 1<<40); !errors.As(err, &damage) || damage.Index != 1 {
		t.Errorf("got %v, want damage at 1", err)
	}
	if err := l.Save(Write{Hard: hard(2, 0, 2)}); err == nil {
		t.Error("a log in which damage was met is written to: the node would go on voting")
	}
	if l.Failed() == nil {
		t.Error("the damage is not remembered")
	}
}

// Dropping while others read where the log begins is no damage.
func TestDroppingWhileOthersReadIsNoDamage(t *testing.T) {
	c := newClock()
	l := open(t, create(t, Beginning{Index: 1, Term: 1}), c)
	var list []*pb.Entry
	for i := uint64(2); i < 20_000; i++ {
		list = append(list, entry(i, 1, 400))
	}
	save(t, l, Write{Entries: list, Hard: hard(1, 0, 19_999), Applied: 19_999})
	c.at = c.at.Add(time.Hour)
	stop := make(chan struct{})
	done := make(chan error, 3)
	for range 3 {
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				first, err := l.FirstIndex()
				if err == nil {
					_, err = l.Entries(first, first+1, 1)
				}
				if err != nil && !errors.Is(err, raft.ErrCompacted) {
					done <- err
					return
				}
			}
		}()
	}
	for {
		n, err := l.Drop(Keep{})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	close(stop)
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

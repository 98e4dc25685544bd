package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// flipFile names, in a child process, the file in which it flips bytes.
const flipFile = "ACCORD_TEST_FLIP_FILE"

// flips is how many flips to try: ACCORD_TEST_FLIPS, or what a test asks for.
func flips(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("ACCORD_TEST_FLIPS")); err == nil {
		return n
	}
	if testing.Short() {
		return usual / 10
	}
	return usual
}

// inChild runs the rest of a test in a child process, with the path of a file that it may harm: whatever ends the process
// fails the test, above all what nothing inside could catch.
func inChild(t *testing.T, make func(path string), rest func(path string)) {
	t.Helper()
	if path := os.Getenv(flipFile); path != "" {
		rest(path)
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	make(path)
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-test.short=%v", testing.Short()))
	child.Env = append(os.Environ(), flipFile+"="+path, "GOTRACEBACK=all", "GOGC=1") // collect garbage all the time: that looks at every pointer
	out, err := child.CombinedOutput()
	if err != nil {
		at, _ := os.ReadFile(path + ".at")
		t.Fatalf("the child: %v, at %s\n%s", err, at, out[:min(len(out), 40000)])
	}
	t.Logf("%s", out)
}

// flipped is a file in which one bit at a time is wrong.
type flipped struct {
	t       *testing.T
	path    string
	whole   []byte
	file    *os.File
	r       *rand.Rand
	leading []int // offsets of the pages that lead to others, or list buckets or free pages, now or once
}

func openFlipped(t *testing.T, path string) *flipped {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &flipped{t: t, path: path, whole: whole, r: rand.New(rand.NewPCG(5, 5))}
	if f.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.file.Close() })
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	root := 0
	if err := db.View(func(tx *bolt.Tx) error {
		root = int(tx.Cursor().Bucket().Root())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for at := 2 * pageSize; at < len(whole); at += pageSize {
		const branch, freelist = 0x01, 0x10 // bbolt's flags of a page
		if flags := binary.NativeEndian.Uint16(whole[at+8:]); flags == branch || flags == freelist || at == root*pageSize {
			f.leading = append(f.leading, at)
		}
	}
	return f
}

// flip flips a bit: half of the times in a page that leads to others, and mostly where something is. It writes down which.
func (f *flipped) flip() (at int, undo func()) {
	f.t.Helper()
	start, size := 0, len(f.whole)
	if f.r.IntN(2) == 0 {
		start, size = f.leading[f.r.IntN(len(f.leading))], pageSize
	}
	at = start + f.r.IntN(size)
	for f.whole[at] == 0 && f.r.IntN(20) > 0 {
		at = start + f.r.IntN(size)
	}
	bit := byte(1 << f.r.IntN(8))
	if err := os.WriteFile(f.path+".at", fmt.Appendf(nil, "%d bit %08b", at, bit), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.write(at, f.whole[at]^bit)
	return at, func() { f.write(at, f.whole[at]) }
}

func (f *flipped) write(at int, b ...byte) {
	f.t.Helper()
	if _, err := f.file.WriteAt(b, int64(at)); err != nil {
		f.t.Fatal(err)
	}
}

// makeWorld makes a file with what a random world does, and so many objects more.
func makeWorld(t *testing.T, path string, more int) {
	t.Helper()
	id := uuid.New()
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{Now: clockFrom(testEpoch, 1700000)})
	if err != nil {
		t.Fatal(err)
	}
	declare(t, col)
	w := newWorld(3)
	m := newModel()
	for range 15 {
		w.do(t, col, m)
	}
	for n := range more {
		add(t, col, address(testID("url", n), strings.Repeat("x", 100)))
	}
	if err := col.close(); err != nil {
		t.Fatal(err)
	}
}

// A byte flipped anywhere is found, or it lies where nothing is kept.
func TestCheckFindsFlippedBytes(t *testing.T) {
	inChild(t, func(path string) { makeWorld(t, path, 0) }, func(path string) {
		f := openFlipped(t, path)
		want := dumpOrFault(t, path)
		found := 0
		for range flips(250) {
			at, undo := f.flip()
			if got := dumpOrFault(t, path); got != want {
				found++
				if !strings.HasPrefix(got, "fault:") {
					t.Errorf("the byte at %d is flipped, the content is another, and check finds nothing: %s", at, firstDifference(got, want))
				}
			}
			runtime.GC() // it looks at every pointer that is left
			undo()
		}
		t.Logf("%d of %d flips changed something", found, flips(250))
	})
}

// A byte flipped while a collection is open may make its answers errors. It does not end the process, nor keep anybody
// waiting.
func TestFlippedBytesUnderAnOpenCollectionAreSurvived(t *testing.T) {
	inChild(t, func(path string) { makeWorld(t, path, 250) }, func(path string) {
		f := openFlipped(t, path)
		refused := 0
		for n := range flips(100) {
			if n%2 == 0 {
				_, undo := f.flip() // found when it is opened, or later
				refused += useHarmed(t, path, func() {})
				undo()
			} else {
				refused += useHarmed(t, path, func() { f.flip() })
			}
			runtime.GC()
			f.write(0, f.whole...)
			if err := f.file.Truncate(int64(len(f.whole))); err != nil {
				t.Fatal(err)
			}
		}
		if refused == 0 {
			t.Error("nothing was refused: the flips did not come to anything")
		}
		t.Logf("%d operations were refused", refused)
	})
}

// useHarmed opens a collection, lets it be harmed, reads and writes in every way, and closes it. It returns how much of
// that was refused; what is not over after a minute fails the test.
func useHarmed(t *testing.T, path string, harm func()) (refused int) {
	t.Helper()
	stuck := time.AfterFunc(time.Minute, func() { panic("a damaged file keeps a caller waiting") })
	defer stuck.Stop()
	col, err := openCollection(path, collectionOptions{})
	if err != nil {
		return 1
	}
	col.file.Load().db.NoSync = true
	harm()
	try := func(err error) {
		if err != nil {
			refused++
		}
	}
	if err := tryDeclare(col); err != nil {
		refused++
	}
	w := newWorld(9)
	m := newModel()
	for range 2 {
		for range 5 {
			_, err := col.Page(w.query(m), nil)
			try(err)
		}
		_, err := col.Append(t.Context(), Batch{Changes: []Change{
			{Add: &Addition{Object: parsed(t, malware(testID("malware", w.IntN(50)), spec21, someVersions[w.IntN(len(someVersions))], ""))}},
			{Remove: &Removal{ID: testID("tool", w.IntN(10))}},
		}, Follower: &FollowerUpdate{Name: "f", Position: 3, Set: []KeyValue{{[]byte("k"), []byte("v")}}}})
		try(err)
	}
	faults, err := col.Check(t.Context())
	try(err)
	refused += len(faults)
	try(col.close())
	return refused
}

// A bit flipped in the text of an object, on disk or in an open file, is never served: the page is refused, as damage.
func TestAFlippedBitInATextIsNotServed(t *testing.T) {
	id := uuid.New()
	path := filepath.Join(t.TempDir(), "agreement.db")
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := malware(testID("malware", 1), spec21, "2021-01-01T00:00:00.000Z", "")
	add(t, col, text)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	start := bytes.Index(whole, []byte(text))
	write := func(at int, b byte) {
		t.Helper()
		if _, err := file.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	page := func() (Page, error) { return col.Page(Query{Versions: Versions{All: true}, Limit: 10}, nil) }
	for bit := range 8 * len(text) {
		at := start + bit/8
		write(at, whole[at]^1<<(bit%8))
		if got, err := page(); DiskErrorOf(err) != Damaged {
			t.Fatalf("bit %d of the text: got %s, %v, want damage", bit, got.Body, err)
		}
		write(at, whole[at])
	}
	if got, err := page(); err != nil || string(got.Body) != text {
		t.Errorf("with the text as it was: got %s, %v", got.Body, err)
	}
	if err := col.close(); err != nil {
		t.Fatal(err)
	}
}

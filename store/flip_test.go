package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// flipFile names, in a child process, the file in which it flips bytes; flipFrom the first flip that is its own.
const (
	flipFile = "ACCORD_TEST_FLIP_FILE"
	flipFrom = "ACCORD_TEST_FLIP_FROM"
)

// A byte flipped anywhere is found, or it lies where nothing is kept. A child process looks: in rare cases what bbolt
// makes of a damaged page ends the process in a way that nothing can catch, which is a way of finding it, too.
func TestCheckFindsFlippedBytes(t *testing.T) {
	if path := os.Getenv(flipFile); path != "" {
		from, err := strconv.Atoi(os.Getenv(flipFrom))
		if err != nil {
			t.Fatal(err)
		}
		flipBytes(t, path, from)
		return
	}
	id := uuid.New()
	path := filepath.Join(t.TempDir(), "a.db")
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{Now: clockFrom(testEpoch, 1700000)})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(3)
	m := &model{gone: map[string]bool{}}
	for range 15 {
		w.do(t, col, m)
	}
	if err := col.close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const mostDeaths = 30
	from := 0
	for deaths := 0; from < flips(); deaths++ {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"-test.run=^TestCheckFindsFlippedBytes$", "-test.v", fmt.Sprintf("-test.short=%v", testing.Short())}
		child := exec.Command(os.Args[0], args...)
		child.Env = append(os.Environ(), flipFile+"="+path, flipFrom+"="+strconv.Itoa(from))
		out, err := child.CombinedOutput()
		if err == nil {
			break
		}
		if !bytes.Contains(out, []byte("fatal error:")) || deaths == mostDeaths {
			t.Fatalf("the child from flip %d on: %v\n%s", from, err, out[:min(len(out), 4000)])
		}
		at, err := os.ReadFile(path + ".at")
		if err != nil {
			t.Fatal(err)
		}
		last, err := strconv.Atoi(string(at))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("flip %d ended the process", last)
		from = last + 1
	}
}

func flips() int {
	if testing.Short() {
		return 40
	}
	return 1000
}

// flipBytes flips a byte at a time and holds what check says against what the file then holds. Before each it writes
// down which one it is.
func flipBytes(t *testing.T, path string, from int) {
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := dumpOrFault(t, path)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	write := func(at int, b byte) {
		if _, err := file.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	found := 0
	for n := range flips() {
		at := r.IntN(len(whole))
		for whole[at] == 0 && r.IntN(20) > 0 { // mostly where something is
			at = r.IntN(len(whole))
		}
		bit := byte(1 << r.IntN(8))
		if n < from {
			continue
		}
		if err := os.WriteFile(path+".at", []byte(strconv.Itoa(n)), 0o600); err != nil {
			t.Fatal(err)
		}
		write(at, whole[at]^bit)
		if got := dumpOrFault(t, path); got != want {
			found++
			if !strings.HasPrefix(got, "fault:") {
				t.Errorf("the byte at %d is flipped, the content is another, and check finds nothing: %s", at, firstDifference(got, want))
			}
		}
		write(at, whole[at])
	}
	t.Logf("%d of %d flips changed something", found, flips()-from)
}

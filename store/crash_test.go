package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

// crashFile names, in a child process, the file that it writes until it is killed.
const crashFile = "ACCORD_TEST_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		if err := writeUntilKilled(path, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled appends and deletes from several goroutines, sweeps and compacts all the time, and prints what has been acknowledged,
// a line each.
func writeUntilKilled(path string, out io.Writer) error {
	col, err := openCollection(path, collectionOptions{})
	if err != nil {
		return err
	}
	s, err := col.Stats()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	failed := make(chan error, 5)
	go func() {
		for {
			file := col.use()
			err := sweepFile(context.Background(), file.db, bucketMeta)
			file.leave()
			if err == nil {
				_, err = col.compact(context.Background(), path, func(string) {})
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	for n := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				var changes []Change
				for j := range 3 {
					text := address(testID("url", int(s.Entries)*1_000_000+n*100_000+i*10+j), fmt.Sprintf("%0*d", 300, i))
					o, err := parseText(text)
					if err != nil {
						failed <- err
						return
					}
					changes = append(changes, Change{Add: &Addition{Object: o}})
				}
				if i%5 == 4 {
					changes = append(changes, Change{Remove: &Removal{ID: changes[0].Add.Object.ID}})
				}
				id := uuid.New()
				r, err := col.Append(context.Background(), Batch{
					Changes: changes, Status: &StatusDraft{ID: id, Text: []byte("{}")},
				})
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Fprintln(out, r.Outcomes[1].Position, r.Outcomes[1].At.UnixMicro(), changes[1].Add.Object.ID, id)
				mu.Unlock()
			}
		})
	}
	return <-failed
}

// Whatever was acknowledged is there after a kill, and the file needs no repair.
func TestAKillLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agreement.db")
	id := uuid.New()
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := col.close(); err != nil {
		t.Fatal(err)
	}
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	var all []string
	for round := range rounds {
		all = append(all, killAfter(t, path, 20+round*17)...)
		col, err := openCollection(path, collectionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range all {
			mustHold(t, col, line)
		}
		mustBeSound(t, col)
		if err := col.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter runs a writing child, kills it after it has acknowledged some appends, and returns all that it acknowledged.
func killAfter(t *testing.T, path string, acknowledged int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashFile+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for s := bufio.NewScanner(out); s.Scan(); {
		lines = append(lines, s.Text())
		if len(lines) == acknowledged {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	child.Wait()
	if len(lines) < acknowledged {
		t.Fatalf("the child ended after %d lines, want %d", len(lines), acknowledged)
	}
	return lines
}

func mustHold(t *testing.T, col *Collection, line string) {
	t.Helper()
	var position journal.Position
	var at int64
	var id, status string
	if n, err := fmt.Sscan(line, &position, &at, &id, &status); n != 4 {
		return // the last line may be cut
	} else if err != nil {
		t.Fatal(err)
	}
	e, _, err := col.Entry(position)
	if err != nil || e.Object != id || e.At.UnixMicro() != at {
		t.Fatalf("acknowledged %q, but the entry is %+v, %v", line, e, err)
	}
	if _, ok, err := col.ObjectAt(position); !ok || err != nil {
		t.Fatalf("acknowledged %q, but the object is not there: %v", line, err)
	}
	sid, err := uuid.Parse(status)
	if err != nil {
		return // cut
	}
	if _, ok, err := col.Status(sid); !ok || err != nil {
		t.Fatalf("acknowledged %q, but its status is not there: %v", line, err)
	}
}

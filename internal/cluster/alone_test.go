package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/store"
)

// restart-alone is killed between any two of its steps, and run again: what the log has is applied once.
func TestRestartAloneThatWasKilledIsRunAgain(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	c.add(0, 0)
	c.level(2, 0)
	c.stop(0)
	behind := filepath.Join(t.TempDir(), "behind") // the files lack what the log has
	c.must(os.CopyFS(behind, os.DirFS(c.dirs[0])))
	c.start(0)
	c.add(0, 1)
	col, _ := c.stores[0].CollectionOf(c.about)
	_, err := col.Append(t.Context(), store.Batch{Actor: store.Actor{Account: "vendor-push", Party: "vendor"}, Changes: []store.Change{{Remove: &store.Removal{
		ID: "campaign--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2b0001", Operator: true, Reason: "test"}}}})
	c.must(err)
	want, _, err := col.Head()
	c.must(err)
	c.stop(0)
	id, err := ReadIdentity(c.dirs[0])
	c.must(err)
	ahead, err := raftlog.Open(LogPath(c.dirs[0]), id.logIdentity(), time.Now)
	c.must(err)
	log, err := raftlog.Open(LogPath(behind), id.logIdentity(), time.Now)
	c.must(err)
	from, err := log.LastIndex()
	c.must(err)
	last, err := ahead.LastIndex()
	c.must(err)
	entries, err := ahead.Entries(from+1, last+1, 1<<30)
	c.must(err)
	c.must(errors.Join(log.Save(raftlog.Write{Entries: entries, Hard: ahead.HardState()}), log.Close(), ahead.Close()))
	all := func(*Identity, *Members) error { return nil }
	for killed, until := range map[string]func(dir string) error{
		"before it applies anything": func(string) error { return nil },
		"before the mark": func(dir string) error {
			_, log, _, err := openStopped(dir, time.Now)
			c.must(err)
			return errors.Join(applyRest(dir, id, log), log.Close())
		},
		"after the mark":           func(dir string) error { return applyAll(dir, time.Now, all) },
		"when the files have left": func(dir string) error { return errors.Join(applyAll(dir, time.Now, all), store.LeaveLog(dir)) },
	} {
		dir := filepath.Join(t.TempDir(), "copy")
		c.must(os.CopyFS(dir, os.DirFS(behind)))
		c.must(until(dir))
		if leaving(dir) {
			if _, err := Open(Config{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "restart-alone again") {
				t.Errorf("killed %s: a server starts: %v", killed, err)
			}
		}
		c.must(RestartAlone(dir, "test", time.Now))
		if leaving(dir) {
			t.Errorf("killed %s: the new cluster is said to be left", killed)
		}
		s, err := store.Open(dir, store.Options{ReadOnly: true})
		c.must(err)
		col, _ := s.CollectionOf(c.about)
		got, _, err := col.Head()
		c.must(errors.Join(err, s.Close()))
		if got != want {
			t.Errorf("killed %s: the journal has %d entries, want %d", killed, got, want)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

// writing adds generated objects and remembers what was acknowledged.
type writing struct {
	c            *child
	from         int
	supply       [][]byte
	acknowledged map[string]bool
}

func newWriting(c *child, n int) *writing {
	return &writing{c: c, supply: demo.Generate(31, n), acknowledged: map[string]bool{}}
}

// add posts an envelope of n objects; a status other than 202 comes back with its error resource.
func (w *writing) add(n int) (int, taxii.Error, http.Header) {
	w.c.t.Helper()
	a, err := w.c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(w.supply[w.from:w.from+n]...)))
	if err != nil {
		w.c.t.Fatal(err)
	}
	if a.status != http.StatusAccepted {
		var e taxii.Error
		if err := json.Unmarshal(a.body, &e); err != nil || e.Title == "" {
			w.c.t.Fatalf("got %d %s, want an error resource", a.status, a.body)
		}
		return a.status, e, a.header
	}
	w.from += n
	var status taxii.Status
	if err := json.Unmarshal(a.body, &status); err != nil || status.FailureCount > 0 {
		w.c.t.Fatalf("got %s, want no failure", a.body)
	}
	for _, s := range status.Successes {
		w.acknowledged[s.ID+" "+s.Version] = true
	}
	return a.status, taxii.Error{}, a.header
}

// wantAll checks that everything acknowledged is stored.
func (w *writing) wantAll(c *child) {
	w.c.t.Helper()
	there := c.versionsIn("agency-siem", gsp)
	for key := range w.acknowledged {
		if !there[key] {
			w.c.t.Errorf("%s was answered with success and is gone", key)
		}
	}
}

// startFrom is like start, with a command that starts the program.
func startFrom(t *testing.T, vars, before []string, args ...string) *child {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, vars, append(append(append([]string{}, before...), path), args...)...)
}

// wantHealthy checks that the operations listener reports health.
func wantHealthy(t *testing.T, ops string) {
	t.Helper()
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := http.Get(ops + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d, want 200", path, resp.StatusCode)
		}
	}
}

// mountSmall mounts a file system of a given size, or skips the test if that is not permitted.
func mountSmall(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a file system of its own cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestAFullDiskRefusesWritesUntilThereIsRoom(t *testing.T) {
	file, _ := exchange(t)
	disk := mountSmall(t, "7m")
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, exchangeVars, serveArgs(filepath.Join(disk, "data"), "--plain-http", "--apply", file, "--ops-listen", "127.0.0.1:0")...)
	ops := strings.TrimSuffix(c.said("operation: /healthz, /readyz, /metrics").URL, "/")
	c.serving()
	w := newWriting(c, 4000)
	status, e, header := w.add(100)
	for status == http.StatusAccepted {
		status, e, header = w.add(100)
	}
	if status != http.StatusInsufficientStorage || e.HTTPStatus != "507" || header.Get("Retry-After") == "" {
		t.Errorf("with a full disk: got %d %+v, want 507 and when to try again", status, e)
	}
	if advice := c.said("the disk failed a request").Advice; !strings.Contains(advice, "make room") {
		t.Errorf("got the advice %q in the log, want what to do", advice)
	}
	w.wantAll(c) // reads go on
	wantHealthy(t, ops)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if status, e, _ := w.add(100); status != http.StatusAccepted {
		t.Errorf("with room again: got %d %+v, want 202", status, e)
	}
	w.wantAll(c)
	c.Cmd.Process.Kill()
	c.wait()
	wantOutcome(t, once(t, nil, "check", "--data", filepath.Join(disk, "data")), 0, "faults: 0")
	c = start(t, nil, serveArgs(filepath.Join(disk, "data"), "--plain-http")...).serving()
	w.c = c
	w.wantAll(c)
	t.Logf("%d versions acknowledged before and after the disk was full", len(w.acknowledged))
	c.terminate()
}

func TestALimitOfFileSizesRefusesWrites(t *testing.T) {
	file, data := exchange(t)
	c := startFrom(t, exchangeVars, []string{"prlimit", "--fsize=3000000"}, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	w := newWriting(c, 4000)
	status := http.StatusAccepted
	var e taxii.Error
	for status == http.StatusAccepted {
		status, e, _ = w.add(100)
	}
	if status != http.StatusInsufficientStorage && status != http.StatusServiceUnavailable {
		t.Errorf("got %d %+v, want 507 or 503", status, e)
	}
	w.wantAll(c)
	c.terminate()
	c = start(t, nil, serveArgs(data, "--plain-http")...).serving()
	w.c = c
	w.wantAll(c)
	if status, e, _ := w.add(100); status != http.StatusAccepted {
		t.Errorf("without the limit: got %d %+v, want 202", status, e)
	}
	c.terminate()
	wantOutcome(t, once(t, nil, "check", "--data", data), 0, "faults: 0")
}

// injected makes the kernel fail some of a server's system calls, until stop. When it returns, writes fail with the
// expected answer, the log says what to do, and reads continue. Without strace it skips the test.
func injected(t *testing.T, w *writing, calls, failure string) (stop func()) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("strace is not installed: no failing %s is tried", calls)
	}
	cmd := exec.Command(strace, "-f", "-q", "-o", "/dev/null", "-p", strconv.Itoa(w.c.Cmd.Process.Pid),
		"-e", "trace="+calls, "-e", "inject="+calls+":error="+failure)
	if err := cmd.Start(); err != nil {
		t.Skipf("strace cannot be started: %v", err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	t.Cleanup(stop)
	failing := false
	for deadline := time.Now().Add(10 * time.Second); !failing && time.Now().Before(deadline); { // until it has attached
		status, e, header := w.add(10)
		failing = status != http.StatusAccepted
		if failing && (status != http.StatusServiceUnavailable || header.Get("Retry-After") == "") {
			t.Errorf("got %d %+v, want 503 and when to try again", status, e)
		}
	}
	if !failing {
		stop()
		t.Skipf("strace could not make %s fail here", calls)
	}
	if advice := w.c.said("the disk failed a request").Advice; !strings.Contains(advice, "restart the server") {
		t.Errorf("got the advice %q in the log, want what to do", advice)
	}
	w.wantAll(w.c)
	return stop
}

// The kernel is made to fail fdatasync, like a failing disk.
func TestAFailingDiskAcknowledgesNothing(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	w := newWriting(c, 2000)
	w.add(100)
	injected(t, w, "fdatasync,fsync", "EIO")()
	c.Cmd.Process.Kill()
	c.wait()
	wantOutcome(t, once(t, nil, "check", "--data", data), 0, "faults: 0")
	c = start(t, nil, serveArgs(data, "--plain-http")...).serving()
	w.c = c
	w.wantAll(c)
	if status, e, _ := w.add(100); status != http.StatusAccepted {
		t.Errorf("afterwards: got %d %+v, want 202", status, e)
	}
	c.terminate()
}

// An agreement's file is overwritten under the running server. Every request is answered, and the other agreement is
// served as before.
func TestAFileThatIsDamagedWhileServedHurtsNobodyElse(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	w := newWriting(c, 1000)
	w.add(500)
	f, err := os.OpenFile(filepath.Join(data, gspFile), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	junk := bytes.Repeat([]byte{0xa5}, 16<<10)
	for at := int64(2 * len(junk)); at < info.Size(); at += int64(len(junk)) {
		if _, err := f.WriteAt(junk, at); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for _, path := range []string{"objects/", "manifest/", "objects/?match[type]=indicator", "objects/?match[version]=all&limit=10000"} {
		a, err := c.ask("agency-siem", http.MethodGet, gsp+path, nil)
		if err != nil {
			t.Fatalf("GET %s: %v", path, err)
		}
		if a.status == http.StatusServiceUnavailable {
			refused++
		} else if a.status != http.StatusOK {
			t.Errorf("GET %s: got %d %s, want 503, or 200 where nothing damaged is touched", path, a.status, a.body)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused, though every page is junk")
	}
	if status, e, _ := w.add(100); status != http.StatusServiceUnavailable {
		t.Errorf("POST: got %d %+v, want 503", status, e)
	}
	var list struct {
		Collections []struct{ ID string }
	}
	if c.get("agency-siem", "/nicp/collections/", &list); len(list.Collections) != 2 {
		t.Errorf("got %d collections, want 2", len(list.Collections))
	}
	if advice := c.said("the disk failed a request").Advice; !strings.Contains(advice, "accord check --rebuild") {
		t.Errorf("got the advice %q in the log, want what to do", advice)
	}
}

func TestAReadOnlyDiskIsSaidAtTheStart(t *testing.T) {
	file, _ := exchange(t)
	disk := mountSmall(t, "16m")
	data := filepath.Join(disk, "data")
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	c.terminate()
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("the file system cannot be made read-only here: %v", err)
	}
	o := once(t, nil, serveArgs(data, "--plain-http")...)
	if o.code != exitFailed || !strings.Contains(o.stderr, "read-only") {
		t.Errorf("got %d %s, want 1 and the reason", o.code, o.stderr)
	}
	wantOutcome(t, once(t, nil, "check", "--data", data), 0, "faults: 0")
}

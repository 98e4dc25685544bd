package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantOthersServed checks that the agreement beside the damaged one is served as before.
func wantOthersServed(c *child, how string) {
	c.t.Helper()
	var list struct{ Collections []struct{ ID string } }
	if c.get("agency-siem", "/nicp/collections/", &list); len(list.Collections) != 2 {
		c.t.Errorf("%s: got %d collections, want 2", how, len(list.Collections))
	}
	for _, col := range list.Collections {
		if strings.Contains(gsp, col.ID) || strings.Contains(gspFile, col.ID) {
			continue
		}
		if a, err := c.ask("agency-siem", http.MethodGet, "/nicp/collections/"+col.ID+"/objects/", nil); err != nil || a.status != http.StatusOK {
			c.t.Errorf("%s: the other agreement: got %d %s, %v, want 200", how, a.status, a.body, err)
		}
	}
}

// An agreement's file is truncated under the running server, finally to nothing. Every request is answered, the other
// agreement is served, and the server can be stopped.
func TestAFileThatIsCutOffWhileServedHurtsNobodyElse(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	w := newWriting(c, 1000)
	w.add(500)
	path := filepath.Join(data, gspFile)
	const page = 16 << 10
	for _, size := range []int64{10 * page, 3 * page, page, 0} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		how := fmt.Sprintf("cut off at %d", size)
		for _, query := range []string{"objects/", "manifest/", "objects/?match[type]=indicator", "objects/?limit=10000"} {
			a, err := c.ask("agency-siem", http.MethodGet, gsp+query, nil)
			if err != nil {
				t.Fatalf("%s: GET %s: %v", how, query, err)
			}
			if a.status != http.StatusServiceUnavailable && a.status != http.StatusOK {
				t.Errorf("%s: GET %s: got %d %s, want 503, or 200 where nothing is missing", how, query, a.status, a.body)
			}
			if size == 0 && query == "objects/?limit=10000" && a.status != http.StatusServiceUnavailable {
				t.Errorf("%s: GET %s: got %d, want 503", how, query, a.status)
			}
		}
		if status, e, header := w.add(10); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("%s: POST: got %d %+v, want 503 and when to try again", how, status, e)
		}
		wantOthersServed(c, how)
	}
	if advice := c.said("the disk failed a request").Advice; !strings.Contains(advice, "accord check --rebuild") {
		t.Errorf("got the advice %q in the log, want what to do", advice)
	}
	c.terminate()
}

// The kernel is made to refuse writes, as it does when a file system has been made read-only. bbolt has then changed
// nothing, so writing continues once it is possible again.
func TestADiskThatBecomesReadOnlyAcknowledgesNothing(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	w := newWriting(c, 2000)
	w.add(100)
	injected(t, w, "pwrite64,ftruncate", "EROFS")()
	if status, e, _ := w.add(100); status != http.StatusAccepted {
		t.Errorf("afterwards: got %d %+v, want 202", status, e)
	}
	w.wantAll(c)
	c.Cmd.Process.Kill()
	c.wait()
	wantOutcome(t, once(t, nil, "check", "--data", data), 0, "faults: 0")
	c = start(t, nil, serveArgs(data, "--plain-http")...).serving()
	w.c = c
	w.wantAll(c)
	c.terminate()
}

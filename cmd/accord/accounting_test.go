package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

// A durable delivery is still recorded after the server was killed at the moment of the answer; an orderly end loses
// nothing in either mode.
func TestDeliveriesSurviveTheServersEnd(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name       string
		args       []string
		end        func(*child)
		unfinished uint64 // answers that may be known as begun only
	}{
		{"a kill, with durable deliveries", []string{"--durable-deliveries"}, func(c *child) { c.Cmd.Process.Kill(); c.wait() }, 1},
		{"an orderly end", nil, (*child).terminate, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			file, data := exchange(t)
			c := start(t, exchangeVars, serveArgs(data, append(row.args, "--plain-http", "--apply", file)...)...).serving()
			if a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(demo.Generate(17, 50)...))); err != nil || a.status != http.StatusAccepted {
				t.Fatalf("got %d %s and error %v", a.status, a.body, err)
			}
			polls := uint64(0)
			for page := (taxii.Envelope{More: true}); page.More; polls++ {
				path := gsp + "objects/?limit=10"
				if page.Next != "" {
					path += "&next=" + page.Next
				}
				page = taxii.Envelope{}
				c.get("agency-siem", path, &page)
			}
			row.end(c)
			o := accord(t, nil, "audit", "deliveries", "--agreement", "gsp", "--data", data, "--format", "json")
			var list audit.ConsumerList
			if err := json.Unmarshal([]byte(o.stdout), &list); err != nil || o.code != 0 {
				t.Fatalf("got %+v and error %v", o, err)
			}
			if len(list.Consumers) != 1 {
				t.Fatalf("got %+v, want one account", list)
			}
			c1 := list.Consumers[0]
			if c1.Polls != polls || polls < 3 || c1.Unfinished > row.unfinished || c1.Behind > 10*c1.Unfinished || list.Lost != nil {
				t.Errorf("got %+v, want %d polls of one account, with nothing left behind but what at most %d unfinished gave", list, polls, row.unfinished)
			}
		})
	}
}

// An agreement's file verifies by itself, in a folder that is not in use; a changed byte in an entry is found.
func TestAFileVerifiesByItself(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	objects := demo.Generate(19, 30)
	if a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(objects...))); err != nil || a.status != http.StatusAccepted {
		t.Fatalf("got %d %s and error %v", a.status, a.body, err)
	}
	kept := accord(t, nil, "audit", "checkpoint", "--agreement", "gsp", "--data", data)
	if kept.code != 0 {
		t.Fatalf("got %+v", kept)
	}
	name := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(name, []byte(kept.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	c.terminate()
	path := filepath.Join(data, "agreements", "91a7b528-80eb-42ed-a74d-c6fbd5a26116.db")
	intact := accord(t, nil, "audit", "verify", name, "--file", path)
	if want := fmt.Sprintf("begins with exactly the %d of the kept checkpoint", len(objects)+1); intact.code != 0 || !bytes.Contains([]byte(intact.stdout), []byte(want)) {
		t.Errorf("got %+v, want %q", intact, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("vendor-push")); n == 0 {
		t.Fatal("no entry names the account")
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("vendor-push"), []byte("vendor-posh")), 0o600); err != nil {
		t.Fatal(err)
	}
	o := accord(t, nil, "audit", "verify", name, "--file", path)
	if o.code != exitFound || !bytes.Contains([]byte(o.stderr), []byte("tree")) {
		t.Errorf("an account that was renamed in the file: got %+v", o)
	}
}

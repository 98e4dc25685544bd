package server_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
)

// The conversations are scripts for whoever knows TAXII: testdata/conversations/README.md says how to read them. Each
// runs against a server of its own.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("../../testdata/conversations/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := conversation{server: accordtest.New(t)}
			testscript.Run(t, testscript.Params{
				Files: []string{file},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"http": c.http, "keep": c.keep, "clock": c.clock, "accord": c.accord,
				},
			})
		})
	}
}

// conversation is one script's server.
type conversation struct{ server *accordtest.Server }

// http sends a request: http METHOD PATH [as=ACCOUNT] [accept=TYPE] [content-type=TYPE] [FILE]. It fails when the answer's
// status is 400 or above; with ! in front, when it is below.
func (c *conversation) http(ts *testscript.TestScript, refused bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: http METHOD PATH [as=ACCOUNT] [accept=TYPE] [content-type=TYPE] [FILE]")
	}
	r := accordtest.Request{Method: args[0], Path: args[1]}
	for _, arg := range args[2:] {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case ok && name == "as":
			r.As = value
		case ok && name == "accept":
			r.Accept = value
		case ok && name == "content-type":
			r.ContentType = value
		default:
			r.Body = []byte(ts.ReadFile(arg))
		}
	}
	a, err := c.server.Try(r)
	ts.Check(err)
	out := ts.Stdout()
	fmt.Fprintf(out, "HTTP %d %s\n", a.Status, http.StatusText(a.Status))
	var names []string
	for name := range a.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range a.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", strings.Replace(name, "X-Taxii", "X-TAXII", 1), value)
		}
	}
	fmt.Fprintf(out, "\n%s\n", a.Body)
	if refused != (a.Status >= 400) {
		ts.Fatalf("%s %s was answered %d:\n%s", r.Method, r.Path, a.Status, a.Body)
	}
}

// keep keeps a part of the last answer: keep NAME REGEXP, whose first group is then $NAME.
func (c *conversation) keep(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: keep NAME REGEXP")
	}
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("the last answer has nothing that matches %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// clock sets the server's clock: clock 2026-01-31.
func (c *conversation) clock(ts *testscript.TestScript, neg bool, args []string) {
	t, err := time.Parse(time.DateOnly, args[0])
	ts.Check(err)
	c.server.Clock.Set(t)
}

// accord does what an operator would do with the command of the same words: accord agreement terminate|suspend|resume
// NAME, accord agreement renew NAME --until DATE, accord check.
func (c *conversation) accord(ts *testscript.TestScript, neg bool, args []string) {
	line := strings.Join(args, " ")
	mark := &agreement.Mark{At: c.server.Clock.Now(), By: accordtest.Operator, Reason: "as a conversation has it"}
	switch {
	case line == "check":
		for _, col := range c.server.Store.Collections() {
			faults, err := col.Check(context.Background())
			ts.Check(err)
			if len(faults) > 0 {
				ts.Fatalf("check: %s", strings.Join(faults, "\n"))
			}
		}
	case len(args) < 3 || args[0] != "agreement":
		ts.Fatalf("accord %s is not part of conversations", line)
	case args[1] == "terminate":
		c.server.Change(agreement.Name(args[2]), args[1], func(a *agreement.Agreement) { a.Terminated = mark })
	case args[1] == "suspend":
		c.server.Change(agreement.Name(args[2]), args[1], func(a *agreement.Agreement) { a.Suspended = mark })
	case args[1] == "resume":
		c.server.Change(agreement.Name(args[2]), args[1], func(a *agreement.Agreement) { a.Suspended = nil })
	case args[1] == "renew" && len(args) == 5:
		until, err := agreement.ParseDate(args[4])
		ts.Check(err)
		c.server.Change(agreement.Name(args[2]), args[1], func(a *agreement.Agreement) { a.Term.Until = until })
	default:
		ts.Fatalf("accord %s is not part of conversations", line)
	}
}

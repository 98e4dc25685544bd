package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/store/journal"
)

// The scripts in testdata are read from top to bottom by people who know no Go. Beside testscript's own commands:
//
//	accord ...                       runs the command; its password variables are PW for every account
//	serve                            begins to serve the folder data, until the script ends
//	http METHOD PATH as=ACCOUNT [FILE]  sends a request; ! in front wants a refusal
//	clock DATE                       sets the clock of the server
//	await AGREEMENT N                waits until the agreement holds N versions
//	keep NAME REGEXP                 calls what the first group matches in the last answer $NAME
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := &script{t: t}
			s.now.Store(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
			testscript.Run(t, testscript.Params{Files: []string{file}, Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"accord": s.accord, "serve": s.serve, "http": s.http, "clock": s.clock, "await": s.await, "keep": s.keep,
			}})
		})
	}
}

// script is one script's server and clock.
type script struct {
	t      *testing.T
	now    atomic.Int64 // microseconds since 1970
	server *serve.Running
}

// scriptPassword is everybody's.
const scriptPassword = "correct horse battery staple"

func (s *script) clockNow() time.Time { return time.UnixMicro(s.now.Load()).UTC() }

func (s *script) accord(ts *testscript.TestScript, refused bool, args []string) {
	for i := 1; i < len(args); i++ {
		if args[i-1] == "-f" || args[i-1] == "--data" || args[i-1] == "--password-file" {
			args[i] = ts.MkAbs(args[i])
		}
	}
	code := run(context.Background(), args, &env{
		stdin: strings.NewReader(""), stdout: ts.Stdout(), stderr: ts.Stderr(), now: s.clockNow,
		getenv: func(string) string { return scriptPassword },
	})
	if refused != (code != exitOK) {
		ts.Fatalf("accord %s: exit code %d", strings.Join(args, " "), code)
	}
}

func (s *script) serve(ts *testscript.TestScript, _ bool, _ []string) {
	config := accordtest.Config(ts.MkAbs("data"))
	config.Now = s.clockNow
	running, _ := accordtest.Serve(s.t, config)
	s.server = &running
}

func (s *script) http(ts *testscript.TestScript, refused bool, args []string) {
	if len(args) < 3 || s.server == nil {
		ts.Fatalf("usage, after serve: http METHOD PATH as=ACCOUNT [FILE]")
	}
	var body io.Reader
	if len(args) > 3 {
		body = strings.NewReader(ts.ReadFile(args[3]))
	}
	req, err := http.NewRequest(args[0], s.server.URL+args[1], body)
	ts.Check(err)
	req.SetBasicAuth(strings.TrimPrefix(args[2], "as="), scriptPassword)
	req.Header.Set("Content-Type", "application/taxii+json;version=2.1")
	if strings.HasPrefix(args[1], "/accord/") {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "HTTP %d\n", resp.StatusCode)
	for name, values := range resp.Header {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, values[0])
	}
	fmt.Fprintf(ts.Stdout(), "\n%s\n", text.String())
	if refused != (resp.StatusCode >= 400) {
		ts.Fatalf("%s %s was answered %d:\n%s", args[0], args[1], resp.StatusCode, text.String())
	}
}

func (s *script) clock(ts *testscript.TestScript, _ bool, args []string) {
	t, err := agreement.ParseDate(args[0])
	ts.Check(err)
	s.now.Store(t.UnixMicro())
}

func (s *script) await(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	col, ok := s.server.Store.Collection(agreement.Name(args[0]))
	if !ok {
		ts.Fatalf("there is no agreement %s", args[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), accordtest.Patience)
	defer cancel()
	for {
		stats, err := col.Stats()
		ts.Check(err)
		if stats.Versions == want {
			return
		}
		if err := col.Wait(ctx, journal.Position(stats.Entries)); err != nil {
			ts.Fatalf("%s has %d versions, want %d", args[0], stats.Versions, want)
		}
	}
}

func (s *script) keep(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile("(?im)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("the last answer has nothing that matches %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// The apply file that doc/agreements.md explains is the one that its script applies.
func TestTheDocumentedExampleIsTheOneThatIsTested(t *testing.T) {
	script, err := os.ReadFile("testdata/agreements.txtar")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../doc/agreements.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok || !strings.Contains(string(script), "-- exchange.yaml --\n"+example) {
		t.Error("doc/agreements.md and testdata/agreements.txtar have different apply files")
	}
}

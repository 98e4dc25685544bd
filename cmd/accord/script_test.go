package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/store/journal"
)

// The scripts in testdata are for readers who do not know Go. Besides testscript's own commands there are:
//
//	accord ...                       runs the command; its password variables are the password of every account
//	serve                            begins to serve the folder data, until the script ends
//	http METHOD PATH [as=ACCOUNT] [accept=TYPE] [content-type=TYPE] [FILE]  sends a request; ! in front wants a refusal
//	shutdown                        stops it (stop is testscript's own: it ends the script)
//	clock DATE                       sets the clock of the server
//	await AGREEMENT N                waits until the agreement holds N versions
//	settled AGREEMENT                waits until the releases from the agreement are up to date
//	keep NAME REGEXP                 calls what the first group matches in the last answer $NAME
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/*.txtar", func(t *testing.T) *script {
		s := &script{t: t, clock: new(accordtest.Clock), password: func(string) string { return scriptPassword }}
		s.clock.Set(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		return s
	})
}

// The conversations are scripts for readers who know TAXII; see testdata/conversations/README.md. Each runs against its
// own server, which serves the exchange of package accordtest.
func TestConversations(t *testing.T) {
	runScripts(t, "../../testdata/conversations/*.txtar", func(t *testing.T) *script {
		s := accordtest.New(t)
		return &script{t: t, clock: s.Clock, server: &s.Running, password: accordtest.Password}
	})
}

func runScripts(t *testing.T, pattern string, begin func(*testing.T) *script) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := begin(t)
			testscript.Run(t, testscript.Params{Files: []string{file}, Condition: inThisProcess, Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"accord": s.accord, "serve": s.serve, "shutdown": s.stopServer, "http": s.http, "clock": s.setClock, "await": s.await, "settled": s.settled, "keep": s.keep,
			}})
		})
	}
}

// inThisProcess is the condition of lines that need a program of its own: see the drill in package packaging.
func inThisProcess(condition string) (bool, error) {
	if condition != "program" {
		return false, fmt.Errorf("there is no condition %s", condition)
	}
	return false, nil
}

// script is one script's server and clock.
type script struct {
	t        *testing.T
	clock    *accordtest.Clock
	server   *serve.Running
	stop     func()
	password func(account string) string
}

// scriptPassword is the password of every account.
const scriptPassword = "correct horse battery staple"

func (s *script) accord(ts *testscript.TestScript, refused bool, args []string) {
	for i := 1; i < len(args); i++ {
		if args[i-1] == "-f" || args[i-1] == "--data" || args[i-1] == "--password-file" {
			args[i] = ts.MkAbs(args[i])
		}
	}
	if s.server != nil && !slices.Contains(args, "--data") && args[0] == "agreement" {
		args = append(args, "--data", s.server.Store.Dir())
	}
	code := run(context.Background(), args, &env{
		stdin: strings.NewReader(""), stdout: ts.Stdout(), stderr: ts.Stderr(), now: s.clock.Now,
		getenv: func(name string) string {
			if name != "ACCORD_PASSWORD" && strings.HasPrefix(name, "ACCORD_") {
				return ""
			}
			return scriptPassword
		},
	})
	if refused != (code != exitOK) {
		ts.Fatalf("accord %s: exit code %d", strings.Join(args, " "), code)
	}
}

func (s *script) serve(ts *testscript.TestScript, _ bool, _ []string) {
	config := accordtest.Config(ts.MkAbs("data"))
	config.Now, config.NoIndex = s.clock.Now, false
	running, stop := accordtest.Serve(s.t, config)
	ts.Defer(stop) // before the script's folder is removed
	s.server, s.stop = &running, stop
	ts.Setenv("URL", running.URL)
}

func (s *script) stopServer(ts *testscript.TestScript, _ bool, _ []string) {
	if s.stop == nil {
		ts.Fatalf("there is no server to stop")
	}
	s.stop()
	s.server, s.stop = nil, nil
}

func (s *script) http(ts *testscript.TestScript, refused bool, args []string) {
	if len(args) < 2 || s.server == nil {
		ts.Fatalf("usage, after serve: http METHOD PATH [as=ACCOUNT] [accept=TYPE] [content-type=TYPE] [FILE]")
	}
	r := accordtest.Request{Method: args[0], Path: args[1]}
	if strings.HasPrefix(r.Path, "/accord/") {
		r.ContentType = "application/json"
	}
	for _, arg := range args[2:] {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case ok && name == "as":
			r.As, r.Password = value, s.password(value)
		case ok && name == "accept":
			r.Accept = value
		case ok && name == "content-type":
			r.ContentType = value
		default:
			r.Body = []byte(ts.ReadFile(arg))
		}
	}
	a, err := r.Send(http.DefaultClient, s.server.URL)
	ts.Check(err)
	out := ts.Stdout()
	fmt.Fprintf(out, "HTTP %d %s\n", a.Status, http.StatusText(a.Status))
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		for _, value := range a.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", strings.Replace(name, "X-Taxii", "X-TAXII", 1), value)
		}
	}
	fmt.Fprintf(out, "\n%s\n", a.Body)
	if refused != (a.Status >= 400) {
		ts.Fatalf("%s %s was answered %d:\n%s", r.Method, r.Path, a.Status, a.Body)
	}
}

func (s *script) setClock(ts *testscript.TestScript, _ bool, args []string) {
	t, err := agreement.ParseDate(args[0])
	ts.Check(err)
	s.clock.Set(t)
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

// settled waits until the releases from an agreement have read its whole journal. What they only keep in mind, such as what waits
// for approval, wakes nobody, so it is asked for.
func (s *script) settled(ts *testscript.TestScript, _ bool, args []string) {
	col, ok := s.server.Store.Collection(agreement.Name(args[0]))
	if !ok {
		ts.Fatalf("there is no agreement %s", args[0])
	}
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for began := time.Now(); ; <-again.C {
		lags, err := follow.LagsFrom(s.server.Store, col, s.clock.Now())
		ts.Check(err)
		if !slices.ContainsFunc(lags, func(l follow.Lag) bool { return l.Behind > 0 }) {
			return
		}
		if time.Since(began) > accordtest.Patience {
			ts.Fatalf("the releases from %s are behind: %+v", args[0], lags)
		}
	}
}

func (s *script) keep(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("the last answer has nothing that matches %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// The commands of the programme in doc/agreements.md are those of its script.
func TestTheDocumentedProgrammeIsTheOneThatIsTested(t *testing.T) {
	script, err := os.ReadFile("testdata/programme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../doc/agreements.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(doc), "\n## A programme, from beginning to end\n")
	chapter, _, ended := strings.Cut(chapter, "\n## ")
	plain := strings.NewReplacer("$WORK/", "", "--data data", "--data /var/lib/accord", "'", `"`).Replace(string(script))
	commands := 0
	for line := range strings.Lines(chapter) {
		command, is := strings.CutPrefix(line, "    accord ")
		if !is {
			continue
		}
		if commands++; !strings.Contains(plain, "\naccord "+command) {
			t.Errorf("the script has no %s", line)
		}
	}
	if !ended || commands < 12 {
		t.Errorf("the chapter has %d commands", commands)
	}
	for _, block := range strings.Split(chapter, "```yaml\n")[1:] {
		terms, _, _ := strings.Cut(block, "```")
		if !strings.Contains(string(script), terms) {
			t.Errorf("programme.yaml does not have these terms:\n%s", terms)
		}
	}
}

// The apply file explained in doc/agreements.md is the one that its script applies.
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

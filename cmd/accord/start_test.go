package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every line of doc/start.md is run, in order, and prints what is below it: blocks of yaml and json with a name are files, lines that
// begin with $ are typed, the others are expected. What stays running is the real program.
func TestTheFirstTenMinutes(t *testing.T) {
	text, err := os.ReadFile("../../doc/start.md")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	page := strings.ReplaceAll(string(text), "127.0.0.1:6100", address)
	d := &typed{t: t, vars: map[string]string{}}
	if _, err := build(); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	blocks := regexp.MustCompile("(?ms)^```(\\w+) ?(\\S*)\n(.*?)^```").FindAllStringSubmatch(page, -1)
	if len(blocks) < 8 {
		t.Fatalf("only %d blocks were found", len(blocks))
	}
	for _, b := range blocks {
		kind, name, body := b[1], b[2], b[3]
		if kind != "console" {
			if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		d.block(body)
	}
}

// typed is a shell that knows what doc/start.md needs.
type typed struct {
	t      *testing.T
	vars   map[string]string
	output string // of the last command
	line   string // that command
}

func (d *typed) block(body string) {
	d.t.Helper()
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			d.run(command)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		at := regexp.MustCompile(`(?m)^` + strings.Join(parts, `.*`) + `$`).FindStringIndex(d.output)
		if at == nil {
			d.t.Fatalf("%s: the page shows %q, it prints\n%s", d.line, line, d.output)
		}
		d.output = d.output[at[1]:]
	}
}

func (d *typed) run(command string) {
	d.t.Helper()
	d.line = command
	command = os.Expand(command, func(name string) string { return d.vars[name] })
	if vars, ok := strings.CutPrefix(command, "export "); ok {
		for word := range strings.FieldsSeq(vars) {
			name, value, _ := strings.Cut(word, "=")
			d.vars[name] = value
		}
		return
	}
	command, file, redirected := strings.Cut(command, " > ")
	args := strings.Fields(command)[1:]
	if args[0] == "serve" {
		start(d.t, nil, args...).serving()
		return
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, &env{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now, getenv: func(name string) string { return d.vars[name] }})
	if code != exitOK {
		d.t.Fatalf("%s: exit code %d\n%s%s", d.line, code, stdout.String(), stderr.String())
	}
	d.output = stdout.String()
	if redirected {
		if err := os.WriteFile(filepath.Clean(file), stdout.Bytes(), 0o600); err != nil {
			d.t.Fatal(fmt.Errorf("%s: %w", d.line, err))
		}
	}
}

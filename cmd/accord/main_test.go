package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// outcome is the result of a command line.
type outcome struct {
	code           int
	stdout, stderr string
}

// accord runs one command line inside this process.
func accord(t *testing.T, vars map[string]string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &env{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now,
		getenv: func(name string) string { return vars[name] },
	})
	return outcome{code, stdout.String(), stderr.String()}
}

func TestBadCommandLinesSayWhatIsWrongAndEndWith2(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"a command that does not exist", []string{"frobnicate"}, `no command "accord frobnicate"`},
		{"a command misspelt", []string{"serv"}, "did you mean serve?"},
		{"a flag that does not exist", []string{"version", "--loud"}, "unknown flag: --loud"},
		{"an argument where none belongs", []string{"version", "now"}, `takes no arguments, got "now"`},
		{"no data folder", []string{"serve", "--listen", "127.0.0.1:0"}, `"data" not set`},
		{"no address", []string{"serve", "--data", "d"}, `"listen" not set`},
		{"an address without a port", []string{"serve", "--data", "d", "--listen", "127.0.0.1"}, "not HOST:PORT"},
		{"plain HTTP for everybody", []string{"serve", "--data", "d", "--listen", ":6100", "--plain-http"}, "--plain-http is refused on :6100"},
		{"plain HTTP on a real address", []string{"serve", "--data", "d", "--listen", "192.0.2.1:6100", "--plain-http"}, "--behind-proxy"},
		{"plain HTTP with a certificate", []string{"serve", "--data", "d", "--listen", "127.0.0.1:0", "--plain-http", "--tls-cert", "c"}, "exclude each other"},
		{"a certificate without its key", []string{"serve", "--data", "d", "--listen", "127.0.0.1:0", "--tls-cert", "c"}, "belong together"},
		{"an address for everybody without a certificate", []string{"serve", "--data", "d", "--listen", "0.0.0.0:6443"}, "needs a certificate"},
		{"a log format that does not exist", []string{"serve", "--data", "d", "--listen", "127.0.0.1:0", "--log-format", "xml"}, "json or console"},
		{"help for a command that does not exist", []string{"help", "frobnicate"}, "no command frobnicate to explain"},
		{"a demo for everybody", []string{"demo", "--listen", "0.0.0.0:0"}, "passwords are public"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			got := accord(t, nil, row.args...)
			if got.code == exitOK || !strings.Contains(got.stderr, row.want) || !strings.HasPrefix(got.stderr, "accord: ") {
				t.Errorf("got code %d and %q, want an error with %q", got.code, got.stderr, row.want)
			}
			if got.code != exitUsage {
				t.Errorf("got code %d, want %d", got.code, exitUsage)
			}
			if left, _ := filepath.Glob("*"); len(left) > 0 {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

func TestServeRefusesWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	serve := func(more ...string) []string {
		return append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, more...)
	}
	for _, row := range []struct {
		name      string
		args      []string
		want      string
		fileFault bool // found without the data folder
	}{
		{"an apply file that is not there", serve("--plain-http", "--apply", filepath.Join(dir, "absent.yaml")), "absent.yaml", true},
		{"an unknown key in the apply file", serve("--plain-http", "--apply", write("key.yaml", "server: {title: X}\nparteis: []\n")), "key.yaml:2: ", true},
		{"a password variable that is not set", serve("--plain-http", "--apply",
			write("pw.yaml", "parties: [{name: p, title: P}]\naccounts:\n  - {name: a, party: p, password_env: NOT_SET_HERE}\n")), "pw.yaml:3: ", false},
		{"a certificate that is not there", serve("--tls-cert", filepath.Join(dir, "no.crt"), "--tls-key", filepath.Join(dir, "no.key")), "no.crt", false},
		{"a data folder that is a file", []string{"serve", "--data", write("file", "x"), "--listen", "127.0.0.1:0", "--plain-http"}, "file", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := accord(t, nil, row.args...)
			if got.code != exitFailed || !strings.Contains(got.stderr, row.want) {
				t.Errorf("got code %d and %q, want code %d and %q", got.code, got.stderr, exitFailed, row.want)
			}
			if _, err := os.Stat(data); row.fileFault && !os.IsNotExist(err) {
				t.Errorf("a data folder was made: %v", err)
			}
		})
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	e := &env{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, now: time.Now, getenv: os.Getenv}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.Long == "" || c.Example == "" && !c.HasSubCommands() {
			t.Errorf("%s: its help lacks a short text, a long text or an example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := newRoot(e)
	for _, c := range root.Commands() {
		walk(c)
	}
	got := accord(t, nil, "help")
	for _, want := range []string{"each sharing agreement is a collection", "accord demo", "Exit codes", "Running a server:"} {
		if got.code != exitOK || !strings.Contains(got.stdout, want) {
			t.Errorf("accord help: got code %d, want a text with %q", got.code, want)
		}
	}
}

func TestVersionNamesVersionCommitAndGo(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		got := accord(t, nil, args...)
		if !regexp.MustCompile(`^accord \S+ \(commit [0-9a-z]+(, modified)?\) go1\.\S+ \w+/\w+\n$`).MatchString(got.stdout) || got.code != exitOK || got.stderr != "" {
			t.Errorf("accord %v: got %+v, want version, commit and Go", args, got)
		}
	}
}

func TestErrorsDecideTheExitCode(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"none", nil, exitOK, ""},
		{"any", errors.New("no"), exitFailed, "accord: no\n"},
		{"one with a code of its own", fmt.Errorf("try: %w", &exitError{code: 7, err: errors.New("no")}), 7, "accord: try: no\n"},
		{"one that has said everything", &exitError{code: exitFound}, exitFound, ""},
		{"one with advice", withHint(errors.New("no"), "say yes"), exitFailed, "accord: no\n        say yes\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			was := commands
			defer func() { commands = was }()
			commands = append(commands[:0:0], commandRow{groupServer, func(*env) *cobra.Command {
				return &cobra.Command{Use: "try", RunE: func(*cobra.Command, []string) error { return row.err }}
			}})
			var stderr bytes.Buffer
			code := run(context.Background(), []string{"try"}, &env{stdin: strings.NewReader(""), stdout: &stderr, stderr: &stderr})
			if code != row.code || stderr.String() != row.stderr {
				t.Errorf("got code %d and %q, want %d and %q", code, stderr.String(), row.code, row.stderr)
			}
		})
	}
}

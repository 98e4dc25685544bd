package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/accord-taxii/accord/taxii"
)

// patience is how long a test waits for a child process before it gives up.
const patience = 60 * time.Second

// buildDir is where the program is built, once, when the first test needs it as a process of its own.
var buildDir string

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "accord-build-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	path := filepath.Join(dir, "accord")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// child is the real program, running.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string // of the server, without a path
	stdout string // the file that it prints to: what it prints is there before what it does next
	log    *lockedText
	lines  chan logLine // of the log, closed when it ends
	ended  chan struct{}
	err    error // of Wait, once ended is closed
}

// logLine is what tests look at in a line of the log.
type logLine struct {
	Message, URL, SHA256 string
	Level, Advice        string
}

// lockedText collects what a process writes.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs the program with json in its log. The test ends it, whatever happens.
func start(t *testing.T, vars []string, args ...string) *child {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, vars, append([]string{path}, args...)...)
}

// startCommand is start with the whole command line.
func startCommand(t *testing.T, vars []string, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(args[0], args[1:]...), stdout: filepath.Join(t.TempDir(), "stdout"), log: &lockedText{},
		lines: make(chan logLine, 10_000), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), vars...)
	stdout, err := os.Create(c.stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	c.cmd.Stdout = stdout
	logged, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = w
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		c.readLog(logged)
		logged.Close()
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-c.ended
		if t.Failed() {
			t.Logf("log of %v:\n%s", args, c.log)
		}
	})
	return c
}

// printed is what the child has printed so far.
func (c *child) printed() string {
	c.t.Helper()
	text, err := os.ReadFile(c.stdout)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (c *child) readLog(r io.Reader) {
	defer close(c.lines)
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		fmt.Fprintln(c.log, scanner.Text())
		var line logLine
		if json.Unmarshal(scanner.Bytes(), &line) == nil {
			select {
			case c.lines <- line:
			default: // nobody looks any more
			}
		}
	}
}

// said waits for a line of the log.
func (c *child) said(message string) logLine {
	c.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				<-c.ended
				c.t.Fatalf("it ended (%v) without saying %q:\n%s", c.err, message, c.log)
			}
			if line.Message == message {
				return line
			}
		case <-late:
			c.t.Fatalf("it did not say %q within %v:\n%s", message, patience, c.log)
		}
	}
}

// serving waits until the child accepts connections.
func (c *child) serving() *child {
	c.t.Helper()
	c.url = strings.TrimSuffix(c.said("listening").URL, "/taxii2/")
	return c
}

// wait waits for the end and returns the exit code, -1 when a signal ended it.
func (c *child) wait() int {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.t.Fatalf("it did not end within %v:\n%s", patience, c.log)
	}
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		return exit.ExitCode()
	}
	if c.err != nil {
		c.t.Fatal(c.err)
	}
	return 0
}

// terminate sends SIGTERM and wants the end that it should lead to.
func (c *child) terminate() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if code := c.wait(); code != 0 {
		c.t.Fatalf("after SIGTERM: got exit code %d, want 0\n%s", code, c.log)
	}
}

// once runs the program to its end.
func once(t *testing.T, vars []string, args ...string) outcome {
	t.Helper()
	c := start(t, vars, args...)
	code := c.wait()
	return outcome{code, c.printed(), c.log.String()}
}

// answer is an answer of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request as an account of the child's server, whose password is the account's name and -pw.
func (c *child) ask(account, method, path string, body io.Reader) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return answer{}, err
	}
	req.SetBasicAuth(account, account+"-pw")
	req.Header.Set("Accept", taxii.MediaType)
	if body != nil {
		req.Header.Set("Content-Type", taxii.MediaType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}, err
}

// get reads a resource and wants it served.
func (c *child) get(account, path string, v any) answer {
	c.t.Helper()
	a, err := c.ask(account, http.MethodGet, path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if a.status != http.StatusOK {
		c.t.Fatalf("GET %s: got %d %s, want 200", path, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		c.t.Fatalf("GET %s: %v in %s", path, err, a.body)
	}
	return a
}

// envelope joins objects.
func envelope(objects ...[]byte) []byte {
	return fmt.Appendf(nil, `{"objects":[%s]}`, bytes.Join(objects, []byte(",")))
}

// versionsIn reads the manifest of all versions to its end: id and version of each.
func (c *child) versionsIn(account, collection string) map[string]bool {
	c.t.Helper()
	got := map[string]bool{}
	next := ""
	for {
		var m taxii.Manifest
		c.get(account, collection+"manifest/?match[version]=all&limit=500"+next, &m)
		for _, r := range m.Objects {
			key := r.ID + " " + r.Version
			if got[key] {
				c.t.Fatalf("%s is listed twice", key)
			}
			got[key] = true
		}
		if !m.More {
			return got
		}
		next = "&next=" + m.Next
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// buildDir is the folder in which the program is built, once, when the first test needs a separate process.
var buildDir string

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "accord-build-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	return accordtest.Build(dir)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// child is a running process of the real program. Its methods end the test on failure.
type child struct {
	*accordtest.Process
	t      *testing.T
	stdout string // the file that it prints to, so that output is complete before its next step
}

// start runs the program with a JSON log. It is ended with the test.
func start(t *testing.T, vars []string, args ...string) *child {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, vars, append([]string{path}, args...)...)
}

// startCommand is like start, with the whole command line.
func startCommand(t *testing.T, vars []string, args ...string) *child {
	t.Helper()
	c := &child{t: t, stdout: filepath.Join(t.TempDir(), "stdout")}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), vars...)
	stdout, err := os.Create(c.stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	cmd.Stdout = stdout
	if c.Process, err = accordtest.StartProcess(cmd, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("log of %v:\n%s", args, c.Log)
		}
	})
	return c
}

// printed returns what the child has printed so far.
func (c *child) printed() string {
	c.t.Helper()
	text, err := os.ReadFile(c.stdout)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// said waits for a line of the log.
func (c *child) said(message string) accordtest.LogLine {
	c.t.Helper()
	line, err := c.Said(message)
	if err != nil {
		c.t.Fatal(err)
	}
	return line
}

// serving waits until the child accepts connections.
func (c *child) serving() *child {
	c.t.Helper()
	if err := c.Listening(); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// wait waits for the end and returns the exit code, -1 if a signal ended it.
func (c *child) wait() int {
	c.t.Helper()
	code, err := c.Wait()
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

// terminate sends SIGTERM and fails the test unless the exit is orderly.
func (c *child) terminate() {
	c.t.Helper()
	if err := c.Terminate(); err != nil {
		c.t.Fatal(err)
	}
}

// once runs the program to its end.
func once(t *testing.T, vars []string, args ...string) outcome {
	t.Helper()
	c := start(t, vars, args...)
	code := c.wait()
	return outcome{code, c.printed(), c.Log.String()}
}

// answer is an answer of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request as an account of the child's server, whose password is the account's name and -password.
func (c *child) ask(account, method, path string, body io.Reader) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), accordtest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		return answer{}, err
	}
	req.SetBasicAuth(account, account+"-password")
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

// get reads a resource, which must be served.
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

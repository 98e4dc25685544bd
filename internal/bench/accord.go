package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// applyFile describes the measured exchange. It restricts nothing, so that only validation can refuse objects.
const applyFile = `server: {title: Measured, description: "", contact: ""}
api_roots:
  - {name: bench, title: Measured, description: "", max_content_length: 104857600}
parties:
  - {name: both, title: Gives and takes}
accounts:
  - {name: tool, party: both, password_env: BENCH_PASSWORD}
agreements:
  - name: real
    title: Published data
    description: ""
    api_root: bench
    collection: {id: 5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d5e70, alias: real}
    parties:
      - {party: both, roles: [producer, consumer]}
    term: {from: 2020-01-01}
  - name: bench
    title: Measured
    description: ""
    api_root: bench
    collection: {id: 5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d5e6f, alias: bench}
    parties:
      - {party: both, roles: [producer, consumer]}
    term: {from: 2020-01-01}
`

const (
	password       = "a password for measuring"
	collection     = "/bench/collections/5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d5e6f/"
	realCollection = "/bench/collections/5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d5e70/"
	mediaType      = "application/taxii+json;version=2.1"
)

// unlimited lists the flags that lift the limits of an account for measurements.
var unlimited = []string{"--max-account-rate", "1000000000", "--max-account-requests", "2048", "--max-account-memory", "512MiB"}

// accord is a running server process with its own data folder.
type accord struct {
	process *accordtest.Process
	cmd     *exec.Cmd
	url     string
	data    string
	started time.Duration // from its start until it listened
}

// startAccord starts the program on a folder, which it makes the first time, and waits until it listens. It ends with ctx.
func startAccord(ctx context.Context, bin, data string, flags ...string) (*accord, error) {
	return startExchange(ctx, bin, data, applyFile, flags...)
}

// startExchange is like startAccord with another apply file.
func startExchange(ctx context.Context, bin, data, description string, flags ...string) (*accord, error) {
	file := data + ".yaml"
	if err := os.WriteFile(file, []byte(description), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	flags = append(slices.Clone(unlimited), flags...)
	if _, err := os.Stat(data); err != nil {
		flags = append(flags, "--apply", file)
	}
	cmd := child(ctx, bin, accordtest.ServeArgs(data, flags...)...)
	cmd.Env = append(os.Environ(), "BENCH_PASSWORD="+password)
	began := time.Now()
	a := &accord{data: data, cmd: cmd}
	if a.process, err = accordtest.StartProcess(cmd, log); err != nil {
		return nil, err
	}
	if err := a.process.Listening(); err != nil {
		a.process.Kill()
		return nil, err
	}
	a.url, a.started = a.process.URL, time.Since(began)
	return a, nil
}

// child returns a command that is terminated with all its children when ctx ends, and killed if it has not ended five
// seconds later.
func child(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (a *accord) stop() error { return a.process.Terminate() }

// fileSize returns the size of the agreement's file.
func (a *accord) fileSize() int64 {
	list, _ := filepath.Glob(filepath.Join(a.data, "agreements", "*.db"))
	var size int64
	for _, name := range list {
		if strings.Contains(filepath.Base(name), "5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d5e6f.") {
			if info, err := os.Stat(name); err == nil {
				size += info.Size()
			}
		}
	}
	return size
}

// peer returns the server as the target of the load generator's connections.
func (a *accord) peer() peer {
	scheme, rest, _ := strings.Cut(a.url, "://")
	return peer{rest, scheme == "https"}
}

var credentials = "Basic " + base64.StdEncoding.EncodeToString([]byte("tool:"+password))

// nothing is how long a page without an object is.
const nothing = len("{}")

// headers returns those of every request.
func headers() map[string]string {
	return map[string]string{"Authorization": credentials, "Accept": mediaType}
}

// get reads one answer whole.
func get(ctx context.Context, url string) (body []byte, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range headers() {
		r.Header.Set(name, value)
	}
	r.Header.Set("Accept-Encoding", "identity")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		return nil, nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("get %s: %s: %s", url, answer.Status, body)
	}
	return body, answer.Header, nil
}

// getRequest returns a GET as it goes over a connection.
func getRequest(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nAccept: %s\r\n\r\n", path, credentials, mediaType)
}

// envelope returns the body of a POST.
func envelope(objects [][]byte) []byte {
	return slices.Concat([]byte(`{"objects":[`), bytes.Join(objects, []byte(",")), []byte(`]}`))
}

// postRequest returns the POST of an envelope as it goes over a connection.
func postRequest(to string, body []byte) []byte {
	b := make([]byte, 0, len(body)+300)
	b = fmt.Appendf(b, "POST %sobjects/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nAccept: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		to, credentials, mediaType, mediaType, len(body))
	return append(b, body...)
}

// heldBy returns how many versions of objects a collection has.
func heldBy(ctx context.Context, a *accord, path string) (int, error) {
	held, next := 0, ""
	for {
		body, _, err := get(ctx, a.url+path+"manifest/?limit=10000&match%5Bversion%5D=all"+next)
		if err != nil {
			return 0, err
		}
		var page struct {
			Objects []json.RawMessage
			More    bool
			Next    string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return 0, fmt.Errorf("read the manifest of %s: %w", path, err)
		}
		held += len(page.Objects)
		if !page.More {
			return held, nil
		}
		next = "&next=" + page.Next
	}
}

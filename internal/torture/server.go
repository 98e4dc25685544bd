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
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long anything may take.
const patience = 2 * time.Minute

// process is the server, running.
type process struct {
	cmd   *exec.Cmd
	url   string
	ended chan struct{}
	http  *http.Client

	mu   sync.Mutex
	tail []string // guarded by mu: the last lines of its log
}

func startServer(program, data, apply string) (*process, error) {
	p := &process{ended: make(chan struct{}), http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
	p.cmd = exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--plain-http", "--apply", apply, "--log-format", "json")
	p.cmd.Env = append(os.Environ(), "PW=torture")
	logged, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(logged)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.line(lines.Bytes(), listening)
		}
		p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case p.url = <-listening:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("the server ended before it listened:\n%s", p.log())
	case <-time.After(patience):
		p.cmd.Process.Kill()
		return nil, fmt.Errorf("the server does not listen after %v:\n%s", patience, p.log())
	}
}

func (p *process) line(text []byte, listening chan<- string) {
	var line struct{ Message, URL, Level string }
	json.Unmarshal(text, &line)
	if line.Message == "listening" {
		listening <- strings.TrimSuffix(line.URL, "/taxii2/")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if line.Message != "request" || line.Level == "error" {
		p.tail = append(p.tail, string(text))
		if len(p.tail) > 50 {
			p.tail = p.tail[1:]
		}
	}
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n")
}

// kill ends the server as a power cut would, for all that the file system knows.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
	p.http.CloseIdleConnections()
}

// terminate asks it to end, and wants it to end well.
func (p *process) terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		return errors.New("the server does not end after SIGTERM")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("after SIGTERM the server ended with %d:\n%s", code, p.log())
	}
	return nil
}

// errGone says that no answer came: the server was killed.
var errGone = errors.New("no answer")

// ask sends a request. Without an answer the error is errGone: what was asked may have been done, or not.
func (p *process) ask(ctx context.Context, method, path string, body []byte) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.SetBasicAuth("tool", "torture")
	req.Header.Set("Accept", "application/taxii+json;version=2.1")
	if body != nil {
		req.Header.Set("Content-Type", "application/taxii+json;version=2.1")
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, nil, nil, errGone
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil, errGone
	}
	return resp.StatusCode, resp.Header, text, nil
}

// command runs the program to its end and wants it to end well.
func command(program string, args ...string) error {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("accord %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// process is the server, running.
type process struct {
	*accordtest.Process
	http *http.Client
}

func startServer(program, data, apply string) (*process, error) {
	cmd := exec.Command(program, accordtest.ServeArgs(data, "--apply", apply)...)
	cmd.Env = append(os.Environ(), "PW="+password)
	started, err := accordtest.StartProcess(cmd, nil)
	if err != nil {
		return nil, err
	}
	p := &process{started, newClient()}
	if err := p.Listening(); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

func newClient() *http.Client {
	return &http.Client{Timeout: accordtest.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
}

// log returns the last lines of the log that are not about single requests.
func (p *process) log() string {
	var tail []string
	for line := range strings.Lines(p.Log.String()) {
		if !strings.Contains(line, `"message":"request"`) || strings.Contains(line, `"level":"error"`) {
			tail = append(tail, line)
		}
	}
	return strings.Join(tail[max(0, len(tail)-50):], "")
}

// kill ends the server with SIGKILL.
func (p *process) kill() {
	p.Kill()
	p.http.CloseIdleConnections()
}

// errGone means that no answer came because the server was killed.
var errGone = errors.New("no answer")

// ask sends a request. Without an answer the error is errGone: what was asked may have been done, or not.
func (p *process) ask(ctx context.Context, method, path string, body []byte) (int, http.Header, []byte, error) {
	return p.askAt(ctx, method, path, body, 0)
}

// askAt is like ask, of a node that has everything up to a place of the log.
func (p *process) askAt(ctx context.Context, method, path string, body []byte, place uint64) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.SetBasicAuth("tool", password)
	req.Header.Set("Accept", "application/taxii+json;version=2.1")
	if place > 0 {
		req.Header.Set(taxii.HeaderPlace, strconv.FormatUint(place, 10))
	}
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

// command runs the program to its end and returns an error unless it succeeds.
func command(program string, args ...string) error {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("accord %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

package accordtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Patience is how long a process may take for one step.
const Patience = 2 * time.Minute

// Build builds the program into a folder and returns its path.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "accord")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "github.com/accord-taxii/accord/cmd/accord")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build accord: %w\n%s", err, out)
	}
	return path, nil
}

// Process is a running process of the program. A program that serves needs --log-format json.
type Process struct {
	Cmd *exec.Cmd
	Log *Log   // its standard error so far
	URL string // of the server, without a path, once Listening has returned

	keep  io.Writer // of the log after "listening"; nil: Log
	lines chan LogLine
	ended chan struct{}
	err   error // of Wait, once ended is closed
}

// LogLine holds the fields of a log line that tests use.
type LogLine struct {
	Message, URL, SHA256 string
	Level, Advice        string
}

// StartProcess starts a command whose standard output and environment are set. If keep is not nil, the log is written
// there once the server listens, without being parsed, so that it costs a measurement nothing.
func StartProcess(cmd *exec.Cmd, keep io.Writer) (*Process, error) {
	p := &Process{Cmd: cmd, Log: new(Log), keep: keep, lines: make(chan LogLine, 10_000), ended: make(chan struct{})}
	logged, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		logged.Close()
		return nil, err
	}
	go func() {
		p.readLog(logged)
		logged.Close()
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// readLog reads the log to its end.
func (p *Process) readLog(r io.Reader) {
	defer close(p.lines)
	buffered := bufio.NewReader(r)
	for {
		text, err := buffered.ReadBytes('\n')
		p.Log.Write(text)
		var line LogLine
		if json.Unmarshal(text, &line) == nil {
			select {
			case p.lines <- line:
			default: // more than any test waits for
			}
		}
		if err != nil {
			return
		}
		if p.keep != nil && line.Message == "listening" {
			io.Copy(p.keep, buffered)
			return
		}
	}
}

// Said waits for a line of the log.
func (p *Process) Said(message string) (LogLine, error) {
	late := time.After(Patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				<-p.ended
				return LogLine{}, fmt.Errorf("it ended (%v) without logging %q:\n%s", p.err, message, p.Log)
			}
			if line.Message == message {
				return line, nil
			}
		case <-late:
			return LogLine{}, fmt.Errorf("it did not log %q within %v:\n%s", message, Patience, p.Log)
		}
	}
}

// Listening waits until the server accepts connections.
func (p *Process) Listening() error {
	line, err := p.Said("listening")
	p.URL = strings.TrimSuffix(line.URL, "/taxii2/")
	return err
}

// Ended returns a channel that is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill ends the process with SIGKILL.
func (p *Process) Kill() {
	p.Cmd.Process.Kill()
	<-p.ended
}

// Wait waits for the end and returns the exit code, -1 if a signal ended it.
func (p *Process) Wait() (int, error) {
	select {
	case <-p.ended:
	case <-time.After(Patience):
		return 0, fmt.Errorf("it did not end within %v:\n%s", Patience, p.Log)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, p.err
}

// Terminate sends SIGTERM and waits for an orderly exit.
func (p *Process) Terminate() error {
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	code, err := p.Wait()
	if err == nil && code != 0 {
		err = fmt.Errorf("after SIGTERM it ended with code %d, want 0:\n%s", code, p.Log)
	}
	return err
}

// ServeArgs returns a command line of accord serve on a free port of loopback, with plain HTTP unless the flags bring a
// certificate.
func ServeArgs(data string, flags ...string) []string {
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--log-format", "json"}
	if !slices.Contains(flags, "--tls-cert") {
		args = append(args, "--plain-http")
	}
	return append(args, flags...)
}

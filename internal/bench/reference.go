package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

// A reference answers /NAME with the bytes of the file NAME in a folder, and with the headers in the file beside it. It
// measures the cost of sending alone, without parsing, checks or lookups. It runs in its own process, as the server
// does.

// recorded is an answer of the server that references repeat.
type recorded struct {
	body   []byte
	header http.Header
}

// headerSuffix ends the name of the file that holds an answer's headers.
const headerSuffix = ".headers"

// record writes an answer into a folder for references. Headers that servers state by themselves are left out.
func record(dir, name string, body []byte, header http.Header) error {
	header = header.Clone()
	for _, own := range []string{"Content-Length", "Date", "Server", "Connection"} {
		header.Del(own)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+headerSuffix), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), body, 0o644)
}

// recordings reads what was recorded in a folder, by name.
func recordings(dir string) (map[string]recorded, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+headerSuffix))
	if err != nil {
		return nil, err
	}
	list := map[string]recorded{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var r recorded
		if err := json.Unmarshal(text, &r.header); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if r.body, err = os.ReadFile(strings.TrimSuffix(file, headerSuffix)); err != nil {
			return nil, err
		}
		list[strings.TrimSuffix(filepath.Base(file), headerSuffix)] = r
	}
	return list, nil
}

// write sends the answer.
func (r *recorded) write(w http.ResponseWriter) error {
	h := w.Header()
	for name, values := range r.header {
		h[name] = values
	}
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(r.body)
	return err
}

// bare is the handler of net/http alone.
func bare(answers map[string]recorded) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := answers[r.URL.Path[1:]]
		if !ok {
			http.NotFound(w, r)
			return
		}
		a.write(w)
	})
}

// bareEcho is the same as a handler of echo.
func bareEcho(answers map[string]recorded) http.Handler {
	e := echo.New()
	e.GET("/:name", func(c echo.Context) error {
		a, ok := answers[c.Param("name")]
		if !ok {
			return echo.ErrNotFound
		}
		return a.write(c.Response())
	})
	return e
}

// The kinds of reference that are programs of our own.
const (
	kindNetHTTP = "net/http"
	kindEcho    = "echo"
)

// serveReference runs in the child process. It ends at the end of its standard input, that is, when its parent ends.
func serveReference(kind, dir, cert, key string) error {
	answers, err := recordings(dir)
	if err != nil {
		return err
	}
	var h http.Handler
	switch kind {
	case kindNetHTTP:
		h = bare(answers)
	case kindEcho:
		h = bareEcho(answers)
	default:
		return fmt.Errorf("-reference %s: there is no such kind; there are %s and %s", kind, kindNetHTTP, kindEcho)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	if cert == "" {
		fmt.Println("http://" + l.Addr().String())
		return http.Serve(l, h)
	}
	fmt.Println("https://" + l.Addr().String())
	// HTTP/1.1 only, like all other subjects.
	s := http.Server{Handler: h, Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)} // wrk tries connections that it drops
	s.Protocols.SetHTTP1(true)
	return s.ServeTLS(l, cert, key)
}

// process is a reference that runs.
type process struct {
	url  string
	pid  int
	stop func()
}

// startReference starts the child process; without a certificate it speaks plain HTTP.
func startReference(ctx context.Context, kind, dir string, cert tlsconf.Files) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := child(ctx, self, "-reference", kind, "-files", dir, "-cert", cert.Cert, "-key", cert.Key)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, stop: func() { in.Close(); cmd.Wait() }}
	if _, err := fmt.Fscan(out, &p.url); err != nil {
		p.stop()
		return nil, fmt.Errorf("start the reference %s: %w", kind, err)
	}
	return p, nil
}

// await waits until a server listens at an address.
func await(ctx context.Context, address string, patience time.Duration) error {
	until := time.Now().Add(patience)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

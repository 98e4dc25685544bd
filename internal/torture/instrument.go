package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The program that is tortured is built from these sources with two of other origin changed on the way to the compiler: package time,
// whose wall clock is then ahead by what a file says, as if somebody had set it, and bbolt, which notes what it overwrites until it
// has synced it, so that a power cut can take it back. Nothing of it is in the program that people run.
const (
	clockVariable = "ACCORD_TORTURE_CLOCK" // the file
	undoVariable  = "ACCORD_TORTURE_UNDO"  // the folder
)

// A change replaces a line of a file, and adds a file beside it.
type change struct {
	pkg, file    string // import path, and the file that is changed in it
	line, by     string // the line, which the file has once
	beside, text string // a file that is added
}

var changes = []change{
	{"time", "time.go", "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {\n", "	sec, nsec, mono := runtimeNow()\n	sec, nsec = tortured(sec, nsec)\n	if mono == 0 {\n", "torture.go", `package time

import "sync/atomic"

// TortureSkew is how far the wall clock is ahead of that of the system, in nanoseconds.
var TortureSkew atomic.Int64

func tortured(sec int64, nsec int32) (int64, int32) {
	by := TortureSkew.Load()
	sec += by / 1e9
	rest := int64(nsec) + by%1e9
	switch {
	case rest < 0:
		return sec - 1, int32(rest + 1e9)
	case rest >= 1e9:
		return sec + 1, int32(rest - 1e9)
	}
	return sec, int32(rest)
}
`},
	{"github.com/accord-taxii/accord/cmd/accord", "", "", "", "torture.go", `package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	name := os.Getenv("` + clockVariable + `")
	if name == "" {
		return
	}
	look := func() {
		text, err := os.ReadFile(name)
		if err != nil {
			return
		}
		if by, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			time.TortureSkew.Store(by)
		}
	}
	look()
	go func() {
		for {
			time.Sleep(10 * time.Millisecond)
			look()
		}
	}()
}
`},
	{bbolt, "db.go", "	db.ops.writeAt = db.file.WriteAt\n", "	db.ops.writeAt = torturedWrites(db)\n", "", ""},
	{bbolt, "bolt_linux.go", "	return syscall.Fdatasync(int(db.file.Fd()))\n", "	err := syscall.Fdatasync(int(db.file.Fd()))\n	if err == nil {\n		torturedSync(db)\n	}\n	return err\n", "torture.go", `package bbolt

import (
	"encoding/binary"
	"net/url"
	"os"
	"path/filepath"
	"sync"
)

var (
	torturing sync.Mutex
	tortured  = map[string]*os.File{} // by path; a file may be open more than once
)

func torturedWrites(db *DB) func([]byte, int64) (int, error) {
	folder := os.Getenv("` + undoVariable + `")
	if folder == "" {
		return db.file.WriteAt
	}
	path := mustAbs(db.path)
	torturing.Lock()
	defer torturing.Unlock()
	list := tortured[path]
	if list == nil {
		var err error
		if list, err = os.OpenFile(filepath.Join(folder, url.PathEscape(path)), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600); err != nil {
			panic(err)
		}
		head := append(binary.BigEndian.AppendUint64(nil, uint64(len(path))), path...)
		if _, err := list.Write(head); err != nil {
			panic(err)
		}
		tortured[path] = list
	}
	return func(b []byte, at int64) (int, error) {
		before := make([]byte, len(b)) // what the file does not have yet is zeros
		db.file.ReadAt(before, at)
		note := binary.BigEndian.AppendUint64(nil, uint64(at))
		note = append(binary.BigEndian.AppendUint64(note, uint64(len(before))), before...)
		if _, err := list.Write(note); err != nil {
			return 0, err
		}
		return db.file.WriteAt(b, at)
	}
}

func torturedSync(db *DB) {
	path := mustAbs(db.path)
	torturing.Lock()
	list := tortured[path]
	torturing.Unlock()
	if list != nil && list.Truncate(int64(8+len(path))) != nil {
		panic("what is synced cannot be noted")
	}
}

func mustAbs(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}
`},
}

// bbolt is what is copied, since nothing in the module cache may be replaced.
const bbolt = "go.etcd.io/bbolt"

// instrument builds the program with the changes, and returns its path.
func instrument(dir string) (string, error) {
	sources := filepath.Join(dir, "sources")
	copied := filepath.Join(sources, "bbolt")
	original, err := listed("-f", "{{.Dir}}", bbolt)
	if err == nil {
		err = os.CopyFS(copied, os.DirFS(original))
	}
	if err != nil {
		return "", fmt.Errorf("copy bbolt: %w", err)
	}
	replace := map[string]string{}
	for i, c := range changes {
		folder, err := listed("-f", "{{.Dir}}", c.pkg)
		if err != nil {
			return "", fmt.Errorf("find the sources of %s: %w", c.pkg, err)
		}
		put := func(name string, text []byte) error {
			if c.pkg == bbolt {
				return os.WriteFile(filepath.Join(copied, name), text, 0o600)
			}
			to := filepath.Join(sources, fmt.Sprintf("%d-%s", i, name))
			replace[filepath.Join(folder, name)] = to
			return os.WriteFile(to, text, 0o600)
		}
		if c.file != "" {
			text, err := os.ReadFile(filepath.Join(folder, c.file))
			if err != nil {
				return "", err
			}
			if n := bytes.Count(text, []byte(c.line)); n != 1 {
				return "", fmt.Errorf("%s of %s is not as it was: it has %q %d times, not once", c.file, c.pkg, c.line, n)
			}
			if err := put(c.file, bytes.Replace(text, []byte(c.line), []byte(c.by), 1)); err != nil {
				return "", err
			}
		}
		if c.beside != "" {
			if err := put(c.beside, []byte(c.text)); err != nil {
				return "", err
			}
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file, modules := filepath.Join(sources, "overlay.json"), filepath.Join(sources, "accord.mod")
	if err := errors.Join(os.WriteFile(file, overlay, 0o600), withReplaced(modules, bbolt, copied)); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "accord")
	cmd := exec.Command("go", "build", "-trimpath", "-overlay", file, "-modfile", modules, "-o", program, "github.com/accord-taxii/accord/cmd/accord")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
}

// withReplaced writes a file of modules like that of these sources, with another folder for one module, and its sums.
func withReplaced(to, module, by string) error {
	from, err := listed("-m", "-f", "{{.GoMod}}")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(strings.TrimSuffix(from, ".mod") + ".sum")
	if err != nil {
		return err
	}
	text = fmt.Appendf(text, "\nreplace %s => %s\n", module, by)
	return errors.Join(os.WriteFile(to, text, 0o600), os.WriteFile(strings.TrimSuffix(to, ".mod")+".sum", sums, 0o600))
}

// listed returns what go list prints.
func listed(args ...string) (string, error) {
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

func (h *herd) lacksInstrument() string { return h.instrumented }

// written is what was in a file before a write that was not synced.
type written struct {
	at     int64
	before []byte
}

// parseUndo reads a list of writes. Its end may be cut off: that write has not happened.
func parseUndo(text []byte) (file string, writes []written, err error) {
	take := func() (n int, ok bool) {
		if len(text) < 8 {
			return 0, false
		}
		n = int(binary.BigEndian.Uint64(text))
		text = text[8:]
		return n, true
	}
	n, ok := take()
	if !ok || n > len(text) {
		return "", nil, nil // the node was killed while it made the list
	}
	file, text = string(text[:n]), text[n:]
	for {
		at, ok := take()
		if !ok {
			return file, writes, nil
		}
		n, ok := take()
		if !ok || n > len(text) {
			return file, writes, nil
		}
		writes = append(writes, written{int64(at), text[:n]})
		text = text[n:]
	}
}

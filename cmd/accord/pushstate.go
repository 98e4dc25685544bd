package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// pushState records which envelopes were accepted, by the digest of their objects, in a file to which lines are
// appended. A crash can lose one line, and sending that envelope again is harmless. A nil pushState records nothing.
type pushState struct {
	file *os.File
	done map[string]bool
}

const pushStateHead = "accord push state 1 "

// openPushState reads the state for a collection, or begins one. Without a name it is nil.
func openPushState(name, url string) (*pushState, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	head := pushStateHead + url + "\n"
	if end := bytes.LastIndexByte(text, '\n') + 1; end < len(text) {
		text = text[:end] // a line that a crash cut off
	}
	if len(text) > 0 && !bytes.HasPrefix(text, []byte(head)) {
		return nil, withHint(fmt.Errorf("%s is not the state of a push to %s", name, url), "give each collection a state file of its own")
	}
	s := &pushState{done: map[string]bool{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		s.done[strings.TrimSpace(lines.Text())] = true
	}
	if s.file, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("write the state: %w", err)
	}
	if len(text) == 0 {
		text = []byte(head)
		_, err = s.file.WriteAt(text, 0)
	}
	if err == nil {
		err = s.file.Truncate(int64(len(text)))
	}
	if err == nil {
		_, err = s.file.Seek(int64(len(text)), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the state: %w", err), s.file.Close())
	}
	return s, nil
}

func (s *pushState) has(raws [][]byte) bool { return s != nil && s.done[digestOf(raws)] }

func (s *pushState) add(raws [][]byte) error {
	if s == nil {
		return nil
	}
	digest := digestOf(raws)
	s.done[digest] = true
	if _, err := s.file.WriteString(digest + "\n"); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

func (s *pushState) close() {
	if s != nil {
		s.file.Close()
	}
}

func digestOf(raws [][]byte) string {
	h := sha256.New()
	for _, raw := range raws {
		h.Write(raw)
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil))
}

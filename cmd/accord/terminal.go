package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"github.com/mattn/go-isatty"

	"github.com/accord-taxii/accord/internal/control"
)

// safeWriter filters everything that commands print. Text from strangers can contain characters that act on a terminal:
// control characters move the cursor, change its title or paste commands, bidirectional ones display text in a
// different order. It writes them as JSON does, \u001b, so that JSON that holds them stays the same JSON. It does not
// escape new lines and tabs, which commands print themselves; commands use oneLine for text that must stay on one line.
type safeWriter struct {
	raw io.Writer

	mu   sync.Mutex
	tail []byte // guarded by mu: the beginning of a character whose end has not been written yet
}

// Write implements io.Writer.
func (w *safeWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.tail) > 0 {
		text = append(w.tail, p...)
		w.tail = nil
	}
	if n := unfinished(text); n > 0 {
		w.tail = append([]byte(nil), text[len(text)-n:]...)
		text = text[:len(text)-n]
	}
	if err := writeAll(w.raw, safeText(text)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes the bytes of an incomplete character.
func (w *safeWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := safeText(w.tail)
	w.tail = nil
	return writeAll(w.raw, text)
}

func writeAll(w io.Writer, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := w.Write(text)
	return err
}

// unfinished returns how many bytes at the end of a text begin a character that does not end there.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if b := text[len(text)-n]; utf8.RuneStart(b) {
			if !utf8.FullRune(text[len(text)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// safeText returns a text with characters that act on a terminal escaped, or text itself if there are none.
func safeText(text []byte) []byte {
	clean := true
	for i := 0; i < len(text) && clean; i++ {
		b := text[i]
		clean = b >= ' ' && b < 0x7f || b == '\n' || b == '\t'
	}
	if clean {
		return text
	}
	safe := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			safe = fmt.Appendf(safe, `\x%02x`, text[0])
		case control.Acts(r) && r != '\n' && r != '\t':
			safe = fmt.Appendf(safe, `\u%04x`, r)
		default:
			safe = append(safe, text[:n]...)
		}
		text = text[n:]
	}
	return safe
}

// oneLine returns a stranger's text for use on one line: with new lines and tabs escaped as well.
func oneLine[T ~string](text T) T {
	safe := make([]byte, 0, len(text))
	for _, r := range text {
		if control.Acts(r) {
			safe = fmt.Appendf(safe, `\u%04x`, r)
		} else {
			safe = utf8.AppendRune(safe, r)
		}
	}
	return T(safe)
}

// guard returns a copy of e whose output passes through safeWriters, and a function that flushes them.
func (e *env) guard() (guarded *env, flush func()) {
	stdout, stderr := &safeWriter{raw: e.stdout}, &safeWriter{raw: e.stderr}
	copied := *e
	copied.stdout, copied.stderr = stdout, stderr
	return &copied, func() {
		stdout.Flush()
		stderr.Flush()
	}
}

// terminal returns the terminal behind a writer of env, for output that contains no text from strangers, such as a
// progress bar.
func terminal(w io.Writer) (*os.File, bool) {
	if safe, ok := w.(*safeWriter); ok {
		w = safe.raw
	}
	f, ok := w.(*os.File)
	return f, ok && isatty.IsTerminal(f.Fd())
}

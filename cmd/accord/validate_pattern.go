package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/accord-taxii/accord/internal/control"
	"github.com/accord-taxii/accord/stix/pattern"
)

// patternAnswer is a line of the answer to --pattern.
type patternAnswer struct {
	Line     int      `json:"line"`
	Valid    bool     `json:"valid"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings,omitempty"`
}

// judgePatterns answers every line of every input in turn.
func judgePatterns(ctx context.Context, e *env, flags validateFlags, out *bufio.Writer, total *tally) error {
	bar := newProgress(e.stderr, "validate", 0)
	defer bar.done()
	for _, path := range flags.paths {
		in, name := e.stdin, "-"
		if path != "-" {
			file, err := os.Open(path)
			if err != nil {
				total.unreadable(bar, path, err)
				continue
			}
			defer file.Close()
			in, name = file, displayName(path)
		}
		err := eachLine(in, func(number int, line []byte, tooLong bool) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			bar.add(1)
			_, err := out.Write(answerPattern(flags, name, number, line, tooLong, total))
			return err
		})
		if err != nil && ctx.Err() == nil {
			total.unreadable(bar, name, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func answerPattern(flags validateFlags, name string, number int, line []byte, tooLong bool, total *tally) []byte {
	a := patternAnswer{Line: number, Valid: true}
	if tooLong {
		a.Valid, a.Error = false, fmt.Sprintf("S-323: the pattern is longer than %d bytes", pattern.MaxLength)
	} else {
		for _, f := range pattern.Validate(string(line), "") {
			said := fmt.Sprintf("%s: column %d: %s", f.Rule, f.Column, f.Message)
			switch {
			case f.Warning:
				a.Warnings = append(a.Warnings, said)
			case a.Valid:
				a.Valid, a.Error = false, said
			default:
				a.Error += "; " + said
			}
		}
	}
	total.judged++
	switch {
	case !a.Valid:
		total.invalid++
	case len(a.Warnings) > 0:
		total.warned++
	}
	if flags.format == "json" {
		return appendLine(nil, a)
	}
	var text []byte
	if !a.Valid {
		text = fmt.Appendf(text, "%s:%d: invalid: %s\n", name, number, printable(a.Error))
	}
	for _, w := range a.Warnings {
		text = fmt.Appendf(text, "%s:%d: warning: %s\n", name, number, printable(w))
	}
	return text
}

// eachLine calls visit with every line, without its end, numbered from 1. It keeps only the beginning of a line that is
// longer than any valid pattern.
func eachLine(r io.Reader, visit func(number int, line []byte, tooLong bool) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var line []byte
	for number := 1; ; number++ {
		line = line[:0]
		tooLong, any := false, false
		for {
			part, err := in.ReadSlice('\n')
			any = any || len(part) > 0
			if len(line)+len(part) <= pattern.MaxLength+2 {
				line = append(line, part...)
			} else {
				tooLong = true
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && err != io.EOF {
				return err
			}
			if err == io.EOF && !any {
				return nil
			}
			break
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if err := visit(number, line, tooLong); err != nil {
			return err
		}
	}
}

// printable returns s for a terminal, with control characters escaped because a sender could use them to manipulate it.
func printable(s string) string {
	if control.CheckLine(s) == nil && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if control.Acts(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrNotFound: there is no agreement or account of that name.
	ErrNotFound = errors.New("not found")
	// ErrRefused: what was asked makes no sense for the thing as it is, such as resuming what is not suspended.
	ErrRefused = errors.New("refused")
)

// refusal is an error with a sentence of its own that is one of the sentinels.
type refusal struct {
	is      error
	message string
}

func (e *refusal) Error() string        { return e.message }
func (e *refusal) Is(target error) bool { return target == e.is }

func refuse(format string, args ...any) error {
	return &refusal{is: ErrRefused, message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &refusal{is: ErrNotFound, message: fmt.Sprintf(format, args...)}
}

// Problem is one thing that is wrong with an apply file.
type Problem struct {
	Line    int    `json:"line"` // from 1; 0 when it concerns the file as a whole
	Message string `json:"message"`
}

// FileError says what is wrong with an apply file: everything that was found, by line. Nothing of the file was applied.
type FileError struct {
	File     string    `json:"file"`
	Problems []Problem `json:"problems"`
}

func (e *FileError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		if p.Line == 0 {
			lines[i] = fmt.Sprintf("%s: %s", e.File, p.Message)
			continue
		}
		lines[i] = fmt.Sprintf("%s:%d: %s", e.File, p.Line, p.Message)
	}
	return strings.Join(lines, "\n")
}

// problems collects what is wrong with a file.
type problems []Problem

func (p *problems) add(line int, format string, args ...any) {
	*p = append(*p, Problem{Line: line, Message: fmt.Sprintf(format, args...)})
}

// err is a *FileError in the order of lines, or nil when nothing is wrong.
func (p problems) err(file string) error {
	if len(p) == 0 {
		return nil
	}
	said := make(map[Problem]bool) // an anchor that is used twice has its faults once
	p = slices.DeleteFunc(slices.Clone(p), func(found Problem) bool {
		again := said[found]
		said[found] = true
		return again
	})
	slices.SortStableFunc(p, func(a, b Problem) int { return a.Line - b.Line })
	if more := len(p) - maxProblems; more > 0 {
		p = append(p[:maxProblems:maxProblems], Problem{Message: fmt.Sprintf("and %d problems more", more)})
	}
	return &FileError{File: file, Problems: p}
}

// maxProblems is how many are listed: whoever has more will not read them all.
const maxProblems = 100

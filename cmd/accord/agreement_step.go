package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// writeStep prints the result of a step in an agreement's life cycle.
func writeStep(w io.Writer, a admin.Agreement) error {
	_, err := fmt.Fprintf(w, "agreement %s: %s%s, term %s\n", a.Name, a.State, markText(a), termText(a.Term))
	return err
}

// termText returns a term such as "2026-01-01 to 2029-01-01", without an end that is open.
func termText(t agreement.Term) string {
	var parts []string
	if !t.From.IsZero() {
		parts = append(parts, "from "+agreement.FormatDate(t.From))
	}
	if !t.Until.IsZero() {
		parts = append(parts, "until "+agreement.FormatDate(t.Until))
	}
	return cmp.Or(strings.Join(parts, " "), "open")
}

// markText describes the account and the reason that set the state, if any.
func markText(a admin.Agreement) string {
	mark := a.Terminated
	if mark == nil && a.State == agreement.Suspended {
		mark = a.Suspended
	}
	if mark == nil {
		return ""
	}
	text := " since " + mark.At.UTC().Format(time.RFC3339)
	if mark.By != "" { // for operators
		text += " by " + string(mark.By)
	}
	if mark.Reason != "" {
		text += ": " + mark.Reason
	}
	return text
}

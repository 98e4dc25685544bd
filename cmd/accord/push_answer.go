package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/accord-taxii/accord/stix/validate"
)

// pushOutcome is the outcome for an object that was pushed.
type pushOutcome string

const (
	pushNew       pushOutcome = "new"
	pushPresent   pushOutcome = "present"   // stored before with the same content
	pushCorrected pushOutcome = "corrected" // the stored text of the version was replaced
	pushRefused   pushOutcome = "refused"
	pushKnown     pushOutcome = "known"   // sent in an earlier run, and not again
	pushUnknown   pushOutcome = "unknown" // new or refused: the server does not say which of several
)

// pushAnswer is the answer about one object: a line of --format json.
type pushAnswer struct {
	item      item
	File      string      `json:"file"`
	Index     int         `json:"index"`
	ID        string      `json:"id"`
	Version   string      `json:"version"`
	Outcome   pushOutcome `json:"outcome"`
	Message   string      `json:"message,omitempty"`
	RefusedBy []string    `json:"refused_by"`
	WarnedBy  []string    `json:"warned_by"`
}

// complete fills in what follows from the object and the message.
func (a *pushAnswer) complete() {
	a.File, a.Index = a.item.file, a.item.index
	if id, version := a.item.header(); id != "" {
		a.ID, a.Version = id, version
	}
	if a.Outcome == pushRefused && a.Message == "" {
		a.Message = "the server gives no reason"
	}
	a.RefusedBy, a.WarnedBy = rulesOf(a.Message)
	if a.Outcome != pushRefused {
		a.RefusedBy = []string{}
	} else if len(a.RefusedBy) == 0 {
		a.RefusedBy = []string{noRule}
	}
}

// sentence returns the line of text about an object that was refused or stored with a warning.
func (a *pushAnswer) sentence() string {
	verdict := "warning"
	switch {
	case a.Outcome == pushRefused:
		verdict = "refused"
	case len(a.WarnedBy) == 0 || a.Outcome == pushPresent:
		return ""
	}
	line := verdict + ":"
	if a.item.raw != nil {
		line += " " + a.item.place()
	}
	for _, part := range []string{a.ID, a.Version} {
		if part != "" {
			line += " " + printable(part)
		}
	}
	return line + ": " + printable(a.Message)
}

// noRule is the rule of a refusal that names none.
const noRule = "none"

// ruleMark matches the beginning of a rule's part in a message of Accord.
var ruleMark = regexp.MustCompile(`(?:^|; )(warning )?([A-Z]-[0-9]{3})(?: at [^:]*)?: `)

// rulesOf returns the rules that a message names, each once, in order.
func rulesOf(message string) (errors, warnings []string) {
	errors, warnings = []string{}, []string{}
	for _, found := range ruleMark.FindAllStringSubmatch(message, -1) {
		list := &errors
		if found[1] != "" {
			list = &warnings
		}
		if !slices.Contains(*list, found[2]) {
			*list = append(*list, found[2])
		}
	}
	return errors, warnings
}

// pushSums counts the outcomes of all objects.
type pushSums struct {
	New       int `json:"new"`
	Present   int `json:"present"`
	Corrected int `json:"corrected"`
	Refused   int `json:"refused"`
	Known     int `json:"known"`
	Envelopes int `json:"envelopes"`

	rules ruleSums
}

func (s *pushSums) count(a pushAnswer) {
	switch a.Outcome {
	case pushNew:
		s.New++
	case pushPresent:
		s.Present++
	case pushCorrected:
		s.Corrected++
	case pushRefused:
		s.Refused++
	case pushKnown:
		s.Known++
	}
	for _, rule := range a.RefusedBy {
		s.rules.add(rule, validate.Error)
	}
	for _, rule := range a.WarnedBy {
		s.rules.add(rule, validate.Warning)
	}
}

// write writes the sums as the last lines of the answer.
func (s *pushSums) write(w io.Writer, asJSON bool) error {
	if asJSON {
		_, err := w.Write(appendLine(s.rules.appendJSON(nil), s))
		return err
	}
	line := fmt.Sprintf("%s: %d new, %d present, %d corrected, %d refused, in %s", count(s.New+s.Present+s.Corrected+s.Refused, "object"),
		s.New, s.Present, s.Corrected, s.Refused, count(s.Envelopes, "envelope"))
	if s.Known > 0 {
		line += fmt.Sprintf("; %s sent in an earlier run", count(s.Known, "object"))
	}
	_, err := w.Write(s.rules.appendText([]byte(line + "\n")))
	return err
}

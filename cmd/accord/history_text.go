package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// writeRecord prints one entry in a few lines. If verified is set, it marks what no entry contains as the server's own
// statement. No line begins with text from outside this program.
func writeRecord(w io.Writer, r audit.Record, named, verified bool) error {
	var b strings.Builder
	r.Object, r.Version, r.SpecVersion = journal.CleanText(r.Object), journal.CleanText(r.Version), journal.CleanText(r.SpecVersion)
	r.Act, r.Subject, r.Kind = journal.CleanText(r.Act), journal.CleanText(r.Subject), journal.CleanText(r.Kind)
	fmt.Fprintf(&b, "%d  %s  %s", r.Position, r.At.UTC().Format(journal.TimeFormat), r.Kind)
	if named && r.Object != "" {
		fmt.Fprintf(&b, " %s", r.Object)
	}
	if r.Object != "" {
		fmt.Fprintf(&b, " version %s (STIX %s)", orNone(r.Version), r.SpecVersion)
	}
	if r.Act != "" {
		fmt.Fprintf(&b, ": %s", r.Act)
	}
	if r.Subject != "" {
		fmt.Fprintf(&b, " %s", r.Subject)
	}
	line := func(format string, args ...any) {
		b.WriteString("\n    " + journal.CleanText(fmt.Sprintf(format, args...)))
	}
	switch {
	case r.Account != "" && r.Party != "":
		line("by %s of %s", r.Account, r.Party)
	case r.Account != "":
		line("by %s", r.Account)
	case r.Kind == "added" && r.From != nil:
		line("by the system")
	case r.Kind == "withdrawn":
		line("by the system")
	}
	if r.Of != 0 && r.Kind == "decided" {
		line("about the version added at %d, in the release to %s", r.Of, elsewhereText(*r.From))
	} else if r.Of != 0 && r.Act == journal.ActCorrect {
		line("removed the text added at %d, which the next entry corrects", r.Of)
	} else if r.Of != 0 {
		line("removed the version added at %d", r.Of)
	}
	if r.Reason != "" {
		line("reason: %s", r.Reason)
	}
	if r.Kind == "added" {
		line("SHA-256 %s, %d bytes%s", r.Digest, r.Size, markedText(r.TLP))
	}
	if r.Status != "" {
		line("status %s", r.Status)
	}
	if len(r.Warnings) > 0 {
		line("warnings: %s", strings.Join(r.Warnings, ", "))
	}
	if r.Kind == "head" {
		line("the journal of the collection %s had %d entries with the root hash %s", r.From.Collection, r.From.Position, shortDigest(r.Digest))
	} else if r.From != nil && r.Kind != "decided" {
		text := "released here from " + elsewhereText(*r.From)
		if r.From.URL != "" {
			text = "taken by the mirror of " + r.From.URL
		}
		if r.From.Position != 0 {
			text += fmt.Sprintf(", position %d", r.From.Position)
		}
		line("%s", text)
	}
	if verified && (r.Terms != nil || len(r.Released)+len(r.Received) > 0) {
		line("not proved, but the server's own account:")
	}
	for _, c := range r.Changes {
		line("%s: %s, before %s", c.Path, orNothing(c.After), orNothing(c.Before))
	}
	if r.Terms != nil {
		line("terms of entry %d, %s", r.Terms.Since, shortDigest(r.Terms.Digest))
	}
	if r.Present != nil && !*r.Present {
		line("no longer there")
	}
	for _, to := range r.Released {
		text := fmt.Sprintf("released to %s %s, position %d", elsewhereText(to), moment(to.At), to.Position)
		if gone := to.Withdrawn; gone != nil {
			text += fmt.Sprintf("; withdrawn there %s", moment(gone.At))
			if gone.Reason != "" {
				text += ": " + gone.Reason
			}
		}
		line("%s", text)
	}
	for _, receipt := range r.Received {
		line("%s", receiptText(receipt))
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}

func markedText(tlp string) string {
	if tlp == "" {
		return ""
	}
	return ", TLP " + tlp
}

func elsewhereText(x audit.Elsewhere) string {
	switch {
	case x.Agreement != "":
		return x.Agreement
	case x.Hidden:
		return "another agreement"
	}
	return "the collection " + x.Collection.String()
}

func shortDigest(digest string) string { return digest[:min(len(digest), 12)] }

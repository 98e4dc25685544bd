package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

func newAuditTrace(e *env) *cobra.Command {
	var from source
	var trusted []string
	var format string
	cmd := &cobra.Command{
		Use:   "trace OBJECT-ID --agreement NAME",
		Short: "Prove where an object came from, over agreements and servers",
		Long: `Traces each version of an object back to where an account added it: by releases
from agreement to agreement, and by mirrors from server to server. Every step is
an entry of a signed journal, and the command verifies all of them by itself:
the signatures, the proofs that the entries are in the journals, and that each
is the one that the entry before names, about the same version with the same
digest. It prints what is proved and what is not.

The first word of the last line says how it ended. PROVED: every version, to its
beginning (exit code 0). INCOMPLETE: the way of one goes further than could be
proved, with the reason (1). FALSE: something that a server said does not hold
(1).

An agreement shows where its objects came from if its terms say origins: visible;
entries that name parties, if they say members: visible; operators see all.
--trusted-key is a key of any of the servers on the way; one without a trusted
key is believed to be the server that it says it is.

` + sourceHelp,
		Example: `  accord audit trace indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10 --agreement members --url https://ti.example.org/ --user member --trusted-key vendor.key`,
		Args:    exactArgs("OBJECT-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			keys, err := trustedKeys(trusted)
			if err != nil {
				return err
			}
			return from.ask(e, func(a *audit.Client) error { return trace(cmd.Context(), e, a, from, args[0], keys, format) })
		},
	}
	from.addFlags(cmd, true)
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`")
	return cmd
}

func trace(ctx context.Context, e *env, a *audit.Client, from source, object string, trusted []string, format string) error {
	found, err := a.Trace(ctx, from.agreement(), object, trusted)
	var signature *journal.SignatureError
	var proof *journal.ProofError
	var entry *journal.EntryError
	var chain *audit.EvidenceError
	switch {
	case errors.As(err, &signature), errors.As(err, &proof), errors.As(err, &entry), errors.As(err, &chain):
		return withHint(fmt.Errorf("FALSE: %w", err), "keep this output, and ask the operators of the servers; accord audit verify --peer says whether one contradicts what it signed")
	case err != nil:
		return err
	}
	if format == "json" {
		err = writeJSONLine(e.stdout, found)
	} else {
		err = writeTrace(e.stdout, found)
	}
	if err != nil {
		return err
	}
	if !found.Whole() {
		return &exitError{code: exitFound}
	}
	return nil
}

// writeTrace prints what a trace proves. No line begins with text from outside this program.
func writeTrace(w io.Writer, t audit.Traced) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", journal.CleanText(t.Object))
	for _, v := range t.Versions {
		fmt.Fprintf(&b, "version %s\n", orNone(journal.CleanText(v.Version)))
		for i, step := range v.Steps {
			writeTraceStep(&b, i+1, step)
		}
		switch {
		case v.Whole:
			b.WriteString("  proved to its beginning\n")
		default:
			fmt.Fprintf(&b, "  NOT PROVED further: %s\n", v.Why)
		}
		if !v.Content {
			b.WriteString("  not compared: the text, which is gone here or which this account may not read\n")
		}
	}
	b.WriteString("Not proved: that an account is whose its server says, who wrote the object before that, and the servers' clocks.\n")
	if t.Whole() {
		b.WriteString("PROVED: every entry above is in a signed journal and names the next.\n")
	} else {
		b.WriteString("INCOMPLETE: every entry above is in a signed journal and names the next, and the way goes on where it says NOT PROVED.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTraceStep(b *strings.Builder, n int, s audit.TracedStep) {
	line := func(format string, args ...any) {
		b.WriteString("     " + journal.CleanText(fmt.Sprintf(format, args...)) + "\n")
	}
	fmt.Fprintf(b, "  %d. %s, entry %d of %d, %s\n", n, journal.CleanText(s.Origin), s.Position, s.Entries, s.At.UTC().Format(journal.TimeFormat))
	switch s.By {
	case audit.ByMirror:
		line("the step before was taken from here by a mirror of %s", s.URL)
	case audit.ByRelease:
		line("the step before was taken from here by a release")
	}
	switch {
	case s.Account != "" && s.Party != "":
		line("added by %s of %s", s.Account, s.Party)
	case s.Account != "":
		line("added by %s", s.Account)
	default:
		line("added by the system")
	}
	line("SHA-256 %s, %d bytes", s.Digest, s.Size)
	if s.Trusted {
		line("signed by %s, which is trusted", s.SignedBy)
	} else {
		line("signed by %s, on its own word: give its key with --trusted-key", s.SignedBy)
	}
	if s.Alias {
		line("not proved: that the address above is of this collection, since it has an alias instead of an id")
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

func newAuditProve(e *env) *cobra.Command {
	var from source
	var out string
	var entry uint64
	cmd := &cobra.Command{
		Use:   "prove OBJECT-ID --agreement NAME",
		Short: "Write a file that proves what happened to an object",
		Long: `Writes a file that proves what the journal says of an object: every entry about
it, with the object's text where it is still there (and may be read), the proof
that each is in the journal, the signed head, and the key. Whoever has the file
checks it with accord audit verify-evidence, without any server.

` + sourceHelp,
		Example: `  accord audit prove indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10 --agreement gsp --data /var/lib/accord -o evidence.json`,
		Args:    exactArgs("OBJECT-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return from.ask(e, func(a *audit.Client) error {
				ev, err := a.Prove(cmd.Context(), from.agreement(), args[0], journal.Position(entry))
				if err != nil {
					return err
				}
				text, err := json.MarshalIndent(ev, "", "  ")
				if err != nil {
					return err
				}
				text = append(text, '\n')
				if out == "" {
					_, err = e.stdout.Write(text)
					return err
				}
				return os.WriteFile(out, text, 0o600)
			})
		},
	}
	from.addFlags(cmd, true)
	cmd.Flags().Uint64Var(&entry, "entry", 0, "only the entry at this `POSITION`")
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write, readable by its owner; by default standard output")
	return cmd
}

func newAuditVerifyEvidence(e *env) *cobra.Command {
	var trusted []string
	cmd := &cobra.Command{
		Use:   "verify-evidence FILE",
		Short: "Check a file of accord audit prove, without any server",
		Long: `Checks a file that accord audit prove wrote: the signature of the head, the proof
that each entry is in the journal, and that the object's text is the one that
the entry is about. It says what is proved, or which of signature, proof, entry
and content failed, and then exits with 1.

Without --trusted-key the signature is checked with the key in the file, which
anybody could have made: hold that key against the one you know.`,
		Example: `  accord audit verify-evidence evidence.json --trusted-key 'ti.example.org+5f3a1c2e+A…'`,
		Args:    exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := trustedKeys(trusted)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(args[0])
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			ev, err := audit.ParseEvidence(text)
			if err != nil {
				return fmt.Errorf("%s proves nothing: %w", args[0], err)
			}
			proved, err := ev.Verify(keys)
			if err != nil {
				return fmt.Errorf("%s proves nothing: %w", args[0], err)
			}
			_, err = fmt.Fprintln(e.stdout, proved)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	return cmd
}

// failed makes of what a verification found an error of the command, with advice.
func failed(err error) error {
	var signature *journal.SignatureError
	var proof *journal.ProofError
	var entry *journal.EntryError
	switch {
	case errors.As(err, &signature):
		return withHint(err, "if the server's key was replaced, ask its operator for the key it has now, by a way you trust")
	case errors.As(err, &proof), errors.As(err, &entry):
		return withHint(err, "keep the checkpoint and this output: together they show that the history was changed")
	}
	return err
}

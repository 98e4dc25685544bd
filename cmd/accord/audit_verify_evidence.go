package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditVerifyEvidence(e *env) *cobra.Command {
	var trusted []string
	var kept string
	cmd := &cobra.Command{
		Use:   "verify-evidence FILE",
		Short: "Check a file of accord audit prove, without any server",
		Long: `Checks a file that accord audit prove wrote: the signature of the head, the proof
that each entry is in the journal, that the first terms name the agreement, and
that the object's text is the one that the entry is about. The first line says
whether it is proved that no entry about the object is missing. If anything
fails, the command says what, and exits with 1.

--checkpoint demands that the journal of the file continues a head that you kept.

Without --trusted-key the signature is checked with the key in the file, which
anybody could have made: compare that key with the one you know.`,
		Example: `  accord audit verify-evidence evidence.json --trusted-key 'ti.example.org+5f3a1c2e+A…'`,
		Args:    exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			var trust audit.Trust
			var err error
			if trust.Keys, err = trustedKeys(trusted); err != nil {
				return err
			}
			if kept != "" {
				if trust.Kept, err = readCheckpoint(kept); err != nil {
					return err
				}
			}
			text, err := os.ReadFile(args[0])
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			ev, err := audit.ParseEvidence(text)
			if err != nil {
				return fmt.Errorf("%s proves nothing: %w", args[0], err)
			}
			proved, err := ev.Verify(trust)
			if err != nil {
				return fmt.Errorf("%s proves nothing: %w", args[0], err)
			}
			_, err = fmt.Fprintln(e.stdout, proved)
			return err
		},
	}
	cmd.Flags().StringVar(&kept, "checkpoint", "", "a checkpoint `FILE` kept from earlier")
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	return cmd
}

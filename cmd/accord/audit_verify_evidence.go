package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditVerifyEvidence(e *env) *cobra.Command {
	var trusted []string
	var kept, format string
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
			if err := checkFormat(format); err != nil {
				return err
			}
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
			if format == "json" {
				return writeProved(e.stdout, proved)
			}
			_, err = fmt.Fprintln(e.stdout, proved)
			return err
		},
	}
	addFormat(cmd, &format)
	cmd.Flags().StringVar(&kept, "checkpoint", "", "a checkpoint `FILE` kept from earlier")
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	return cmd
}

// writeProved writes what a file of evidence proves, as JSON.
func writeProved(w io.Writer, p audit.Proved) error {
	type entry struct {
		Position uint64 `json:"position"`
		audit.Record
		Content bool `json:"content"` // the object's text is in the file, and is the one that the entry is about
	}
	answer := struct {
		Object    string  `json:"object"`
		Agreement string  `json:"agreement"`
		Named     bool    `json:"named"`    // the journal is that of the agreement
		Complete  bool    `json:"complete"` // no entry about the object is missing up to the head
		Origin    string  `json:"origin"`
		Size      uint64  `json:"entries_in_journal"`
		SignedBy  string  `json:"signed_by"`
		Trusted   bool    `json:"trusted"`
		KeptSize  uint64  `json:"kept_entries,omitempty"`
		Entries   []entry `json:"entries"`
	}{p.Object, p.Agreement, p.Named, p.Complete, p.Checkpoint.Origin, p.Checkpoint.Size, p.SignedBy, p.Trusted, p.KeptSize, []entry{}}
	for _, one := range p.Entries {
		answer.Entries = append(answer.Entries, entry{uint64(one.Position), audit.RecordOf(one.Position, one.Entry), one.Content})
	}
	return writeJSON(w, answer)
}

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

func newAuditCheckpoint(e *env) *cobra.Command {
	var from source
	var format string
	cmd := &cobra.Command{
		Use:   "checkpoint --agreement NAME",
		Short: "Print the signed head of a journal, to keep",
		Long: `Prints the signed head of a journal: a note of five lines with the server's name
and the collection's id, how many entries there are, what they hash to, and a
signature. Keep it where the server cannot reach it: accord audit verify holds
a later journal against it. Keep the key of accord audit key with it.

` + sourceHelp,
		Example: `  accord audit checkpoint --agreement gsp --data /var/lib/accord > gsp-2026-07-01.checkpoint`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return from.ask(e, func(a *audit.Client) error {
				signed, err := a.Checkpoint(cmd.Context(), from.agreement())
				if err != nil {
					return err
				}
				if format == "json" {
					return writeCheckpoint(e.stdout, signed)
				}
				_, err = e.stdout.Write(signed)
				return err
			})
		},
	}
	from.addFlags(cmd, false)
	from.addServer(cmd)
	addFormat(cmd, &format)
	cmd.MarkFlagsOneRequired("agreement", "server")
	return cmd
}

// writeCheckpoint writes what a signed head says, and the head itself, as JSON.
func writeCheckpoint(w io.Writer, signed []byte) error {
	c, err := journal.ParseCheckpoint(string(signed))
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	return writeJSON(w, struct {
		Origin  string `json:"origin"`
		Entries uint64 `json:"entries"`
		Hash    string `json:"hash"`
		Note    string `json:"note"` // to keep: accord audit verify reads it
	}{c.Origin, c.Size, c.Root.String(), string(signed)})
}

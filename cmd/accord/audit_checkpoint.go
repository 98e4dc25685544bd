package main

import (
	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditCheckpoint(e *env) *cobra.Command {
	var from source
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
			return from.ask(e, func(a *audit.Client) error {
				signed, err := a.Checkpoint(cmd.Context(), from.agreement())
				if err != nil {
					return err
				}
				_, err = e.stdout.Write(signed)
				return err
			})
		},
	}
	from.addFlags(cmd, false)
	from.addServer(cmd)
	cmd.MarkFlagsOneRequired("agreement", "server")
	return cmd
}

package main

import (
	"encoding/json"
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
that each is in the journal, the signed head, and the key. Anybody can
check the file with accord audit verify-evidence, without any server.

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

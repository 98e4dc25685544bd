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
	var out, format string
	var entry uint64
	var asked audit.Asked
	var kept string
	cmd := &cobra.Command{
		Use:   "prove OBJECT-ID --agreement NAME",
		Short: "Write a file that proves what happened to an object",
		Long: `Writes a file that proves what the journal says of an object: every entry about
it, with the object's text where it is still there (and may be read), the proof
that each is in the journal, the signed head, and the key. Anybody can
check the file with accord audit verify-evidence, without any server.

The file proves that its entries happened. --complete adds every entry of the
journal, which proves that none about the object is missing; such a file shows
its reader the whole journal. --checkpoint adds the proof that the journal
continues a head kept from earlier, --deliveries the server's own account of who
received the object, which nothing proves. The command verifies what it got
before it writes it: if it does not verify, nothing is written. The file is JSON;
with -o, --format json prints where it is.

` + sourceHelp,
		Example: `  accord audit prove indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10 --agreement gsp --data /var/lib/accord -o evidence.json`,
		Args:    exactArgs("OBJECT-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return from.ask(e, func(a *audit.Client) error {
				asked.Object, asked.Only = args[0], journal.Position(entry)
				if kept != "" {
					var err error
					if asked.Kept, err = readCheckpoint(kept); err != nil {
						return err
					}
				}
				ev, err := a.Prove(cmd.Context(), from.agreement(), asked)
				if err != nil {
					return failed(err)
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
				if err := os.WriteFile(out, text, 0o600); err != nil || format == "text" {
					return err
				}
				return writeJSON(e.stdout, struct {
					File   string `json:"file"`
					Object string `json:"object"`
					Bytes  int    `json:"bytes"`
				}{out, args[0], len(text)})
			})
		},
	}
	from.addFlags(cmd, true)
	cmd.Flags().Uint64Var(&entry, "entry", 0, "only the entry at this `POSITION`")
	cmd.Flags().BoolVar(&asked.Complete, "complete", false, "with every entry of the journal, which proves that none about the object is missing")
	cmd.Flags().BoolVar(&asked.Deliveries, "deliveries", false, "with the server's account of who received the object")
	cmd.Flags().StringVar(&kept, "checkpoint", "", "a checkpoint `FILE` kept from earlier, which the file is to continue")
	cmd.MarkFlagsMutuallyExclusive("entry", "complete")
	addFormat(cmd, &format)
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write, readable by its owner; by default standard output")
	return cmd
}

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newAgreementReport(e *env, t *target) *cobra.Command {
	var from, to, format, out string
	cmd := &cobra.Command{
		Use:   "report NAME",
		Short: "Report what happened under an agreement",
		Long: `Writes a report on an agreement for those who answer for it: its parties, the
terms at each date and who joined and left, what was shared and by whom, who
received it, what releases passed on and withhold and by which term, what was
withdrawn and who had received it, and incidents. It is made from the journal, up
to a signed head, and says where to look for NIS2 Article 29, DORA Article 45 and
ISO/IEC 27010.

The report is a page that needs nothing else and prints well (html), or JSON. The
server signs it; accord audit verify-report checks that it was not altered.`,
		Example: `  accord agreement report gsp --from 2026-01-01 --to 2026-07-01 --out gsp.html --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
		PreRunE: func(*cobra.Command, []string) error {
			if format != "html" && format != "json" {
				return usageError("--format %q is unknown: html or json", format)
			}
			for name, value := range map[string]string{"--from": from, "--to": to} {
				if value == "" {
					continue
				}
				if _, err := agreement.ParseDate(value); err != nil {
					return usageError("%s: %w", name, err)
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.administer(e, func(ad *admin.Client) error {
				text, err := ad.Report(cmd.Context(), agreement.Name(args[0]), from, to, format)
				if err != nil {
					return hintNames(err)
				}
				if out == "" {
					_, err := e.stdout.Write(text)
					return err
				}
				if err := os.WriteFile(out, text, 0o600); err != nil {
					return fmt.Errorf("write the report: %w", err)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "begin at this `DATE`; by default at the beginning")
	cmd.Flags().StringVar(&to, "to", "", "end before this `DATE`; by default now")
	cmd.Flags().StringVar(&format, "format", "html", "write `html|json`")
	cmd.Flags().StringVar(&out, "out", "", "write into `FILE`, readable by you alone, instead of standard output")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"html", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

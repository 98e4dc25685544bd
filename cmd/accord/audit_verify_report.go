package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditVerifyReport(e *env) *cobra.Command {
	var from source
	var trusted []string
	var format string
	cmd := &cobra.Command{
		Use:   "verify-report FILE",
		Short: "Check that a report is as the server signed it",
		Long: `Checks a file of accord agreement report: that a key of the server signed exactly
these bytes, and that the journal of today continues the head that the report
tells of. If anything fails, the command says what, and exits with 1.

Without --trusted-key the keys are the server's own.

` + sourceHelp,
		Example: `  accord audit verify-report gsp.html --data /var/lib/accord`,
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			keys, err := trustedKeys(trusted)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(args[0])
			if err != nil {
				return &exitError{code: exitUsage, err: fmt.Errorf("read the report: %w", err)}
			}
			return from.ask(e, func(c *audit.Client) error {
				verdict, err := c.VerifyReport(cmd.Context(), text, keys)
				if err != nil {
					return failed(fmt.Errorf("%s: %w", args[0], err))
				}
				return writeVerdict(e, verdict, format)
			})
		},
	}
	from.addFlags(cmd, false)
	cmd.Flags().MarkHidden("agreement")
	addFormat(cmd, &format)
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	return cmd
}

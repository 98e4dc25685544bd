package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newAgreementSuspend(e *env, t *target) *cobra.Command {
	var reason string
	cmd := reports(e, t, &cobra.Command{
		Use:   "suspend NAME --reason TEXT",
		Short: "Stop an agreement for a time",
		Long: `Stops an agreement for a time: from the next request on, no object is taken and
none is given out. The parties are told since when, by whom and why.`,
		Example: `  accord agreement suspend gsp --reason "key compromised, being replaced" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		if reason == "" {
			return admin.Agreement{}, usageError("--reason is empty: the parties are told why")
		}
		return ad.Suspend(ctx, agreement.Name(args[0]), reason)
	}, writeStep)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that the parties are shown")
	cmd.MarkFlagRequired("reason")
	return cmd
}

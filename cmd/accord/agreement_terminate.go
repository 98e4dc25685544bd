package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newAgreementTerminate(e *env, t *target) *cobra.Command {
	var withdraw bool
	var reason string
	cmd := administers(e, t, &cobra.Command{
		Use:   "terminate NAME [--withdraw]",
		Short: "End an agreement for good",
		Long: `Ends an agreement for good: it can't be renewed or resumed. Its objects stay in
its file, and its auditors can read its history. With --withdraw, what was
passed on from it to other agreements is taken back there.`,
		Example: `  accord agreement terminate gsp --withdraw --reason "the programme ended" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		return ad.Terminate(ctx, agreement.Name(args[0]), withdraw, reason)
	}, writeStep)
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "take back what was passed on to other agreements")
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that the parties are shown")
	return cmd
}

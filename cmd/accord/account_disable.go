package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newAccountDisable(e *env, t *target) *cobra.Command {
	var reason string
	cmd := reports(e, t, &cobra.Command{
		Use:     "disable NAME",
		Short:   "Refuse an account from now on",
		Long:    "Refuses an account from the next request on. Its password and tokens stay, for the day it is enabled again.",
		Example: `  accord account disable vendor-push --reason "left the company" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.DisableAccount(ctx, args[0], reason)
	}, writeAccount)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that is recorded")
	return cmd
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newAccountEnable(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "enable NAME",
		Short:   "Admit a disabled account again",
		Long:    "Admits a disabled account again, with the credentials that it had.",
		Example: "  accord account enable vendor-push --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.EnableAccount(ctx, args[0])
	}, writeAccount)
}

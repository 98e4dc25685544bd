package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newTokenRevoke(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "revoke NAME TOKEN-ID",
		Short:   "End a token",
		Long:    "Ends a token: it is refused from the next request on. accord account list shows the ids.",
		Example: "  accord account token revoke vendor-push 5f2c8a9be1d4 --data /var/lib/accord",
		Args:    exactArgs("NAME", "TOKEN-ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.RevokeToken(ctx, args[0], args[1])
	}, writeAccount)
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newAccountAdd(e *env, t *target) *cobra.Command {
	var n admin.NewAccount
	var password passwordFlags
	cmd := reports(e, t, &cobra.Command{
		Use:   "add NAME --party PARTY",
		Short: "Add an account",
		Long: `Adds an account. Without a password it can log in once it has a token or a
certificate.`,
		Example: "  accord account add vendor-push --party vendor --password-file vendor.pw --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		n.Name, n.PasswordHash = args[0], password.hash
		return ad.AddAccount(ctx, n)
	}, writeAccount)
	cmd.Flags().StringVar(&n.Party, "party", "", "the `PARTY` that it belongs to")
	cmd.Flags().BoolVar(&n.Operator, "operator", false, "it administers and audits everything")
	password.add(e, cmd)
	return cmd
}

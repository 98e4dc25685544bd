package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newRefusedRetry(e *env, t *target) *cobra.Command {
	var rule string
	var all bool
	cmd := reports(e, t, &cobra.Command{
		Use:   "retry AGREEMENT {KEY... | --rule RULE | --all}",
		Short: "Try refused objects again",
		Long: `Tries refused objects again, after the agreement's terms have changed: they are
judged as if they were sent now. What is accepted is added for the party that
sent it, which needs the right to add at this moment, and leaves the list. The
journal names the account that tried again.`,
		Example: `  accord refused retry gsp --rule S-025 --data /var/lib/accord
  accord refused retry gsp --all --url https://ti.example/ --user vendor-push`,
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.RetryAnswer, error) {
		return ad.RetryRefused(ctx, agreement.Name(args[0]), args[1:], rule, all)
	}, func(w io.Writer, a admin.RetryAnswer) error {
		fmt.Fprintf(w, "%s tried again: %d accepted, %d refused\n", count(a.Tried, "object"), a.Accepted, a.Refused)
		if len(a.Rules) == 0 {
			return nil
		}
		return writeRules(w, a.Rules)
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		given := 0
		for _, is := range []bool{len(args) > 1, rule != "", all} {
			if is {
				given++
			}
		}
		if len(args) == 0 || given != 1 {
			return withHint(usageError("%s takes AGREEMENT, and one of KEY..., --rule and --all", cmd.CommandPath()),
				"%s --help shows an example", cmd.CommandPath())
		}
		return nil
	}
	cmd.Flags().StringVar(&rule, "rule", "", "those that `RULE` refused")
	cmd.Flags().BoolVar(&all, "all", false, "all that are kept")
	return cmd
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

// deletes makes a command that deletes an account or a party: it says what becomes of what it leaves, and asks.
func deletes(e *env, t *target, cmd *cobra.Command, do func(context.Context, *admin.Client, string, admin.DeletionRequest) (admin.Deletion, error)) *cobra.Command {
	var reason string
	var yes bool
	cmd.Args = exactArgs("NAME")
	cmd = administers(e, t, cmd, func(ctx context.Context, ad *admin.Client, args []string) (admin.Deletion, error) {
		would, err := do(ctx, ad, args[0], admin.DeletionRequest{DryRun: true})
		if err != nil {
			return would, err
		}
		for _, effect := range would.Effects {
			fmt.Fprintln(e.stdout, effect)
		}
		if !yes {
			if !canAsk(e) {
				return would, withHint(fmt.Errorf("the %s was not deleted", would.Subject), "--yes deletes it")
			}
			if err := ask(e, fmt.Sprintf("Delete the %s for good?", would.Subject)); err != nil {
				return would, err
			}
		}
		return do(ctx, ad, args[0], admin.DeletionRequest{Reason: reason})
	}, func(w io.Writer, d admin.Deletion) error {
		_, err := fmt.Fprintf(w, "%s: deleted\n", d.Subject)
		return err
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that is recorded")
	cmd.Flags().BoolVar(&yes, "yes", false, "delete without asking")
	return cmd
}

func newAccountDelete(e *env, t *target) *cobra.Command {
	return deletes(e, t, &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an account for good",
		Long: `Deletes an account, after it has said what becomes of what the account added, and
after a yes: at the terminal, or --yes. Its objects stay, and are its party's; its
name stays in the journals and is not given again. accord account disable refuses
a login for a time.`,
		Example: `  accord account delete west-siem --reason "the contractor left" --data /var/lib/accord`,
	}, func(ctx context.Context, ad *admin.Client, name string, r admin.DeletionRequest) (admin.Deletion, error) {
		return ad.DeleteAccount(ctx, name, r)
	})
}

func newPartyDelete(e *env, t *target) *cobra.Command {
	return deletes(e, t, &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a party for good",
		Long: `Deletes a party that has no account and no role in an agreement, after it has said
what becomes of what the party added, and after a yes: at the terminal, or --yes.
Its objects stay, and only an operator removes them (accord object remove); its
name stays in the journals and is not given again.`,
		Example: `  accord party delete west --data /var/lib/accord`,
	}, func(ctx context.Context, ad *admin.Client, name string, r admin.DeletionRequest) (admin.Deletion, error) {
		return ad.DeleteParty(ctx, name, r)
	})
}

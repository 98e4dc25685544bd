package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newAgreementTerminate(e *env, t *target) *cobra.Command {
	var withdraw bool
	var reason string
	var yes bool
	cmd := reports(e, t, &cobra.Command{
		Use:   "terminate NAME --reason TEXT [--withdraw]",
		Short: "End an agreement for good",
		Long: `Ends an agreement for good: it can't be renewed or resumed. Its objects stay in
its file, and its auditors can read its history. With --withdraw, what was
passed on from it to other agreements is taken back there.

At a terminal it asks first; --yes answers.`,
		Example: `  accord agreement terminate gsp --withdraw --reason "the programme ended" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		if reason == "" {
			return admin.Agreement{}, usageError("--reason is empty: the parties are told why")
		}
		if !yes {
			question := fmt.Sprintf("Terminate the agreement %s for good?", args[0])
			if withdraw {
				question = fmt.Sprintf("Terminate the agreement %s for good, and take back what it passed on?", args[0])
			}
			if err := confirm(e, question); err != nil {
				return admin.Agreement{}, err
			}
		}
		return ad.Terminate(ctx, agreement.Name(args[0]), withdraw, reason)
	}, writeStep)
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "take back what was passed on to other agreements")
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that the parties are shown")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask, even at a terminal")
	cmd.MarkFlagRequired("reason")
	return cmd
}

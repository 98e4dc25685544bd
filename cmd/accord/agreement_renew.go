package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newAgreementRenew(e *env, t *target) *cobra.Command {
	var date string
	cmd := reports(e, t, &cobra.Command{
		Use:   "renew NAME --until DATE",
		Short: "Move the end of an agreement's term",
		Long: `Moves the end of an agreement's term to DATE: YYYY-MM-DD, which is midnight UTC
and the first moment outside the term, or a full timestamp. An agreement that
has expired runs again at once; its collection, its objects and every client's
place in it are as they were.`,
		Example: "  accord agreement renew gsp --until 2032-01-01 --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		until, err := agreement.ParseDate(date)
		if err != nil {
			return admin.Agreement{}, usageError("--until: %w", err)
		}
		return ad.Renew(ctx, agreement.Name(args[0]), until)
	}, writeStep)
	cmd.Flags().StringVar(&date, "until", "", "the `DATE` on which the term ends, such as 2032-01-01")
	cmd.MarkFlagRequired("until")
	return cmd
}

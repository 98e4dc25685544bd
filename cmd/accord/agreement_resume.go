package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newAgreementResume(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "resume NAME",
		Short:   "End a suspension",
		Long:    "Ends a suspension. Clients go on where they were.",
		Example: "  accord agreement resume gsp --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		return ad.Resume(ctx, agreement.Name(args[0]))
	}, writeStep)
}

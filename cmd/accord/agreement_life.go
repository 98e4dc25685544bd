package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// writeStep says what came of a step of an agreement's life.
func writeStep(w io.Writer, a admin.Agreement) error {
	_, err := fmt.Fprintf(w, "agreement %s: %s%s, term %s\n", a.Name, a.State, markText(a), termText(a.Term))
	return err
}

func newAgreementRenew(e *env, data *string) *cobra.Command {
	var date string
	cmd := administers(e, data, &cobra.Command{
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

func newAgreementSuspend(e *env, data *string) *cobra.Command {
	var reason string
	cmd := administers(e, data, &cobra.Command{
		Use:   "suspend NAME --reason TEXT",
		Short: "Stop an agreement for a time",
		Long: `Stops an agreement for a time: from the next request on, no object is taken and
none is given out. The parties are told since when, by whom and why.`,
		Example: `  accord agreement suspend gsp --reason "key compromised, being replaced" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		if reason == "" {
			return admin.Agreement{}, usageError("--reason is empty: the parties are told why")
		}
		return ad.Suspend(ctx, agreement.Name(args[0]), reason)
	}, writeStep)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that the parties are shown")
	cmd.MarkFlagRequired("reason")
	return cmd
}

func newAgreementResume(e *env, data *string) *cobra.Command {
	return administers(e, data, &cobra.Command{
		Use:     "resume NAME",
		Short:   "End a suspension",
		Long:    "Ends a suspension. Clients go on where they were.",
		Example: "  accord agreement resume gsp --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		return ad.Resume(ctx, agreement.Name(args[0]))
	}, writeStep)
}

func newAgreementTerminate(e *env, data *string) *cobra.Command {
	var withdraw bool
	var reason string
	cmd := administers(e, data, &cobra.Command{
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

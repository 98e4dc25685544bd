package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	pushes "github.com/accord-taxii/accord/internal/push"
)

func newOutboxCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "outbox",
		Short: "See what releases push to collections of other servers",
		Long: `A release whose target is a URL passes objects on to a collection of another TAXII
2.1 server, by way of an agreement of its own, its outbox: what is in the outbox
is what the release passes on, and accord agreement release shows it beforehand.

Objects are posted as they come into the outbox. What is withdrawn is deleted
there; where the remote server does not delete, a revoked version is posted.`,
		Example: "  accord outbox list --data /var/lib/accord",
	})
	cmd.AddCommand(
		reports(e, t, &cobra.Command{
			Use: "list", Short: "List outboxes, and how they are", Args: noArgs,
			Long:    "Lists outboxes with the entries that wait, what was sent and withdrawn, and why one fails.",
			Example: "  accord outbox list --data /var/lib/accord",
		}, func(ctx context.Context, ad *admin.Client, _ []string) (admin.OutboxList, error) {
			return ad.Outboxes(ctx)
		}, writeOutboxes),
		reports(e, t, &cobra.Command{
			Use: "show OUTBOX", Short: "Show what a remote server did not take, and its receipts", Args: exactArgs("OUTBOX"),
			Long:    "Shows an outbox, each version that the remote server did not take or did not let go with its reason, and the ids of its latest status resources; accord audit deliveries has that of each version.",
			Example: "  accord outbox show gsp-to-taxii-example-1f2e3d --data /var/lib/accord",
		}, func(ctx context.Context, ad *admin.Client, args []string) (admin.OutboxDetails, error) {
			return ad.Outbox(ctx, agreement.Name(args[0]))
		}, writeOutbox),
		reports(e, t, &cobra.Command{
			Use: "retry OUTBOX", Short: "Try again what failed", Args: exactArgs("OUTBOX"),
			Long:    "Has the server try again what the remote server did not take. What was sent is not sent again.",
			Example: "  accord outbox retry gsp-to-taxii-example-1f2e3d --data /var/lib/accord",
		}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Outbox, error) {
			return ad.RetryOutbox(ctx, agreement.Name(args[0]))
		}, writeOneOutbox),
		reports(e, t, &cobra.Command{
			Use: "pause OUTBOX", Short: "Pause an outbox", Args: exactArgs("OUTBOX"),
			Long:    "Pauses an outbox until accord outbox resume: nothing is posted or withdrawn at the remote server. What comes into it meanwhile waits.",
			Example: "  accord outbox pause gsp-to-taxii-example-1f2e3d --data /var/lib/accord",
		}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Outbox, error) {
			return ad.PauseOutbox(ctx, agreement.Name(args[0]), true)
		}, writeOneOutbox),
		reports(e, t, &cobra.Command{
			Use: "resume OUTBOX", Short: "Let an outbox go on", Args: exactArgs("OUTBOX"),
			Long:    "Lets an outbox that was paused go on, where it was.",
			Example: "  accord outbox resume gsp-to-taxii-example-1f2e3d --data /var/lib/accord",
		}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Outbox, error) {
			return ad.PauseOutbox(ctx, agreement.Name(args[0]), false)
		}, writeOneOutbox))
	return cmd
}

func writeOneOutbox(w io.Writer, o admin.Outbox) error {
	return writeOutboxes(w, admin.OutboxList{Outboxes: []admin.Outbox{o}})
}

// withdrawalText says what becomes of withdrawals at an outbox's server, by what became of the latest.
func withdrawalText(o admin.Outbox) string {
	switch o.Withdrew {
	case pushes.WithdrewDeleted:
		return "what is withdrawn is deleted at " + oneLine(o.URL) + ", as the latest withdrawal was"
	case pushes.WithdrewRevoked:
		return oneLine(o.URL) + " does not delete: what is withdrawn is revoked there by a later version, as the latest withdrawal was"
	case pushes.WithdrewRemaining:
		return oneLine(o.URL) + " neither deletes nor takes a revoked version: what is withdrawn REMAINS there, as the latest withdrawal did"
	}
	return "nothing has been withdrawn at " + oneLine(o.URL) + " yet: it is deleted or, where the server does not delete, revoked by a later version; what cannot be revoked remains"
}

func writeOutboxes(w io.Writer, list admin.OutboxList) error {
	if len(list.Outboxes) == 0 {
		_, err := fmt.Fprintln(w, "No release goes to another server.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "OUTBOX\tSTATUS\tQUEUE\tSENT\tFAILED\tDELETED\tREVOKED\tREMAINING\tURL")
	for _, o := range list.Outboxes {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", o.Agreement, o.Status, o.Queue, o.Sent, o.Failed, o.Deleted, o.Revoked, o.Remaining, oneLine(o.URL))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, o := range list.Outboxes {
		if o.Reason == "" {
			continue
		}
		line := o.Agreement + ": " + o.Reason
		if o.Advice != "" {
			line += "; " + o.Advice
		}
		if _, err := fmt.Fprintln(w, oneLine(line)); err != nil {
			return err
		}
	}
	return nil
}

func writeOutbox(w io.Writer, d admin.OutboxDetails) error {
	if err := writeOutboxes(w, admin.OutboxList{Outboxes: []admin.Outbox{d.Outbox}}); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nPOSITION\tOBJECT\tVERSION\tAT\tREASON")
	for _, f := range d.Refused {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", f.Position, printable(f.Object), printable(f.Version), f.At.Format(time.RFC3339), oneLine(f.Message))
	}
	fmt.Fprintln(table, "\nRECEIPT\tFROM\tTO\tAT\tSUCCESSES\tFAILURES")
	for _, r := range d.Receipts {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\t%d\n", printable(r.Status), r.From, r.To, r.At.Format(time.RFC3339), r.Successes, r.Failures)
	}
	return table.Flush()
}

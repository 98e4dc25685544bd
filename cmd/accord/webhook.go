package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/webhook"
)

func newWebhookCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "webhook",
		Short: "Have a receiver told when an agreement changes",
		Long: `A webhook sends a signed message (Standard Webhooks 1.0) to a receiver whenever
something is added to an agreement, deleted or withdrawn. A message names the
agreement and a range of positions, and no object: the receiver asks for what
its account may read.

Messages are sent in order, each until the receiver takes it, for three days. A
receiver that answers 410 ends its webhook. The owner's right to read is judged
again at each sending.

Receivers are reached by https at public addresses; accord serve
--webhook-allow HOST names a host that may be within. An account manages the
webhooks of its party, an operator all.`,
		Example: "  accord webhook add gsp https://siem.example/accord --data /var/lib/accord",
	})
	cmd.AddCommand(newWebhookAdd(e, t), newWebhookList(e, t), newWebhookLog(e, t), newWebhookTest(e, t), newWebhookReplay(e, t), newWebhookRemove(e, t))
	return cmd
}

func newWebhookAdd(e *env, t *target) *cobra.Command {
	var hmac bool
	var party string
	cmd := reports(e, t, &cobra.Command{
		Use:   "add AGREEMENT URL [--hmac]",
		Short: "Make a webhook, and print its id and key",
		Long: `Makes a webhook that tells what happens from now on, and prints its id and, on the
next line, the key with which the receiver verifies signatures: a public key
(whpk_…, signatures v1a), or with --hmac a secret (whsec_…, signatures v1) that
is shown only now.`,
		Example: `  accord webhook add gsp https://siem.example/accord --data /var/lib/accord
  accord webhook add gsp https://siem.example/accord --hmac --url https://taxii.example --user agency-siem`,
		Args: exactArgs("AGREEMENT", "URL"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Webhook, error) {
		return ad.AddWebhook(ctx, agreement.Name(args[0]), args[1], hmac, party)
	}, func(w io.Writer, made admin.Webhook) error {
		_, err := fmt.Fprintf(w, "%s\n%s\n", made.ID, made.Key)
		return err
	})
	cmd.Flags().BoolVar(&hmac, "hmac", false, "sign with a shared secret, for a receiver that cannot verify Ed25519")
	cmd.Flags().StringVar(&party, "party", "", "make it for the party `NAME`: it ends when the party may no longer read; at the machine only")
	return cmd
}

func newWebhookList(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "list",
		Short:   "List webhooks, and how they are",
		Long:    "Lists webhooks with the last position that was told, the entries that follow, and why one fails, is paused or has ended.",
		Example: "  accord webhook list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) (admin.WebhookList, error) {
		return ad.Webhooks(ctx)
	}, writeWebhooks)
}

func writeWebhooks(w io.Writer, list admin.WebhookList) error {
	if len(list.Webhooks) == 0 {
		_, err := fmt.Fprintln(w, "There are no webhooks.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tAGREEMENT\tSTATUS\tPOSITION\tBEHIND\tPARTY\tURL")
	for _, h := range list.Webhooks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", h.ID, h.Agreement, h.Status, h.Position, h.Behind, cmp.Or(h.Party, "-"), oneLine(h.URL))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, h := range list.Webhooks {
		if h.Reason != "" {
			if _, err := fmt.Fprintf(w, "%s: %s\n", h.ID, oneLine(h.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}

func newWebhookLog(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "log ID",
		Short:   "List the latest attempts of a webhook",
		Long:    "Lists the latest 200 attempts of a webhook, the newest first, with what the receiver answered.",
		Example: "  accord webhook log wh_6f1d2c3b4a596877 --data /var/lib/accord",
		Args:    exactArgs("ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.WebhookLog, error) {
		return ad.Webhook(ctx, args[0])
	}, func(w io.Writer, h admin.WebhookLog) error {
		if err := writeWebhooks(w, admin.WebhookList{Webhooks: []admin.Webhook{h.Webhook}}); err != nil {
			return err
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "\nAT\tMESSAGE\tFROM\tTO\tATTEMPT\tSTATUS\tOUTCOME")
		for _, a := range h.Log {
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", a.At.Format(time.RFC3339), oneLine(a.Message), a.From, a.To, a.Attempt, a.Status, oneLine(cmp.Or(a.Error, "taken")))
		}
		return table.Flush()
	})
}

func newWebhookTest(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "test ID",
		Short:   "Send a test message",
		Long:    "Has the server send a message of the type accord.test, once, and prints what came of it. Exits with 1 if the receiver did not take it.",
		Example: "  accord webhook test wh_6f1d2c3b4a596877 --data /var/lib/accord",
		Args:    exactArgs("ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (webhook.Attempt, error) {
		return ad.TestWebhook(ctx, args[0])
	}, func(w io.Writer, a webhook.Attempt) error {
		if !a.OK() {
			return &exitError{code: exitFound, err: fmt.Errorf("the test message was not taken: %s", oneLine(a.Error))}
		}
		_, err := fmt.Fprintf(w, "the receiver answered %d after %d ms\n", a.Status, a.Millis)
		return err
	})
}

func newWebhookReplay(e *env, t *target) *cobra.Command {
	var after uint64
	cmd := reports(e, t, &cobra.Command{
		Use:   "replay ID --after N",
		Short: "Tell again what happened after a position",
		Long: `Has a webhook tell again everything after a position, under new message ids, for a
receiver that has lost what it was told. A webhook that has ended begins again.`,
		Example: "  accord webhook replay wh_6f1d2c3b4a596877 --after 1200 --data /var/lib/accord",
		Args:    exactArgs("ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Webhook, error) {
		return ad.ReplayWebhook(ctx, args[0], after)
	}, func(w io.Writer, h admin.Webhook) error {
		return writeWebhooks(w, admin.WebhookList{Webhooks: []admin.Webhook{h}})
	})
	cmd.Flags().Uint64Var(&after, "after", 0, "the position `N` after which to begin; 0 is the beginning")
	cmd.MarkFlagRequired("after")
	return cmd
}

func newWebhookRemove(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove a webhook",
		Long:    "Removes a webhook, with its key and its log.",
		Example: "  accord webhook remove wh_6f1d2c3b4a596877 --data /var/lib/accord",
		Args:    exactArgs("ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Webhook, error) {
		return ad.RemoveWebhook(ctx, args[0])
	}, func(w io.Writer, h admin.Webhook) error {
		_, err := fmt.Fprintf(w, "webhook %s: removed\n", h.ID)
		return err
	})
}

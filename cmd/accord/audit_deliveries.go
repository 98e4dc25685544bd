package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
)

func newAuditDeliveries(e *env) *cobra.Command {
	var from source
	var object, format string
	cmd := &cobra.Command{
		Use:   "deliveries --agreement NAME [--object OBJECT-ID]",
		Short: "Show who received what, and how far behind each consumer is",
		Long: `Without --object: every consumer of an agreement, by account and by what it asks
for; when it polled last, how much it was given, and how many versions were
added since. With --object: who was given which version of the object, when
first, when last, how often, and how often that was begun and not finished; of an
outbox, also what the other server answered, with the id of its status resource.

A delivery is noted before its first byte leaves, and written within a second. A
crash loses at most the last second of them, unless the server runs with
--durable-deliveries. In a cluster each node has an account of its own: all of
them are asked, and those that do not answer are named.

` + sourceHelp,
		Example: `  accord audit deliveries --agreement gsp --data /var/lib/accord
  accord audit deliveries --agreement gsp --object indicator--5c6e9a7b-0b8d-4f2e-8c15-3e9c1f0a5d2b --url https://ti.example/ --user me`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return from.ask(e, func(a *audit.Client) error {
				if object != "" {
					return objectDeliveries(cmd.Context(), e, a, from, object, format)
				}
				return consumers(cmd.Context(), e, a, from, format)
			})
		},
	}
	from.addFlags(cmd, true)
	cmd.Flags().StringVar(&object, "object", "", "`OBJECT-ID` whose versions to ask about")
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`")
	return cmd
}

func consumers(ctx context.Context, e *env, a *audit.Client, from source, format string) error {
	list, err := a.Consumers(ctx, from.agreement())
	if err != nil {
		return err
	}
	if format == "json" {
		return writeJSON(e.stdout, list)
	}
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tPARTY\tLAST POLL\tPOLLS\tVERSIONS\tBEHIND\tASKS FOR")
	for _, c := range list.Consumers {
		behind := fmt.Sprint(c.Behind)
		if c.BehindMore {
			behind += " or more"
		}
		if !c.BehindSince.IsZero() {
			behind += " since " + moment(c.BehindSince)
		}
		asks := filterOrAll(c.Filter)
		if c.Way != delivery.Page {
			asks = string(c.Way)
		}
		if c.Unfinished > 0 {
			asks += fmt.Sprintf(" (%d not finished)", c.Unfinished)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", c.Account, c.Party, moment(c.LastPoll), c.Polls, c.Positions, behind, asks)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	writeLost(e.stdout, list.Lost)
	return nil
}

func objectDeliveries(ctx context.Context, e *env, a *audit.Client, from source, object, format string) error {
	list, err := a.Deliveries(ctx, from.agreement(), object)
	if err != nil {
		return err
	}
	if format == "json" {
		return writeJSON(e.stdout, list)
	}
	for _, v := range list.Versions {
		fmt.Fprintf(e.stdout, "%s  version %s, added %s at position %d\n", object, orNone(v.Version), moment(v.DateAdded), v.Position)
		for _, r := range v.Received {
			fmt.Fprintf(e.stdout, "  %s\n", receiptText(r))
		}
		if len(v.Received) == 0 {
			fmt.Fprintln(e.stdout, "  no deliveries")
		}
		for _, a := range v.Acknowledged {
			fmt.Fprintf(e.stdout, "  %s\n", acknowledgementText(a))
		}
	}
	writeLost(e.stdout, list.Lost)
	return nil
}

func receiptText(r delivery.Receipt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "given to %s", cmp.Or(r.Account, "a member"))
	if r.Party != "" {
		fmt.Fprintf(&b, " of %s", r.Party)
	}
	fmt.Fprintf(&b, " %s", moment(r.First))
	if r.Times > 1 {
		fmt.Fprintf(&b, ", last %s, %d times", moment(r.Last), r.Times)
	}
	if r.Way != delivery.Page {
		fmt.Fprintf(&b, " (%s)", r.Way)
	}
	if r.Filter != "" {
		fmt.Fprintf(&b, " (%s)", r.Filter)
	}
	switch {
	case r.Unfinished == r.Times && r.Times == 1:
		b.WriteString(", begun and not finished")
	case r.Unfinished > 0:
		fmt.Fprintf(&b, ", %d times begun and not finished", r.Unfinished)
	}
	return b.String()
}

// acknowledgementText says what another server said about a version that was posted to it.
func acknowledgementText(a audit.Acknowledgement) string {
	text := fmt.Sprintf("taken by %s %s, by its status %s", oneLine(a.URL), moment(a.At), printable(a.Status))
	if a.Refused != "" {
		text = fmt.Sprintf("refused by %s %s, by its status %s: %s", oneLine(a.URL), moment(a.At), printable(a.Status), oneLine(a.Refused))
	}
	if a.Requested != "" {
		text += fmt.Sprintf(" (asked for %s)", printable(a.Requested))
	}
	return text
}

func writeLost(w io.Writer, l *delivery.Lost) {
	if l == nil {
		return
	}
	if l.Polls > 0 {
		fmt.Fprintf(w, "%d polls between %s and %s could not be written down.\n", l.Polls, moment(l.First), moment(l.Last))
	}
	for _, node := range l.Silent {
		fmt.Fprintf(w, "The node %s of the cluster did not answer: what it gave is missing here.\n", oneLine(node))
	}
}

func filterOrAll(filter string) string {
	if filter == "" {
		return "everything"
	}
	if filter == delivery.IgnoredParameters {
		return "everything " + filter
	}
	return filter
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}

// moment returns a time as lists show it.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

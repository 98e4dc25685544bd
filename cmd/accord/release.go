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
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

func newReleaseCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "release",
		Short: "List what waits in a release, and approve or refuse it",
		Long: `Lists the versions that wait in the releases of an agreement, for an embargo to
end or for approval (release terms after, not_before and hold), and approves or
refuses them.`,
	})
	cmd.AddCommand(newReleaseQueue(e, t), newReleaseDecide(e, t, false), newReleaseDecide(e, t, true))
	return cmd
}

func newReleaseQueue(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "queue AGREEMENT",
		Short: "List what waits in the releases of an agreement",
		Long: `Lists the versions that wait in the releases of an agreement, each with the
agreement that it would go to and what it waits for.`,
		Example: "  accord release queue gsp --data /var/lib/accord",
		Args:    exactArgs("AGREEMENT"),
	}, func(ctx context.Context, ad *admin.Client, args []string) ([]follow.Queued, error) {
		return ad.Queue(ctx, agreement.Name(args[0]))
	}, writeQueue)
}

func writeQueue(w io.Writer, list []follow.Queued) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "nothing waits")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, q := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", q.Target, q.Object, q.Version, queuedText(q))
	}
	return table.Flush()
}

func queuedText(q follow.Queued) (text string) {
	if !q.Until.IsZero() {
		text = "until " + q.Until.Format(time.RFC3339)
	}
	if q.Needs == 0 {
		return text
	}
	if text != "" {
		text += ", "
	}
	text += fmt.Sprintf("%d of %d approved", len(q.Approved), q.Needs)
	for i, name := range q.Approved {
		text += map[bool]string{true: ": ", false: ", "}[i == 0] + string(name)
	}
	return text
}

func newReleaseDecide(e *env, t *target, refuse bool) *cobra.Command {
	verb, done := "approve", "approved"
	long := `Approves all waiting versions of some objects in a release. They go once as many
accounts have approved them as the release asks for (hold: approve, approve-2)
and an embargo, if any, is over. The same account approves once. The journal
keeps who approved, and why.`
	if refuse {
		verb, done = "refuse", "refused"
		long = `Refuses all waiting versions of some objects in a release: they leave the queue
and do not go. Later versions wait anew. The journal keeps who refused, and why.`
	}
	d := admin.ReleaseDecision{Refuse: refuse}
	var by, to string
	cmd := reports(e, t, &cobra.Command{
		Use:     verb + " AGREEMENT OBJECT-ID... --to TARGET --reason TEXT [--by ACCOUNT]",
		Short:   map[bool]string{false: "Approve what waits in a release", true: "Refuse what waits in a release"}[refuse],
		Long:    long,
		Example: "  accord release " + verb + ` gsp indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --to members --reason "seen by the desk" --by alice --data /var/lib/accord`,
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Decided, error) {
		if d.Reason == "" {
			return admin.Decided{}, usageError("--reason is empty: the journal keeps why")
		}
		for _, id := range args[1:] {
			d.Objects = append(d.Objects, stix.ID(id))
		}
		d.To, d.By = agreement.Name(to), agreement.AccountName(by)
		return ad.Decide(ctx, agreement.Name(args[0]), d)
	}, func(w io.Writer, a admin.Decided) error {
		for _, v := range a.Versions {
			text := done
			if v.Missing > 0 {
				text += fmt.Sprintf(", %d more needed", v.Missing)
			}
			if _, err := fmt.Fprintf(w, "%s %s: %s\n", v.Object, v.Version, text); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 {
			return withHint(usageError("%s takes AGREEMENT and OBJECT-ID...", cmd.CommandPath()), "%s --help shows an example", cmd.CommandPath())
		}
		return nil
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "the agreement `TARGET` that it would go to")
	flags.StringVar(&d.Reason, "reason", "", "`TEXT` that the journal keeps")
	flags.StringVar(&by, "by", "", "the `ACCOUNT` that decides (default your own)")
	cmd.MarkFlagRequired("to")
	cmd.MarkFlagRequired("reason")
	return cmd
}

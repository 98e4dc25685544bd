package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

func newExplainCommand(e *env) *cobra.Command {
	var data string
	cmd := reports(e, &data, &cobra.Command{
		Use:   "explain ACCOUNT AGREEMENT [OBJECT-ID]",
		Short: "Say what an account may do with an agreement, and why",
		Long: `Says what an account may do with an agreement at this moment: log in, see it,
read, add, delete, audit, each with the reason. With OBJECT-ID it says also
whether the account would receive that object and, when the agreement does not
have it, which term of a release keeps it away. The answers come from the code
that decides when a request is made.`,
		Example: "  accord explain member-nl members indicator--2f0c1e3a-1df5-4a8b-8f2c-0f6d5f0f7a11 --data /var/lib/accord",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 {
				if _, err := stix.ParseID(args[2]); err != nil {
					return usageError("%w", err)
				}
				return nil
			}
			if len(args) == 2 {
				return nil
			}
			return withHint(usageError("%s takes ACCOUNT AGREEMENT [OBJECT-ID], got %s", cmd.CommandPath(), count(len(args), "argument")),
				"%s --help shows an example", cmd.CommandPath())
		},
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Explanation, error) {
		var object stix.ID
		if len(args) == 3 {
			object = stix.ID(args[2])
		}
		return ad.Explain(ctx, args[0], agreement.Name(args[1]), object)
	}, func(w io.Writer, x admin.Explanation) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, a := range x.Answers {
			yes := "no"
			if a.Yes {
				yes = "yes"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", a.Question, yes, a.Reason)
		}
		return table.Flush()
	})
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.MarkFlagRequired("data")
	return cmd
}

func newAgreementRelease(e *env, data *string) *cobra.Command {
	var to string
	var dryRun bool
	cmd := reports(e, data, &cobra.Command{
		Use:   "release NAME --dry-run [--to TARGET]",
		Short: "Say what a release would pass on, and what not",
		Long: `Says of every version that an agreement has whether its releases would pass it
on, and which term says so if not. It is what a release would decide that began
now; nothing is changed. A server does the releases by itself, all the time.`,
		Example: "  accord agreement release gsp --to members --dry-run --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) ([]follow.Decision, error) {
		if !dryRun {
			return nil, withHint(usageError("a server releases by itself as objects come"), "--dry-run shows what it does and would do")
		}
		return ad.PreviewRelease(ctx, agreement.Name(args[0]), agreement.Name(to))
	}, writeDecisions)
	cmd.Flags().StringVar(&to, "to", "", "only to this `TARGET`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

// writeDecisions writes a line a version, and a sum a target.
func writeDecisions(w io.Writer, list []follow.Decision) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "the agreement has no objects to pass on")
		return err
	}
	type sum struct{ there, goes, stays int }
	sums := make(map[agreement.Name]*sum)
	var order []agreement.Name
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range list {
		s := sums[d.Target]
		if s == nil {
			s = new(sum)
			sums[d.Target] = s
			order = append(order, d.Target)
		}
		switch d.Verdict {
		case follow.There:
			s.there++
		case follow.Goes:
			s.goes++
		default:
			s.stays++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.Target, d.Object, d.Version, admin.DecisionText(d))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, name := range order {
		s := sums[name]
		if _, err := fmt.Fprintf(w, "to %s: %d go, %d are there, %d stay\n", name, s.goes, s.there, s.stays); err != nil {
			return err
		}
	}
	return nil
}

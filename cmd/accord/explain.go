package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

func newExplainCommand(e *env) *cobra.Command {
	var t target
	cmd := reports(e, &t, &cobra.Command{
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
	t.addFlags(cmd.Flags())
	return cmd
}

package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newPartyList(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "list",
		Short:   "List the parties",
		Long:    "Lists every party with its title and its STIX identity.",
		Example: "  accord party list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) ([]agreement.Party, error) {
		return ad.Parties(ctx)
	}, func(w io.Writer, parties []agreement.Party) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tTITLE\tIDENTITY")
		for _, p := range parties {
			fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Title, p.Identity)
		}
		return table.Flush()
	})
}

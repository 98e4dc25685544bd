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

func newPartyCommand(e *env) *cobra.Command {
	cmd, data := newGroup(&cobra.Command{
		Use:   "party",
		Short: "Add and list parties",
		Long:  "Adds and lists parties: the organisations that take part in agreements.",
	})
	cmd.AddCommand(newPartyList(e, data), newPartyAdd(e, data))
	return cmd
}

func newPartyList(e *env, data *string) *cobra.Command {
	return reports(e, data, &cobra.Command{
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

func newPartyAdd(e *env, data *string) *cobra.Command {
	var title, identity string
	cmd := administers(e, data, &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a party",
		Long:    "Adds a party. What it may do, agreements say.",
		Example: `  accord party add vendor --title "Vendor Ltd" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (agreement.Party, error) {
		return ad.AddParty(ctx, agreement.Party{Name: agreement.PartyName(args[0]), Title: title, Identity: stix.ID(identity)})
	}, func(w io.Writer, p agreement.Party) error {
		_, err := fmt.Fprintf(w, "party %s: created\n", p.Name)
		return err
	})
	cmd.Flags().StringVar(&title, "title", "", "the `TITLE` that people read")
	cmd.Flags().StringVar(&identity, "identity", "", "its STIX `IDENTITY`, identity--...")
	return cmd
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

func newPartyAdd(e *env, t *target) *cobra.Command {
	var title, identity string
	cmd := reports(e, t, &cobra.Command{
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

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newAccountList(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Long:    "Lists every account with its party, what it can log in with, and the ids of its tokens.",
		Example: "  accord account list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) ([]admin.Account, error) {
		return ad.Accounts(ctx)
	}, writeAccounts)
}

func writeAccounts(w io.Writer, list []admin.Account) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tPARTY\tSTATE\tLOGS IN WITH")
	for _, a := range list {
		party, state := a.Party, "enabled"
		if a.Operator {
			party = strings.TrimSpace(party + " (operator)")
		}
		if a.Disabled {
			state = "disabled"
		}
		var with []string
		if a.Password {
			with = append(with, "password")
		}
		for _, t := range a.Tokens {
			text := "token " + t.ID + " of " + t.Created.Format(time.DateOnly)
			if t.Note != "" {
				text += " (" + t.Note + ")"
			}
			with = append(with, text)
		}
		if len(a.Certificates) > 0 {
			with = append(with, fmt.Sprintf("%d certificate(s)", len(a.Certificates)))
		}
		if len(with) == 0 {
			with = []string{"nothing yet"}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Name, party, state, strings.Join(with, ", "))
	}
	return table.Flush()
}

// writeAccount shows an account after a step.
func writeAccount(w io.Writer, a admin.Account) error { return writeAccounts(w, []admin.Account{a}) }

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
	"github.com/accord-taxii/accord/internal/agreement"
)

func newPartyShow(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "show NAME",
		Short: "Show what a party takes part in",
		Long: `Shows a party: its agreements with roles, state and end, the versions that it
added and was given in each, in all and by month, and its accounts with their last
login. It reads the journals of all agreements.`,
		Example: "  accord party show vendor --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.PartyStanding, error) {
		return ad.PartyStanding(ctx, args[0])
	}, writeStanding)
}

func writeStanding(w io.Writer, p admin.PartyStanding) error {
	fmt.Fprintf(w, "party %s: %s\n", p.Name, p.Title)
	if p.Identity != "" {
		fmt.Fprintf(w, "identity %s\n", p.Identity)
	}
	date := func(at time.Time, otherwise string) string {
		if at.IsZero() {
			return otherwise
		}
		return agreement.FormatDate(at)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "AGREEMENT\tROLES\tSTATE\tUNTIL\tADDED\tTHERE\tRECEIVED\tLAST ADDED\tLAST READ")
	for _, a := range p.Agreements {
		roles := make([]string, len(a.Roles))
		for i, r := range a.Roles {
			roles[i] = string(r)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", a.Agreement, orNone(strings.Join(roles, ", ")), a.State, date(a.Until, "no end"),
			a.Added, a.Present, a.Received, date(a.LastAdded, "never"), date(a.LastRead, "never"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, a := range p.Agreements {
		for _, m := range a.Months {
			fmt.Fprintf(w, "%s in %s: %s added (%s), %s received\n", a.Agreement, m.Month, count(m.Added, "version"), count(m.Bytes, "byte"), count(m.Received, "version"))
		}
	}
	for _, a := range p.Accounts {
		state, seen := "", "never"
		if a.Disabled {
			state = ", disabled"
		}
		if a.LastSuccess != nil {
			seen = a.LastSuccess.At.UTC().Format("2006-01-02 15:04 MST")
		}
		if _, err := fmt.Fprintf(w, "account %s%s: last login %s\n", a.Name, state, seen); err != nil {
			return err
		}
	}
	return nil
}

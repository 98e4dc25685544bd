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
)

func newAgreementList(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "list",
		Short: "List the agreements with their state",
		Long: `Lists every agreement with its state at this moment, its term, how many objects
it holds, and its title. In the last thirty days of a term it says how much of
it is left.`,
		Example: "  accord agreement list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) ([]admin.Agreement, error) {
		return ad.Agreements(ctx)
	}, func(w io.Writer, list []admin.Agreement) error { return writeAgreements(w, list, e.now()) })
}

// soon is how long before its end an agreement is listed as ending.
const soon = 30 * 24 * time.Hour

// endText says when an agreement ends, if that is soon.
func endText(a admin.Agreement, now time.Time) string {
	left := a.Term.Until.Sub(now)
	if a.State != agreement.Active || a.Term.Until.IsZero() || left > soon {
		return ""
	}
	if left < 48*time.Hour {
		return fmt.Sprintf(", %.0f hours left", left.Hours())
	}
	return fmt.Sprintf(", %.0f days left", left.Hours()/24)
}

func writeAgreements(w io.Writer, list []admin.Agreement, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATE\tTERM\tOBJECTS\tVERSIONS\tTITLE")
	for _, a := range list {
		if a.Unavailable != "" {
			fmt.Fprintf(table, "%s\tunavailable\t-\t-\t-\t%s\n", a.Name, a.Unavailable)
			continue
		}
		objects, versions := "-", "-" // figures are for those who may read or audit
		if f := a.Figures; f != nil {
			objects, versions = fmt.Sprint(f.Objects), fmt.Sprint(f.Versions)
		}
		fmt.Fprintf(table, "%s\t%s%s\t%s\t%s\t%s\t%s\n", a.Name, a.State, endText(a, now), termText(a.Term), objects, versions, a.Title)
	}
	return table.Flush()
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newRefusedList(e *env, t *target) *cobra.Command {
	var rule string
	cmd := reports(e, t, &cobra.Command{
		Use:   "list AGREEMENT [--rule RULE]",
		Short: "List what was refused, by rule",
		Long: `Lists the refused objects that an agreement keeps: how many each rule refused,
then each object with its key, its sender and the time until which it is kept.
accord rule RULE explains a rule.`,
		Example: `  accord refused list gsp --data /var/lib/accord
  accord refused list gsp --rule S-025 --url https://ti.example/ --user vendor-push`,
		Args: exactArgs("AGREEMENT"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.RefusedList, error) {
		return ad.Refused(ctx, agreement.Name(args[0]), rule)
	}, writeRefusedList)
	cmd.Flags().StringVar(&rule, "rule", "", "only what `RULE` refused")
	return cmd
}

func writeRefusedList(w io.Writer, list admin.RefusedList) error {
	if list.Days == 0 {
		_, err := fmt.Fprintf(w, "The agreement %s does not keep what it refuses: see accept.keep_refused.\n", list.Agreement)
		return err
	}
	if list.Total == 0 {
		_, err := fmt.Fprintf(w, "No refused objects are kept. They are kept for %s.\n", count(list.Days, "day"))
		return err
	}
	if err := writeRules(w, list.Rules); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tRULE\tPARTY\tREFUSED\tKEPT UNTIL\tOBJECT\tVERSION")
	for _, r := range list.Objects {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Key, r.Rule, r.Party, moment(r.At), moment(r.Until),
			printable(r.Object), printable(cmp.Or(r.Version, "none")))
	}
	return table.Flush()
}

// writeRules lists how many objects each rule refused.
func writeRules(w io.Writer, rules []admin.RuleCount) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tOBJECTS")
	for _, r := range rules {
		fmt.Fprintf(table, "%s\t%d\n", r.Rule, r.Count)
	}
	return table.Flush()
}

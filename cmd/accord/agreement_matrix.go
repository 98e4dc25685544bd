package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// flow is what one party gives to another under an agreement, or one agreement releases to another.
type flow struct {
	Agreement agreement.Name  `json:"agreement"`
	From      string          `json:"from"` // a party; of a release, the agreement
	To        string          `json:"to"`
	Release   bool            `json:"release,omitempty"`
	Ceiling   string          `json:"ceiling,omitempty"` // the most restrictive marking that goes; none: any
	Types     []string        `json:"types,omitempty"`   // none: all
	State     agreement.State `json:"state"`
	Until     time.Time       `json:"until,omitzero"`
}

func newAgreementMatrix(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "matrix",
		Short: "Say who gives what to whom, and under which ceiling",
		Long: `Prints a line for each pair of parties of which one gives to the other under an
agreement, and for each release from agreement to agreement: the ceiling, the
types, the state of the agreement and the end of its term.`,
		Example: "  accord agreement matrix --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) ([]flow, error) {
		list, err := ad.Agreements(ctx)
		return flowsOf(list), err
	}, writeFlows)
}

// flowsOf lists who gives what to whom, by giver.
func flowsOf(list []admin.Agreement) []flow {
	flows := []flow{}
	for _, a := range list {
		has := func(role agreement.Role) (parties []string) {
			for _, m := range a.Parties {
				if slices.Contains(m.Roles, role) {
					parties = append(parties, string(m.Party))
				}
			}
			return parties
		}
		receivers := has(agreement.Consumer)
		if a.Public {
			receivers = append(receivers, "everyone")
		}
		base := flow{Agreement: a.Name, State: a.State, Until: a.Term.Until, Types: a.Accept.Types, Ceiling: ceiling(a.Accept.MaxTLP)}
		for _, from := range has(agreement.Producer) {
			for _, to := range receivers {
				if from == to {
					continue
				}
				one := base
				one.From, one.To = from, to
				flows = append(flows, one)
			}
		}
		for _, r := range a.Release {
			one := base
			one.From, one.To, one.Release, one.Types, one.Ceiling = string(a.Name), string(r.To), true, r.Types, ceiling(r.MaxTLP)
			flows = append(flows, one)
		}
	}
	slices.SortStableFunc(flows, func(a, b flow) int {
		return cmp.Or(compareBool(a.Release, b.Release), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return flows
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func ceiling(max fmt.Stringer) string {
	if s := max.String(); s != "none" && s != "0" {
		return s
	}
	return ""
}

func writeFlows(w io.Writer, flows []flow) error {
	if len(flows) == 0 {
		_, err := fmt.Fprintln(w, "no party gives anything to another")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FROM\tTO\tBY\tCEILING\tTYPES\tSTATE\tUNTIL")
	for _, f := range flows {
		by, types, until := string(f.Agreement), "all", "no end"
		if f.Release {
			by = "release"
		}
		if len(f.Types) > 0 {
			types = fmt.Sprint(len(f.Types))
		}
		if !f.Until.IsZero() {
			until = agreement.FormatDate(f.Until)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.From, f.To, by, cmp.Or(f.Ceiling, "none"), types, f.State, until)
	}
	return table.Flush()
}

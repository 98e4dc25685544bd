package main

import (
	"context"
	"encoding/json"
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
	var t target
	cmd := reports(e, &t, &cobra.Command{
		Use:   "explain OBJECT-ID | ACCOUNT AGREEMENT [OBJECT-ID]",
		Short: "Say how far an object goes, or what an account may do, and why",
		Long: `With an OBJECT-ID alone: follows the object through every agreement that it could
reach. It names the agreements that have it, and for each release from there, and
on from where that leads, the term that lets each version through or keeps it
back, and what is changed on the way.

With ACCOUNT AGREEMENT: says what the account may do with the agreement at this
moment: log in, see it, read, add, delete, audit, each with the reason. With
OBJECT-ID it says also whether the account would receive that object and, when
the agreement does not have it, which term of a release keeps it away. The
answers come from the code that decides when a request is made.`,
		Example: `  accord explain indicator--2f0c1e3a-1df5-4a8b-8f2c-0f6d5f0f7a11 --data /var/lib/accord
  accord explain member-nl members indicator--2f0c1e3a-1df5-4a8b-8f2c-0f6d5f0f7a11 --data /var/lib/accord`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 3 {
				return withHint(usageError("%s takes OBJECT-ID or ACCOUNT AGREEMENT [OBJECT-ID], got %s", cmd.CommandPath(), count(len(args), "argument")),
					"%s --help shows an example", cmd.CommandPath())
			}
			if len(args) == 2 {
				return nil
			}
			if _, err := stix.ParseID(args[len(args)-1]); err != nil {
				return usageError("%w", err)
			}
			return nil
		},
	}, func(ctx context.Context, ad *admin.Client, args []string) (explained, error) {
		if len(args) == 1 {
			ways, err := ad.ObjectWays(ctx, stix.ID(args[0]))
			return explained{ways: &ways}, err
		}
		var object stix.ID
		if len(args) == 3 {
			object = stix.ID(args[2])
		}
		x, err := ad.Explain(ctx, args[0], agreement.Name(args[1]), object)
		return explained{account: &x}, err
	}, func(w io.Writer, x explained) error {
		if x.ways != nil {
			return writeWays(w, *x.ways)
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, a := range x.account.Answers {
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

// explained is the answer about an object, or about an account.
type explained struct {
	ways    *admin.ObjectWays
	account *admin.Explanation
}

// MarshalJSON writes the answer that there is.
func (x explained) MarshalJSON() ([]byte, error) {
	if x.ways != nil {
		return json.Marshal(x.ways)
	}
	return json.Marshal(x.account)
}

// writeWays writes where an object is, and below each place how the releases from there stand to it.
func writeWays(w io.Writer, x admin.ObjectWays) error {
	for _, p := range x.Agreements {
		by := "by a release or a mirror"
		switch {
		case p.Source != "":
			by = "by the release from " + string(p.Source)
		case p.Account != "":
			by = "by " + p.Account
		}
		fmt.Fprintf(w, "%s has %s of it as %s, the last one added %s on %s\n", p.Agreement, count(p.Versions, "version"), p.Object, by, moment(p.Added))
		released := false
		for _, way := range x.Releases {
			if way.Source == p.Agreement && way.Object == p.Object && !way.Foreseen {
				released = true
				writeWay(w, x, way, "  ")
			}
		}
		if !released {
			fmt.Fprintln(w, "  it is released to no other agreement")
		}
	}
	return nil
}

// writeWay writes how a release stands to one version, and below it what would follow where it has yet to come.
func writeWay(w io.Writer, x admin.ObjectWays, way follow.Way, indent string) {
	verdict := admin.DecisionText(way.Decision)
	if way.Foreseen {
		verdict = map[bool]string{true: "it would go", false: "it would stay"}[way.Verdict == follow.Goes]
		for i, reason := range way.Reasons {
			verdict += map[bool]string{true: ", because of ", false: "; "}[i == 0] + reason
		}
	}
	fmt.Fprintf(w, "%sto %s: version %s: %s\n", indent, way.Target, orNone(way.Version), verdict)
	if way.Paused != "" {
		fmt.Fprintf(w, "%s  the release stands still: %s\n", indent, way.Paused)
	}
	for _, term := range way.Lets {
		fmt.Fprintf(w, "%s  let through by %s\n", indent, term)
	}
	if way.There != way.Object && way.There != "" {
		fmt.Fprintf(w, "%s  there it is %s\n", indent, way.There)
	}
	writeDifference(w, way.Decision, indent+"  ")
	if way.Verdict == follow.There {
		return
	}
	for _, next := range x.Releases {
		if next.Foreseen && next.Source == way.Target && next.Position == way.Position {
			writeWay(w, x, next, indent+"  ")
		}
	}
}

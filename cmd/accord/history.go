package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/stix"
)

func newHistoryCommand(e *env) *cobra.Command {
	var from source
	var diff bool
	var format string
	cmd := &cobra.Command{
		Use:   "history [OBJECT-ID] --agreement NAME",
		Short: "Say what happened to an object under an agreement",
		Long: `Says what happened to an object under an agreement: every version, also those
that are gone, with who added it, when, its digest and marking, where it was
released to, who received it, and who removed it and why. Without OBJECT-ID:
the agreement's whole journal.

--diff compares two versions that are still there, property by property. They
are named by their version, or by the position at which they were added.

` + sourceHelp,
		Example: `  accord history indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10 --agreement gsp --data /var/lib/accord
  accord history indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10 --agreement gsp --data /var/lib/accord --diff 2026-03-01T00:00:00.000Z 2026-04-01T00:00:00.000Z`,
		Args: func(cmd *cobra.Command, args []string) error {
			if diff {
				return exactArgs("OBJECT-ID", "V1", "V2")(cmd, args)
			}
			if len(args) > 1 {
				return withHint(usageError("%s takes an OBJECT-ID at most, got %s", cmd.CommandPath(), count(len(args), "argument")),
					"with --diff, it takes OBJECT-ID V1 V2")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if len(args) > 0 {
				if _, err := stix.ParseID(args[0]); err != nil {
					return usageError("%w", err)
				}
			}
			return from.ask(e, func(a *audit.Client) error {
				if diff {
					return diffVersions(cmd.Context(), e, a, from, args[0], [2]string{args[1], args[2]}, format)
				}
				return history(cmd.Context(), e, a, from, strings.Join(args, ""), format)
			})
		},
	}
	from.addFlags(cmd, true)
	cmd.Flags().BoolVar(&diff, "diff", false, "compare two versions, given as V1 V2")
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`; json: an entry a line")
	return cmd
}

// eachRecord calls visit with all entries of an object, or of the journal.
func eachRecord(ctx context.Context, a *audit.Client, from source, object string, visit func(audit.Record) error) error {
	h := audit.History{More: true}
	for h.More {
		var err error
		if h, err = a.History(ctx, from.agreement(), object, h.Next); err != nil {
			return err
		}
		for _, r := range h.Entries {
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func history(ctx context.Context, e *env, a *audit.Client, from source, object, format string) error {
	return eachRecord(ctx, a, from, object, func(r audit.Record) error {
		if format == "json" {
			return writeJSONLine(e.stdout, r)
		}
		return writeRecord(e.stdout, r, object == "")
	})
}

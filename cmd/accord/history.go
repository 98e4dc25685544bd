package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/stix"
)

func newHistoryCommand(e *env) *cobra.Command {
	var from source
	var diff bool
	var format string
	var trusted []string
	cmd := &cobra.Command{
		Use:   "history [OBJECT-ID] --agreement NAME",
		Short: "Say what happened to an object under an agreement",
		Long: `Says what happened to an object under an agreement: every version, also those
that are gone, with who added it, when, its digest and marking, where it was
released to, who received it, and who removed it and why. Without OBJECT-ID:
the agreement's whole journal. With --server: the server's own journal, of
accounts, parties and API roots.

From a server (--url), each entry is checked before it is printed: that it is
under the signed head, and says what the server says. What no entry holds, such
as who received an object, is the server's own account and is marked so.

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
				if from.remote.url == "" {
					return history(cmd.Context(), e, a, from, strings.Join(args, ""), format)
				}
				keys, err := trustedKeys(trusted)
				if err != nil {
					return err
				}
				return verifiedHistory(cmd.Context(), e, a, audit.Verification{Agreement: from.agreement(), Keys: keys}, strings.Join(args, ""), format)
			})
		},
	}
	from.addFlags(cmd, false)
	from.addServer(cmd)
	cmd.MarkFlagsOneRequired("agreement", "server")
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	cmd.Flags().BoolVar(&diff, "diff", false, "compare two versions, given as V1 V2")
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`; json: an entry a line")
	return cmd
}

// eachRecord calls visit with all entries of an object, or of the journal, and returns the feedback on the object.
func eachRecord(ctx context.Context, a *audit.Client, from source, object string, visit func(audit.Record) error) (feedback map[string]int, err error) {
	h := audit.History{More: true}
	for h.More {
		if h, err = a.History(ctx, from.agreement(), object, h.Next); err != nil {
			return nil, err
		}
		for _, r := range h.Entries {
			if err := visit(r); err != nil {
				return nil, err
			}
		}
	}
	return h.Feedback, nil
}

func history(ctx context.Context, e *env, a *audit.Client, from source, object, format string) error {
	feedback, err := eachRecord(ctx, a, from, object, func(r audit.Record) error {
		if format == "json" {
			return writeJSONLine(e.stdout, r)
		}
		return writeRecord(e.stdout, r, object == "", false)
	})
	if err != nil || format == "json" || len(feedback) == 0 {
		return err
	}
	var parts []string
	for _, typ := range slices.Sorted(maps.Keys(feedback)) {
		parts = append(parts, count(feedback[typ], typ))
	}
	_, err = fmt.Fprintf(e.stdout, "feedback: %s\n", strings.Join(parts, ", "))
	return err
}

// verifiedHistory prints the entries that are proven to be under the signed head of a server.
func verifiedHistory(ctx context.Context, e *env, a *audit.Client, v audit.Verification, object, format string) error {
	out := e.stdout
	verdict, err := a.VerifiedHistory(ctx, v, object, func(r audit.Record) error {
		if format == "json" {
			return writeJSONLine(e.stdout, r)
		}
		return writeRecord(e.stdout, r, object == "", true)
	})
	if err != nil {
		return failed(err)
	}
	if format == "json" {
		out = e.stderr
	}
	_, err = fmt.Fprintf(out, "Each entry above was checked.\n%s\n", verdict)
	return err
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditCompare(e *env) *cobra.Command {
	var from source
	var trusted []string
	var out, format string
	cmd := &cobra.Command{
		Use:   "compare HEAD [HEAD]",
		Short: "Find out whether two heads are of one history",
		Long: `Compares two signed heads: checkpoints that were kept, or evidence files. Two
auditors, or two servers that show the same journal, have one history if the
longer one continues the shorter; a server that has shown them two has forked
it. With one HEAD the other is the head of today of the server.

Heads of one size decide it by themselves. For others the entries of complete
evidence (accord audit prove --complete) decide it, or a server (--data or --url,
with --agreement): its proof, or else its entries.

Exit code 0: one history. 1: a fork, or not proved; the first word says which.
--out writes what proves a fork into a file, for those who must see it: the two
signed heads and, if their sizes differ, the entries under the longer one.

` + sourceHelp,
		Example: `  accord audit compare mine.checkpoint theirs.checkpoint --trusted-key ti.key
  accord audit compare mine.checkpoint --agreement gsp --url https://ti.example.org/ --user auditor`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			keys, err := trustedKeys(trusted)
			if err != nil {
				return err
			}
			sides, err := readSides(args)
			if err != nil {
				return err
			}
			show := func(found audit.Comparison, err error) error {
				if err != nil {
					return failed(err)
				}
				return writeComparison(e, found, out, format)
			}
			if !from.given(e) {
				if len(sides) == 1 {
					return usageError("there is one head, and no server to compare it with: give another, or --data or --url")
				}
				return show(audit.Compare(cmd.Context(), nil, "", sides[0], sides[1], keys))
			}
			if from.name == "" && !from.server {
				return usageError("--agreement is missing: it says whose journal the server is asked for; --server is the server's own")
			}
			return from.ask(e, func(c *audit.Client) error {
				if len(sides) == 1 {
					signed, err := c.Checkpoint(cmd.Context(), from.agreement())
					if err != nil {
						return err
					}
					sides = append(sides, audit.Side{Name: "the head of today", Signed: signed})
				}
				return show(audit.Compare(cmd.Context(), c, from.agreement(), sides[0], sides[1], keys))
			})
		},
	}
	from.addFlags(cmd, false)
	from.addServer(cmd)
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	addFormat(cmd, &format)
	cmd.Flags().StringVar(&out, "out", "", "write the proof of a fork into `FILE`")
	return cmd
}

// given reports whether something says where to read from.
func (s *source) given(e *env) bool {
	if s.data != "" || s.remote.url != "" || s.profile != "" {
		return true
	}
	return s.name != "" && (e.getenv("ACCORD_DATA") != "" || e.getenv("ACCORD_URL") != "" || e.getenv("ACCORD_PROFILE") != "")
}

func readSides(files []string) (sides []audit.Side, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("read a head: %w", err)}
		}
		side, err := audit.ReadSide(file, text)
		if err != nil {
			return nil, fmt.Errorf("%s is neither a checkpoint nor evidence: %w", file, err)
		}
		sides = append(sides, side)
	}
	return sides, nil
}

// writeComparison prints what was found. A fork is an error.
func writeComparison(e *env, found audit.Comparison, out, format string) error {
	if format == "json" {
		if err := writeJSON(e.stdout, found); err != nil {
			return err
		}
	}
	if !found.Fork {
		if format == "json" {
			return nil
		}
		_, err := fmt.Fprintln(e.stdout, found)
		return err
	}
	if out != "" {
		text, err := json.MarshalIndent(found, "", "  ")
		if err != nil {
			return fmt.Errorf("write the proof: %w", err)
		}
		if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("write the proof: %w", err)
		}
	}
	return withHint(errors.New(found.String()), "keep both heads: their signatures prove it to anyone who has the server's key; --out FILE writes the proof")
}

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditKey(e *env) *cobra.Command {
	var from source
	var rotate, lost bool
	var name, format string
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the key that signs heads, or replace it",
		Long: `Prints the verifier key of the key that signs heads: its name, hash and public
key, joined by plus signs. Give it to those who verify, by a way they trust:
over the telephone, on paper, on a web page of yours.

The key is made when it is first needed and lies in DIR/keys, readable by the
server alone. Its name is that of the server, with which every head begins. It
is chosen when the key is made (--name here, or --server-name of accord serve;
otherwise it is the host of --public-url, or "accord") and stays.

--rotate retires the key: it signs a note that names a new one its successor.
For 30 days heads bear the signatures of both, so that witnesses and auditors
who know the old one alone go on; then its private part is deleted. Heads that
it signed stay verifiable, and who trusts it is led to the new one. A head of
today that it alone has signed counts for nothing. In a cluster all nodes rotate
the key, at one place of the log.

--replace-lost makes a key in the folder of a stopped server whose DIR/keys is
missing, when no backup has it. Nothing connects the new key with the lost one:
auditors must be told, and keep the heads that the lost one signed.

` + sourceHelp,
		Example: `  accord audit key --data /var/lib/accord --name ti.example.org
  accord audit key --data /var/lib/accord --rotate`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if rotate || lost || name != "" {
				if err := from.resolve(e); err != nil {
					return err
				}
				if from.data == "" {
					return usageError("--rotate, --name and --replace-lost are for the machine that has the data folder: give --data DIR")
				}
			}
			if lost {
				return from.administer(e, func(c *admin.Client) error {
					list, err := c.ReplaceLostKeys(cmd.Context(), name)
					if err != nil {
						return err
					}
					return printKeys(e, list, format)
				})
			}
			return auditKey(cmd.Context(), e, &from, rotate, name, format)
		},
	}
	from.addFlags(cmd, false)
	cmd.Flags().MarkHidden("agreement")
	addFormat(cmd, &format)
	cmd.Flags().BoolVar(&rotate, "rotate", false, "retire the key and make a new one")
	cmd.Flags().BoolVar(&lost, "replace-lost", false, "make another key where DIR/keys is lost")
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the server, for a key that is not made yet")
	return cmd
}

func auditKey(ctx context.Context, e *env, from *source, rotate bool, name, format string) error {
	if !rotate && name == "" {
		return from.ask(e, func(c *audit.Client) error {
			list, err := c.Keys(ctx)
			if err != nil {
				return err
			}
			return printKeys(e, list, format)
		})
	}
	return from.administer(e, func(c *admin.Client) (err error) {
		var list audit.KeyList
		if name != "" {
			list, err = c.NameKeys(ctx, name)
		}
		if err == nil && rotate {
			list, err = c.RotateKey(ctx)
		}
		if err != nil {
			return err
		}
		return printKeys(e, list, format)
	})
}

// printKeys prints the current key on standard output, and everything else on standard error.
func printKeys(e *env, list audit.KeyList, format string) error {
	if format == "json" {
		return writeJSON(e.stdout, list)
	}
	if _, err := fmt.Fprintln(e.stdout, list.Key); err != nil {
		return err
	}
	for _, key := range list.Retired {
		fmt.Fprintf(e.stderr, "retired: %s\n", key)
	}
	return nil
}

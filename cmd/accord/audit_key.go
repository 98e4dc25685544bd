package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/store"
)

func newAuditKey(e *env) *cobra.Command {
	var from source
	var rotate bool
	var name string
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the key that signs heads, or replace it",
		Long: `Prints the verifier key of the key that signs heads: its name, hash and public
key, joined by plus signs. Give it to those who verify, by a way they trust:
over the telephone, on paper, on a web page of yours.

The key is made when it is first needed and lies in DIR/keys, readable by the
server alone. Its name is that of the server, with which every head begins. It
is chosen when the key is made (--name here, or --server-name of accord serve;
otherwise it is "accord") and stays.

--rotate retires the key: it signs a note that names a new one its successor,
and its private part is deleted. Heads that it signed stay verifiable, and who
trusts it is led to the new one.

` + sourceHelp,
		Example: `  accord audit key --data /var/lib/accord --name ti.example.org
  accord audit key --data /var/lib/accord --rotate`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (rotate || name != "") && from.data == "" {
				return usageError("--rotate and --name are for the machine that has the data folder: give --data DIR")
			}
			return auditKey(cmd.Context(), e, &from, rotate, name)
		},
	}
	from.addFlags(cmd, false)
	cmd.Flags().MarkHidden("agreement")
	cmd.Flags().BoolVar(&rotate, "rotate", false, "retire the key and make a new one")
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the server, for a key that is not made yet")
	return cmd
}

func auditKey(ctx context.Context, e *env, from *source, rotate bool, name string) error {
	if name != "" {
		if err := nameKey(from.data, name); err != nil {
			return err
		}
	}
	if rotate {
		return administer(from.data, func(a admin.Admin) error {
			list, err := admin.RotateKey(ctx, a)
			if err != nil {
				return err
			}
			return printKeys(e, list)
		})
	}
	return from.ask(e, func(a *admin.Auditor) error {
		list, err := a.Keys(ctx)
		if err != nil {
			return err
		}
		return printKeys(e, list)
	})
}

// nameKey makes the key under a name. A server that has the folder open has made its own.
func nameKey(dir, name string) error {
	a, err := openAdmin(dir)
	if err != nil {
		return err
	}
	defer a.Close()
	if here, ok := a.(*admin.Local); ok {
		return makeKey(here.Store, name)
	}
	return usageError("--name is for a key that is not made yet, and a server that is running has one")
}

func makeKey(s *store.Store, name string) error {
	_, err := s.Keys(name)
	return err
}

// printKeys prints today's key on standard output, and what else there is to know on standard error.
func printKeys(e *env, list admin.KeyList) error {
	if _, err := fmt.Fprintln(e.stdout, list.Key); err != nil {
		return err
	}
	for _, key := range list.Retired {
		fmt.Fprintf(e.stderr, "retired: %s\n", key)
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newAuditWitness(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Have witnesses cosign what the server signs",
		Long: `A witness is a program of another operator that cosigns a head only if it continues
those that it has seen. A server that shows two histories needs two heads, and a
witness cosigns one of them. The server asks its witnesses to cosign the head of
its own journal, which holds the heads of all agreements; they see sizes and
hashes, no agreement. accord audit verify --witness KEY demands the cosignature.

accord witness is a small witness; any witness of C2SP tlog-witness will do. It
needs the server's key, as accord audit key prints it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		witnessCommand(e, &cobra.Command{
			Use: "add KEY URL", Short: "Ask a witness from now on", Args: exactArgs("KEY", "URL"),
			Long: `Has the server ask a witness for a cosignature whenever it enters heads into its
own journal. KEY is the witness's verifier key, URL where it answers. It lists
the witnesses as they are then.`,
			Example: "  accord audit witness add partner.example/witness+1f2e3d4c+BAAA... https://witness.partner.example/ --data /var/lib/accord",
		}, func(ctx context.Context, c *admin.Client, args []string) (admin.WitnessList, error) {
			return c.AddWitness(ctx, args[0], args[1])
		}),
		witnessCommand(e, &cobra.Command{
			Use: "remove NAME", Short: "Ask a witness no longer", Args: exactArgs("NAME"),
			Long: `Has the server ask a witness no longer. NAME is that of its key. Cosignatures that
it gave stay with the heads that they are for.`,
			Example: "  accord audit witness remove partner.example/witness --data /var/lib/accord",
		}, func(ctx context.Context, c *admin.Client, args []string) (admin.WitnessList, error) {
			return c.RemoveWitness(ctx, args[0])
		}),
		witnessCommand(e, &cobra.Command{
			Use: "list", Short: "List the witnesses", Args: noArgs,
			Long:    "Lists the keys of the witnesses that the server asks, and where each answers.",
			Example: "  accord audit witness list --data /var/lib/accord",
		}, func(ctx context.Context, c *admin.Client, _ []string) (admin.WitnessList, error) {
			return c.Witnesses(ctx)
		}))
	return cmd
}

// witnessCommand has cmd ask for a list of witnesses, and print it.
func witnessCommand(e *env, cmd *cobra.Command, do func(context.Context, *admin.Client, []string) (admin.WitnessList, error)) *cobra.Command {
	var t target
	t.addFlags(cmd.Flags())
	return reports(e, &t, cmd, do, writeWitnesses)
}

func writeWitnesses(w io.Writer, list admin.WitnessList) error {
	for _, one := range list.Witnesses {
		if _, err := fmt.Fprintf(w, "%s %s\n", one.Key, one.URL); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newTokenNew(e *env, t *target) *cobra.Command {
	var note string
	var account string
	cmd := administers(e, t, &cobra.Command{
		Use:   "new NAME",
		Short: "Draw a token for an account and print it, once",
		Long: `Draws a token for an account and prints it on standard output. It is shown this
once: only its hash is kept. Its id, which is no secret, goes to standard error.`,
		Example: `  accord account token new vendor-push --note "SIEM in Utrecht" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Token, error) {
		account = args[0]
		return ad.NewToken(ctx, account, note)
	}, func(w io.Writer, t admin.Token) error {
		fmt.Fprintf(e.stderr, "token %s of account %s; it is shown this once\n", t.ID, account)
		_, err := fmt.Fprintln(w, t.Secret)
		return err
	})
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` that tells it apart from others")
	return cmd
}

package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newTokenNew(e *env, t *target) *cobra.Command {
	var note, expires string
	var account string
	cmd := reports(e, t, &cobra.Command{
		Use:   "new NAME",
		Short: "Draw a token for an account and print it, once",
		Long: `Draws a token for an account and prints it on standard output. It is shown this
once: only its hash is kept. Its id, which is no secret, goes to standard error.

With --expires it is refused that many days later.`,
		Example: `  accord account token new vendor-push --name "SIEM in Utrecht" --expires 90d --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Token, error) {
		account = args[0]
		days, err := daysOf(expires)
		if err != nil {
			return admin.Token{}, err
		}
		return ad.NewToken(ctx, account, note, days)
	}, func(w io.Writer, t admin.Token) error {
		fmt.Fprintf(e.stderr, "token %s of account %s; it is shown this once\n", t.ID, account)
		_, err := fmt.Fprintln(w, t.Secret)
		return err
	})
	cmd.Flags().StringVar(&note, "name", "", "`TEXT` that tells it apart from others")
	cmd.Flags().StringVar(&note, "note", "", "the same as --name")
	cmd.Flags().MarkHidden("note")
	cmd.Flags().StringVar(&expires, "expires", "", "it ends after so many `DAYS`, such as 90d; without it, it does not end")
	return cmd
}

// daysOf reads a number of days, such as 90d; "" is 0.
func daysOf(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || days <= 0 || !strings.HasSuffix(text, "d") {
		return 0, usageError("--expires %q is not a number of days such as 90d", text)
	}
	return days, nil
}

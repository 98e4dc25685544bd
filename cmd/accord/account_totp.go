package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newAccountTOTP(e *env, t *target) *cobra.Command {
	var account string
	return reports(e, t, &cobra.Command{
		Use:   "totp NAME",
		Short: "Give an account another second factor, and print it once",
		Long: `Draws a second factor for an account and prints its otpauth:// address on standard
output: an authenticator (any that knows TOTP) takes it, typed or as a QR code. It
is shown this once. Recovery codes for when the authenticator is lost go to
standard error; each counts once.

The console then asks for a code after the password, and ends the sessions that
the account has. An operator without a second factor cannot log in to the
console. TAXII and /accord/v1/ do not ask for it.`,
		Example: "  accord account totp root --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Enrolment, error) {
		account = args[0]
		return ad.NewFactor(ctx, account)
	}, func(w io.Writer, made admin.Enrolment) error {
		fmt.Fprintf(e.stderr, "Recovery codes of %s, each for one login without the authenticator:\n", account)
		for _, code := range made.Recovery {
			fmt.Fprintf(e.stderr, "  %s\n", code)
		}
		_, err := fmt.Fprintln(w, made.Address)
		return err
	})
}

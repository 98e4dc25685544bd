package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/auth"
)

func newAccountShow(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "show NAME",
		Short: "Show an account and its last logins",
		Long: `Shows an account: what it can log in with, when it last logged in and from
where, and when a login last failed, from where and why. The times of successes
are kept to a minute.`,
		Example: "  accord account show vendor-push --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.Account(ctx, args[0])
	}, showAccount)
}

func showAccount(w io.Writer, a admin.Account) error {
	if err := writeAccount(w, a); err != nil {
		return err
	}
	for _, name := range a.Certificates {
		fmt.Fprintf(w, "certificate   %s\n", name)
	}
	for _, t := range a.Tokens {
		used, expires := "never used", "does not expire"
		if !t.Used.IsZero() {
			used = "last used " + t.Used.Format(time.RFC3339)
		}
		if !t.Expires.IsZero() {
			expires = "expires " + t.Expires.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "token         %s  %s  %s  %s\n", t.ID, cmp.Or(t.Note, "(no name)"), expires, used)
	}
	if a.Ignored > 0 {
		fmt.Fprintf(w, "ignored       query parameters without a meaning in %s, which were answered as without them\n", count(a.Ignored, "poll"))
	}
	fmt.Fprintf(w, "last success  %s\n", loginText(a.LastSuccess))
	_, err := fmt.Fprintf(w, "last failure  %s\n", loginText(a.LastFailure))
	return err
}

func loginText(l *auth.Login) string {
	if l == nil {
		return "none known"
	}
	text := l.At.Format(time.RFC3339) + " from " + cmp.Or(l.From, "an unknown address")
	if l.Reason != "" {
		text += ": " + l.Reason
	}
	return text
}

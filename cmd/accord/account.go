package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/auth"
)

func newAccountCommand(e *env) *cobra.Command {
	cmd, data := newGroup(&cobra.Command{
		Use:   "account",
		Short: "Add, disable and enable accounts, and give them passwords and tokens",
		Long: `Adds, disables and enables accounts, and gives them passwords and tokens. An
account is one person's or one tool's login and belongs to a party; what it may
do follows from that party's roles in each agreement.

Each step is recorded in the journal of accord.db. A change holds from the next
request on: an account that is disabled is turned away at once.`,
	})
	token := &cobra.Command{
		Use:   "token",
		Short: "Draw and revoke an account's tokens",
		Long:  "Draws and revokes tokens: credentials for programs, sent as Bearer, or as the password of a Basic login.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	token.AddCommand(newTokenNew(e, data), newTokenRevoke(e, data))
	cmd.AddCommand(newAccountList(e, data), newAccountAdd(e, data), newAccountDisable(e, data), newAccountEnable(e, data),
		newAccountPassword(e, data), token)
	names := func(ctx context.Context, ad *admin.Client) (names []string) {
		list, _ := ad.Accounts(ctx) // a shell shows no errors
		for _, a := range list {
			names = append(names, a.Name)
		}
		return names
	}
	completeNames(cmd, data, names)
	completeNames(token, data, names)
	return cmd
}

func newAccountList(e *env, data *string) *cobra.Command {
	return reports(e, data, &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Long:    "Lists every account with its party, what it can log in with, and the ids of its tokens.",
		Example: "  accord account list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) ([]admin.Account, error) {
		return ad.Accounts(ctx)
	}, writeAccounts)
}

func writeAccounts(w io.Writer, list []admin.Account) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tPARTY\tSTATE\tLOGS IN WITH")
	for _, a := range list {
		party, state := a.Party, "enabled"
		if a.Operator {
			party = strings.TrimSpace(party + " (operator)")
		}
		if a.Disabled {
			state = "disabled"
		}
		var with []string
		if a.Password {
			with = append(with, "password")
		}
		for _, t := range a.Tokens {
			text := "token " + t.ID + " of " + t.Created.Format(time.DateOnly)
			if t.Note != "" {
				text += " (" + t.Note + ")"
			}
			with = append(with, text)
		}
		if len(a.Certificates) > 0 {
			with = append(with, fmt.Sprintf("%d certificate(s)", len(a.Certificates)))
		}
		if len(with) == 0 {
			with = []string{"nothing yet"}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Name, party, state, strings.Join(with, ", "))
	}
	return table.Flush()
}

// writeAccount shows an account after a step.
func writeAccount(w io.Writer, a admin.Account) error { return writeAccounts(w, []admin.Account{a}) }

// passwordFlags are where a new password comes from: never the command line, which every process can read.
type passwordFlags struct {
	file string
	hash string // of the password; "" when none is given
}

// add has cmd read the password before it opens anything.
func (p *passwordFlags) add(e *env, cmd *cobra.Command) {
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		p.hash, err = p.read(e)
		return err
	}
	cmd.Flags().StringVar(&p.file, "password-file", "", "`FILE` with the password; - is standard input; else $ACCORD_NEW_PASSWORD")
}

// read reads the password and makes its hash.
func (p *passwordFlags) read(e *env) (string, error) {
	var text string
	switch {
	case p.file == "-":
		line, err := bufio.NewReader(io.LimitReader(e.stdin, 1<<16)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		text = line
	case p.file != "":
		b, err := os.ReadFile(p.file)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		text = string(b)
	default:
		text = e.getenv("ACCORD_NEW_PASSWORD")
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", nil
	}
	return auth.HashPassword(text)
}

func newAccountAdd(e *env, data *string) *cobra.Command {
	var n admin.NewAccount
	var password passwordFlags
	cmd := administers(e, data, &cobra.Command{
		Use:   "add NAME --party PARTY",
		Short: "Add an account",
		Long: `Adds an account. Without a password it can log in once it has a token or a
certificate.`,
		Example: "  accord account add vendor-push --party vendor --password-file vendor.pw --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		n.Name, n.PasswordHash = args[0], password.hash
		return ad.AddAccount(ctx, n)
	}, writeAccount)
	cmd.Flags().StringVar(&n.Party, "party", "", "the `PARTY` that it belongs to")
	cmd.Flags().BoolVar(&n.Operator, "operator", false, "it administers and audits everything")
	password.add(e, cmd)
	return cmd
}

func newAccountDisable(e *env, data *string) *cobra.Command {
	var reason string
	cmd := administers(e, data, &cobra.Command{
		Use:     "disable NAME",
		Short:   "Turn an account away from now on",
		Long:    "Turns an account away from the next request on. Its password and tokens stay, for the day it is enabled again.",
		Example: `  accord account disable vendor-push --reason "left the company" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.DisableAccount(ctx, args[0], reason)
	}, writeAccount)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that is recorded")
	return cmd
}

func newAccountEnable(e *env, data *string) *cobra.Command {
	return administers(e, data, &cobra.Command{
		Use:     "enable NAME",
		Short:   "Let a disabled account in again",
		Long:    "Lets a disabled account in again, with the credentials that it had.",
		Example: "  accord account enable vendor-push --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.EnableAccount(ctx, args[0])
	}, writeAccount)
}

func newAccountPassword(e *env, data *string) *cobra.Command {
	var password passwordFlags
	cmd := administers(e, data, &cobra.Command{
		Use:   "password NAME",
		Short: "Give an account another password",
		Long: `Gives an account another password. The old one stops working with the next
request. The password is read from a file, from standard input (--password-file -)
or from $ACCORD_NEW_PASSWORD; only its hash leaves this process.`,
		Example: "  accord account password vendor-push --password-file vendor.pw --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		if password.hash == "" {
			return admin.Account{}, usageError("there is no password: give --password-file or set ACCORD_NEW_PASSWORD")
		}
		return ad.SetPassword(ctx, args[0], password.hash)
	}, writeAccount)
	password.add(e, cmd)
	return cmd
}

func newTokenNew(e *env, data *string) *cobra.Command {
	var note string
	var account string
	cmd := administers(e, data, &cobra.Command{
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

func newTokenRevoke(e *env, data *string) *cobra.Command {
	return administers(e, data, &cobra.Command{
		Use:     "revoke NAME TOKEN-ID",
		Short:   "End a token",
		Long:    "Ends a token: it is refused from the next request on. accord account list shows the ids.",
		Example: "  accord account token revoke vendor-push 5f2c8a9be1d4 --data /var/lib/accord",
		Args:    exactArgs("NAME", "TOKEN-ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		return ad.RevokeToken(ctx, args[0], args[1])
	}, writeAccount)
}

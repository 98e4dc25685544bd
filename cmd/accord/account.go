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
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
)

func newAccountCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Add, disable and enable accounts, and give them passwords and tokens",
		Long: `Adds, disables and enables accounts, and gives them passwords and tokens. An
account is one person's or one tool's login and belongs to a party; what it may
do follows from that party's roles in each agreement.

Each step is recorded in the journal of accord.db. A change holds from the next
request on: an account that is disabled is turned away at once.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var data string
	cmd.PersistentFlags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.MarkPersistentFlagRequired("data")
	token := &cobra.Command{
		Use:   "token",
		Short: "Draw and revoke an account's tokens",
		Long:  "Draws and revokes tokens: credentials for programs, sent as Bearer, or as the password of a Basic login.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	token.AddCommand(newTokenNew(e, &data), newTokenRevoke(e, &data))
	cmd.AddCommand(newAccountList(e, &data), newAccountAdd(e, &data), newAccountDisable(e, &data), newAccountEnable(e, &data),
		newAccountPassword(e, &data), token)
	return cmd
}

func newAccountList(e *env, data *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Long:    "Lists every account with its party, what it can log in with, and the ids of its tokens.",
		Example: "  accord account list --data /var/lib/accord",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return administer(*data, func(ad admin.Admin) error {
				list, err := ad.Accounts(cmd.Context())
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(e.stdout, list)
				}
				return writeAccounts(e.stdout, list)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`")
	return cmd
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

// passwordFlags are where a new password comes from: never the command line, which every process can read.
type passwordFlags struct{ file string }

func (p *passwordFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "password-file", "", "`FILE` with the password; - is standard input; else $ACCORD_NEW_PASSWORD")
}

// hash reads the password and makes its hash, "" when none is given.
func (p *passwordFlags) hash(e *env) (string, error) {
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
	cmd := &cobra.Command{
		Use:   "add NAME --party PARTY",
		Short: "Add an account",
		Long: `Adds an account. Without a password it can log in once it has a token or a
certificate.`,
		Example: "  accord account add vendor-push --party vendor --password-file vendor.pw --data /var/lib/accord",
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			n.Name = args[0]
			if n.PasswordHash, err = password.hash(e); err != nil {
				return err
			}
			return accountStep(cmd.Context(), e, *data, func(ctx context.Context, ad admin.Admin) (admin.Account, error) {
				return ad.AddAccount(ctx, n)
			})
		},
	}
	cmd.Flags().StringVar(&n.Party, "party", "", "the `PARTY` that it belongs to")
	cmd.Flags().BoolVar(&n.Operator, "operator", false, "it administers and audits everything")
	password.add(cmd)
	return cmd
}

func newAccountDisable(e *env, data *string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "disable NAME",
		Short:   "Turn an account away from now on",
		Long:    "Turns an account away from the next request on. Its password and tokens stay, for the day it is enabled again.",
		Example: `  accord account disable vendor-push --reason "left the company" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return accountStep(cmd.Context(), e, *data, func(ctx context.Context, ad admin.Admin) (admin.Account, error) {
				return ad.DisableAccount(ctx, args[0], reason)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that is recorded")
	return cmd
}

func newAccountEnable(e *env, data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "enable NAME",
		Short:   "Let a disabled account in again",
		Long:    "Lets a disabled account in again, with the credentials that it had.",
		Example: "  accord account enable vendor-push --data /var/lib/accord",
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return accountStep(cmd.Context(), e, *data, func(ctx context.Context, ad admin.Admin) (admin.Account, error) {
				return ad.EnableAccount(ctx, args[0])
			})
		},
	}
}

func newAccountPassword(e *env, data *string) *cobra.Command {
	var password passwordFlags
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Give an account another password",
		Long: `Gives an account another password. The old one stops working with the next
request. The password is read from a file, from standard input (--password-file -)
or from $ACCORD_NEW_PASSWORD; only its hash leaves this process.`,
		Example: "  accord account password vendor-push --password-file vendor.pw --data /var/lib/accord",
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := password.hash(e)
			if err != nil {
				return err
			}
			if hash == "" {
				return usageError("there is no password: give --password-file or set ACCORD_NEW_PASSWORD")
			}
			return accountStep(cmd.Context(), e, *data, func(ctx context.Context, ad admin.Admin) (admin.Account, error) {
				return ad.SetPassword(ctx, args[0], hash)
			})
		},
	}
	password.add(cmd)
	return cmd
}

func newTokenNew(e *env, data *string) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Draw a token for an account and print it, once",
		Long: `Draws a token for an account and prints it on standard output. It is shown this
once: only its hash is kept. Its id, which is no secret, goes to standard error.`,
		Example: `  accord account token new vendor-push --note "SIEM in Utrecht" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(*data, func(ad admin.Admin) error {
				t, err := ad.NewToken(cmd.Context(), args[0], note)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.stderr, "token %s of account %s; it is shown this once\n", t.ID, args[0])
				_, err = fmt.Fprintln(e.stdout, t.Secret)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` that tells it apart from others")
	return cmd
}

func newTokenRevoke(e *env, data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME TOKEN-ID",
		Short:   "End a token",
		Long:    "Ends a token: it is refused from the next request on. accord account list shows the ids.",
		Example: "  accord account token revoke vendor-push 5f2c8a9be1d4 --data /var/lib/accord",
		Args:    exactArgs("NAME", "TOKEN-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return accountStep(cmd.Context(), e, *data, func(ctx context.Context, ad admin.Admin) (admin.Account, error) {
				return ad.RevokeToken(ctx, args[0], args[1])
			})
		},
	}
}

// accountStep runs one step with an account and shows the account afterwards.
func accountStep(ctx context.Context, e *env, data string, do func(context.Context, admin.Admin) (admin.Account, error)) error {
	return administer(data, func(ad admin.Admin) error {
		a, err := do(ctx, ad)
		if err != nil {
			return err
		}
		return writeAccounts(e.stdout, []admin.Account{a})
	})
}

func newPartyCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "party",
		Short: "Add and list parties",
		Long:  "Adds and lists parties: the organisations that take part in agreements.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var data, title, identity string
	cmd.PersistentFlags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.MarkPersistentFlagRequired("data")
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the parties",
		Long:    "Lists every party with its title and its STIX identity.",
		Example: "  accord party list --data /var/lib/accord",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(data, func(ad admin.Admin) error {
				parties, err := ad.Parties(cmd.Context())
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "NAME\tTITLE\tIDENTITY")
				for _, p := range parties {
					fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Title, p.Identity)
				}
				return table.Flush()
			})
		},
	}
	add := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a party",
		Long:    "Adds a party. What it may do, agreements say.",
		Example: `  accord party add vendor --title "Vendor Ltd" --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(data, func(ad admin.Admin) error {
				p, err := ad.AddParty(cmd.Context(), agreement.Party{Name: agreement.PartyName(args[0]), Title: title, Identity: stix.ID(identity)})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.stdout, "party %s: created\n", p.Name)
				return err
			})
		},
	}
	add.Flags().StringVar(&title, "title", "", "the `TITLE` that people read")
	add.Flags().StringVar(&identity, "identity", "", "its STIX `IDENTITY`, identity--...")
	cmd.AddCommand(list, add)
	return cmd
}

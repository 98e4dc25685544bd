package main

import (
	"github.com/spf13/cobra"
)

func newAccountCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "account",
		Short: "Add, disable and enable accounts, and give them passwords, tokens and second factors",
		Long: `Adds, disables and enables accounts, and gives them passwords and tokens. An
account is one person's or one tool's login and belongs to a party; what it may
do follows from that party's roles in each agreement.

Each step is recorded in the journal of accord.db. A change holds from the next
request on: a disabled account is refused at once.`,
	})
	token := &cobra.Command{
		Use:   "token",
		Short: "Draw and revoke an account's tokens",
		Long:  "Draws and revokes tokens: credentials for programs, sent as Bearer, or as the password of a Basic login.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	token.AddCommand(newTokenNew(e, t), newTokenRevoke(e, t))
	cmd.AddCommand(newAccountList(e, t), newAccountShow(e, t), newAccountAdd(e, t), newAccountDisable(e, t), newAccountEnable(e, t), newAccountDelete(e, t),
		newAccountPassword(e, t), newAccountTOTP(e, t), token)
	return cmd
}

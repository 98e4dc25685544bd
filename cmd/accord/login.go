package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

func newLoginCommand(e *env) *cobra.Command {
	var r remote
	var format string
	cmd := &cobra.Command{
		Use:   "login NAME --url URL --user ACCOUNT",
		Short: "Keep a login to a server as a profile",
		Long: `Logs in to a server and keeps the login as the profile NAME, for --profile NAME
or ACCORD_PROFILE with the commands that administer, ask for history or audit.

The password is the first line of --password-file, or ACCORD_PASSWORD. It is
tried, and not kept: an operator's profile has a token, which is drawn for it,
and which accord account token revoke ends; other accounts' profiles say where
and as whom to log in, and the password comes from ACCORD_PASSWORD each time.

The profile is a file below $XDG_CONFIG_HOME/accord/ (by default ~/.config)
that only you can read. When the login fails, nothing is written.`,
		Example: `  ACCORD_PASSWORD=... accord login work --url https://ti.example.org/ --user chief
  accord agreement list --profile work`,
		Args: exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return logIn(cmd.Context(), e, args[0], &r, format)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&r.url, "url", "", "the `URL` of a server, or of anything on it")
	r.addCredentials(flags)
	addFormat(cmd, &format)
	cmd.MarkFlagRequired("url")
	cmd.MarkFlagRequired("user")
	return cmd
}

func logIn(ctx context.Context, e *env, name string, r *remote, format string) error {
	if _, err := profilePath(e, name); err != nil {
		return err
	}
	c, err := r.administration(e)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Agreements(ctx); err != nil { // tries the password
		return hintLogin(err)
	}
	p := profile{URL: r.url, User: r.user, CA: r.caFile, PlainHTTP: r.plainHTTP}
	token, err := c.NewToken(ctx, r.user, "accord login "+name, 0)
	var refused *admin.AnswerError
	switch {
	case err == nil:
		p.Token, p.TokenID = token.Secret, token.ID
	case !errors.As(err, &refused) || refused.Status != http.StatusForbidden:
		return hintLogin(err)
	}
	path, err := writeProfile(e, name, p)
	if err != nil {
		if p.Token != "" {
			_, revoked := c.RevokeToken(ctx, r.user, p.TokenID) // the profile that would hold it was not written
			err = errors.Join(err, revoked)
		}
		return err
	}
	if format == "json" {
		return writeJSON(e.stdout, struct {
			Profile string `json:"profile"`
			File    string `json:"file"`
			URL     string `json:"url"`
			Account string `json:"account"`
			TokenID string `json:"token_id,omitempty"` // of the token in it; "": the password comes from ACCORD_PASSWORD
		}{name, path, p.URL, p.User, p.TokenID})
	}
	fmt.Fprintf(e.stdout, "profile %s: %s\n", name, path)
	if p.Token == "" {
		fmt.Fprintf(e.stderr, "the profile has no token, which an operator's account alone can draw: set ACCORD_PASSWORD when you use it\n")
	} else {
		fmt.Fprintf(e.stderr, "token %s of account %s is in it\n", p.TokenID, p.User)
	}
	return nil
}

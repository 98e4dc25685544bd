package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/oauth"
	"github.com/accord-taxii/accord/taxii"
)

// remote is a server, or a collection on it, and the credentials for it.
type remote struct {
	url                     string
	user                    string
	passwordFile, tokenFile string
	token                   string // of a profile
	caFile                  string
	certFile, keyFile       string
	plainHTTP               bool

	tokenURL, clientID, clientSecretFile, scope string // client credentials
}

// remoteHelp explains the flags of remote, for the long help of the commands that have them.
const remoteHelp = `--url is the URL of a collection, as it stands in the agreement or in the list
of collections: https://HOST/ROOT/collections/ID/. With --user the password is
the first line of --password-file, or the environment variable
ACCORD_PASSWORD; it is never an argument, where others would see it. With
--token-file a token is sent instead, with --cert and --key a client
certificate is shown. With --token-url and --client-id a token comes from
there, by OAuth2 client credentials, whose secret is the first line of
--client-secret-file, or the environment variable ACCORD_CLIENT_SECRET. The server's certificate must be one that the system
trusts, or be issued under --ca. Credentials are not sent over plain HTTP
to another machine, unless --plain-http allows it.`

func (r *remote) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&r.url, "url", "", "the collection's `URL`")
	r.addCredentials(flags)
	cmd.MarkFlagRequired("url")
}

// addCredentials adds the flags for logging in.
func (r *remote) addCredentials(flags *pflag.FlagSet) {
	flags.StringVar(&r.user, "user", "", "`ACCOUNT` to log in with")
	flags.StringVar(&r.passwordFile, "password-file", "", "`FILE` whose first line is the password (else ACCORD_PASSWORD)")
	flags.StringVar(&r.tokenFile, "token-file", "", "`FILE` whose first line is a token, instead of a user")
	flags.StringVar(&r.tokenURL, "token-url", "", "`URL` that gives access tokens for client credentials (OAuth2)")
	flags.StringVar(&r.clientID, "client-id", "", "`ID` of the client at --token-url")
	flags.StringVar(&r.clientSecretFile, "client-secret-file", "", "`FILE` whose first line is the client's secret (else ACCORD_CLIENT_SECRET)")
	flags.StringVar(&r.scope, "scope", "", "`SCOPE` to ask for at --token-url, if it wants one")
	flags.StringVar(&r.caFile, "ca", "", "`FILE` with certificates to trust besides the system's, PEM")
	flags.StringVar(&r.caFile, "ca-file", "", "the same as --ca")
	flags.MarkHidden("ca-file")
	flags.StringVar(&r.certFile, "cert", "", "`FILE` with a client certificate, PEM")
	flags.StringVar(&r.keyFile, "key", "", "`FILE` with the client certificate's key, PEM")
	flags.BoolVar(&r.plainHTTP, "plain-http", false, "send credentials over plain HTTP, even to another machine")
}

// client makes the client of a collection.
func (r *remote) client(e *env) (*taxii.Client, error) {
	if _, err := taxii.RootOf(r.url); err != nil {
		return nil, usageError("--url: %w", err)
	}
	return r.connect(e)
}

// connect reads the credentials and makes the client.
func (r *remote) connect(e *env) (*taxii.Client, error) {
	options := taxii.ClientOptions{User: r.user, UserAgent: "accord", CAFile: r.caFile, CertFile: r.certFile, KeyFile: r.keyFile, AllowPlainHTTP: r.plainHTTP}
	var err error
	switch {
	case r.tokenURL != "" || r.clientID != "" || r.clientSecretFile != "" || r.scope != "":
		options.Tokens, err = r.clientCredentials(e)
	case r.tokenFile != "" && r.user != "":
		return nil, usageError("--user and --token-file are both given, expected one of them")
	case r.token != "":
		options.Token = r.token
	case r.tokenFile != "":
		options.Token, err = firstLine(r.tokenFile)
	case r.user == "" && r.passwordFile != "":
		return nil, usageError("--password-file is given without --user")
	case r.user != "" && r.passwordFile != "":
		options.Password, err = firstLine(r.passwordFile)
	case r.user != "":
		if options.Password = e.getenv("ACCORD_PASSWORD"); options.Password == "" {
			return nil, withHint(usageError("there is no password for %s", r.user), "set ACCORD_PASSWORD, or write it into a file and give --password-file")
		}
	}
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	client, err := taxii.NewClient(options)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return client, nil
}

// clientCredentials returns the source of tokens that the flags name.
func (r *remote) clientCredentials(e *env) (func(context.Context, string) (string, error), error) {
	if r.user != "" || r.tokenFile != "" {
		return nil, usageError("--token-url and --user or --token-file are both given, expected one of them")
	}
	if r.tokenURL == "" || r.clientID == "" {
		return nil, usageError("--token-url and --client-id belong together: one of them is missing")
	}
	if err := agreement.CheckRemoteURL(r.tokenURL); err != nil {
		return nil, usageError("--token-url: %w", err)
	}
	secret := e.getenv("ACCORD_CLIENT_SECRET")
	if r.clientSecretFile != "" {
		var err error
		if secret, err = firstLine(r.clientSecretFile); err != nil {
			return nil, err
		}
	}
	if secret == "" {
		return nil, withHint(usageError("there is no secret for the client %s", r.clientID), "set ACCORD_CLIENT_SECRET, or write it into a file and give --client-secret-file")
	}
	transport, err := taxii.NewTransport(r.caFile)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return oauth.New(oauth.Config{TokenURL: r.tokenURL, ClientID: r.clientID, Secret: secret, Scope: r.scope, Client: client, Now: e.now}).Token, nil
}

// firstLine reads a secret from a file.
func firstLine(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fmt.Errorf("the first line of %s is empty, expected the password or token there", name)
	}
	return line, nil
}

// explain adds advice to a server's error.
func explain(err error) error {
	var refused *taxii.ResponseError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.StatusCode {
	case 401:
		return withHint(err, "check --user and the password, or the token")
	case 404:
		return withHint(err, "check --url; a collection also looks absent to an account that has no role in its agreement")
	case 406:
		return withHint(err, "the server may speak another version of TAXII than 2.1")
	}
	return err
}

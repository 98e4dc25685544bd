package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/taxii"
)

// listedCollection is a collection as accord collections shows it.
type listedCollection struct {
	Root string `json:"root"` // its URL
	URL  string `json:"url"`
	taxii.Collection
}

func newCollectionsCommand(e *env) *cobra.Command {
	var r remote
	var format string
	cmd := &cobra.Command{
		Use:   "collections --url URL --user ACCOUNT",
		Short: "List the collections of a TAXII server",
		Long: `Lists the collections that an account sees on a TAXII 2.1 server, Accord or
another, with the URL that push, pull and other clients want: those of every API
root that the server's discovery names, at /taxii2/. --url is the server, or
anything on it.

` + credentialsHelp,
		Example: `  ACCORD_PASSWORD=... accord collections --url https://taxii.example/ --user agency`,
		Args:    noArgs,
		PreRunE: func(*cobra.Command, []string) error { return checkFormat(format) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := r.connect(e)
			if err != nil {
				return err
			}
			list, err := collectionsOf(cmd.Context(), client, r.url)
			if err != nil {
				return explain(err)
			}
			if format == "json" {
				return writeJSON(e.stdout, list)
			}
			return writeCollections(e.stdout, list)
		},
	}
	r.addFlags(cmd)
	addFormat(cmd, &format)
	return cmd
}

// collectionsOf asks a server for the collections of all its API roots.
func collectionsOf(ctx context.Context, client *taxii.Client, server string) ([]listedCollection, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return nil, usageError("--url: %q is not the URL of a server, expected https://HOST/", server)
	}
	discovery := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/taxii2/"}
	found, err := client.Discovery(ctx, discovery.String())
	if err != nil {
		return nil, err
	}
	list := []listedCollection{}
	for _, name := range found.APIRoots {
		root, err := discovery.Parse(name)
		if err != nil || root.Host != u.Host || root.Scheme != u.Scheme {
			continue // credentials are for this server
		}
		base := strings.TrimRight(root.String(), "/") + "/"
		collections, err := client.Collections(ctx, base)
		if err != nil {
			return nil, fmt.Errorf("list the collections of %s: %w", base, err)
		}
		for _, c := range collections {
			list = append(list, listedCollection{base, base + "collections/" + url.PathEscape(c.ID) + "/", c})
		}
	}
	return list, nil
}

func writeCollections(w io.Writer, list []listedCollection) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "the account sees no collection")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TITLE\tALIAS\tREAD\tWRITE\tURL")
	yes := map[bool]string{true: "yes", false: "no"}
	for _, c := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.Title, c.Alias, yes[c.CanRead], yes[c.CanWrite], c.URL)
	}
	return table.Flush()
}

// credentialsHelp explains the flags for logging in.
const credentialsHelp = `With --user the password is the first line of --password-file, or the
environment variable ACCORD_PASSWORD. With --token-file a token is sent instead,
with --cert and --key a client certificate is shown. The server's certificate
must be one that the system trusts, or be issued under --ca.`

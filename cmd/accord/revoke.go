package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/taxii"
)

func newRevokeCommand(e *env) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "revoke OBJECT-ID --url COLLECTION-URL --user ACCOUNT",
		Short: "Add a version of an object that revokes it",
		Long: `Adds a new version of an object with revoked: true and a later modified to a
collection of a TAXII 2.1 server: STIX's way to say that an object no longer
holds. Everyone who has it learns so; earlier versions stay. Observables and
marking definitions have no versions and cannot be revoked: see accord delete.

` + remoteHelp + `

Exit code 0: the object is revoked, or was before. 1: the server refused.`,
		Example: `  ACCORD_PASSWORD=... accord revoke indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --url https://taxii.example/nicp/collections/gsp/ --user vendor-push`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, id, err := r.clientFor(e, args[0])
			if err != nil {
				return err
			}
			return revoke(cmd.Context(), e, client, r.url, id)
		},
	}
	r.addFlags(cmd)
	return cmd
}

func newDeleteCommand(e *env) *cobra.Command {
	var r remote
	var query taxii.Query
	cmd := &cobra.Command{
		Use:   "delete OBJECT-ID --url COLLECTION-URL --user ACCOUNT",
		Short: "Delete an object from a TAXII collection",
		Long: `Deletes the latest version of an object from a collection of a TAXII 2.1
server, or with --match-version those versions (all for every one). Readers
that have it are not told: accord revoke tells them.

` + remoteHelp + `

Exit code 0: it is deleted. 1: the server refused, or does not have it.`,
		Example: `  ACCORD_PASSWORD=... accord delete indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --match-version all --url https://taxii.example/nicp/collections/gsp/ --user vendor-push`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, id, err := r.clientFor(e, args[0])
			if err != nil {
				return err
			}
			if err := client.Delete(cmd.Context(), r.url, string(id), query); err != nil {
				return explain(err)
			}
			_, err = fmt.Fprintf(e.stdout, "%s deleted\n", id)
			return err
		},
	}
	r.addFlags(cmd)
	cmd.Flags().StringSliceVar(&query.Versions, "match-version", nil, "`VERSION`s to delete: all, first, last, or timestamps (default last)")
	cmd.Flags().StringSliceVar(&query.Specs, "match-spec-version", nil, "only these STIX `VERSION`s, such as 2.1")
	return cmd
}

// clientFor makes the client of a command about one object.
func (r *remote) clientFor(e *env, object string) (*taxii.Client, stix.ID, error) {
	id, err := stix.ParseID(object)
	if err != nil {
		return nil, "", usageError("%w", err)
	}
	client, err := r.client(e)
	return client, id, err
}

func revoke(ctx context.Context, e *env, client *taxii.Client, url string, id stix.ID) error {
	text, err := latest(ctx, client, url, id)
	if err != nil {
		return explain(err)
	}
	revoked, already, err := revokedVersion(text, e.now())
	switch {
	case err != nil:
		return err
	case already:
		_, err = fmt.Fprintf(e.stdout, "%s was revoked before\n", id)
		return err
	}
	status, err := client.AddEnvelope(ctx, url, [][]byte{revoked})
	if err != nil {
		return explain(err)
	}
	if status.FailureCount > 0 {
		message := "the server gives no reason"
		if len(status.Failures) > 0 {
			message = status.Failures[0].Message
		}
		return fmt.Errorf("the server refused the version that revokes %s: %s", id, printable(message))
	}
	_, err = fmt.Fprintf(e.stdout, "%s revoked\n", id)
	return err
}

// latest fetches the latest version of an object.
func latest(ctx context.Context, client *taxii.Client, url string, id stix.ID) (text json.RawMessage, err error) {
	for page, err := range client.Object(ctx, url, string(id), taxii.Query{Specs: []string{"2.0", "2.1"}}) {
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			if o, ok := objectIn(item); !ok || o.ID != id {
				continue // another object than was asked for
			}
			if text == nil || versionOf(item).Compare(versionOf(text)) > 0 {
				text = item
			}
		}
	}
	if text == nil {
		return nil, fmt.Errorf("the collection does not have %s", id)
	}
	return text, nil
}

func versionOf(text []byte) stix.Instant {
	o, _ := objectIn(text)
	return o.Instant
}

// revokedVersion returns the object with revoked: true and modified set to now, or to a millisecond after the old value
// if the clock is behind it. Everything else stays as written.
func revokedVersion(text []byte, now time.Time) (revoked []byte, already bool, err error) {
	o, ok := objectIn(text)
	if !ok {
		return nil, false, fmt.Errorf("the server's text of the object cannot be read")
	}
	t := o.Tree
	modified, flag := t.Member(t.Root(), "modified"), t.Member(t.Root(), "revoked")
	switch {
	case t.Kind(flag) == ijson.True:
		return nil, true, nil
	case modified < 0:
		return nil, false, withHint(fmt.Errorf("%s has no versions, so it cannot be revoked", o.ID), "accord delete removes it")
	}
	at := now.UTC().Truncate(time.Millisecond)
	if last := o.Instant.Time(); !at.After(last) {
		at = last.Add(time.Millisecond).Truncate(time.Millisecond)
	}
	stamp := `"` + at.Format(stix.TimestampLayout) + `"`
	var b bytes.Buffer
	for name, value := range t.Members(t.Root()) {
		switch value {
		case flag:
			continue
		case modified:
			fmt.Fprintf(&b, `,%s:%s,"revoked":true`, t.Raw(name), stamp)
		default:
			fmt.Fprintf(&b, ",%s:%s", t.Raw(name), t.Raw(value))
		}
	}
	return append(append([]byte{'{'}, b.Bytes()[1:]...), '}'), false, nil
}

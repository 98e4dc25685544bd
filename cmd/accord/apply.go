package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/applyfile"
)

func newApplyCommand(e *env) *cobra.Command {
	var file, format string
	var t target
	var asks admin.Asks
	cmd := &cobra.Command{
		Use:   "apply -f FILE (--data DIR | --url URL) [--dry-run | --yes]",
		Short: "Bring parties, accounts, API roots and agreements to what a file says",
		Long: `Brings the server's description, API roots, parties, accounts and agreements to
what FILE says, and prints a line for each: created, changed (what), unchanged.

Applying a file again changes nothing. What a file does not mention stays as it
is: nothing is ever deleted this way. With a fault anywhere in the file nothing
is applied, and every fault is listed with its line. Each change is recorded.

--dry-run changes nothing: it prints the old and the new value of each term that
would change and, for each agreement, how many objects would be withdrawn, go
onward, expire, or be refused from now on. The server's releases decide that, as
they would; of more than about a hundred thousand entries a part is drawn, and
the numbers say so. What withdraws objects, shortens a term or ends an agreement
is applied only with --yes, or with a yes at the terminal.

When a server has the data folder open, it does the work, through the socket
DIR/admin.sock, and the change holds at once; otherwise the files are opened
here. With --url an operator's login applies FILE to a server far away. Passwords
are read here in any case, from the environment variable that password_env names,
or from the file that password_file names, beside FILE.

FILE is YAML. An unknown key is an error. All that it can hold:

    server: {title: Example exchange, description: "", contact: ""}
    api_roots:
      - {name: nicp, title: Industry partnership, max_content_length: 104857600}
    parties:
      - {name: vendor, title: Vendor Ltd, identity: "identity--..."}
    accounts:
      - {name: vendor-push, party: vendor, password_env: VENDOR_PW}
      - {name: root, operator: true, password_file: root.pw}
    agreements:
      - name: gsp
        title: Government programme
        api_root: nicp
        collection: {alias: gsp}
        parties:
          - {party: vendor, roles: [producer, consumer]}
          - {party: agency, roles: [consumer, auditor]}
        term: {from: 2026-01-01, until: 2029-01-01}
        accept: {types: [], spec_versions: ['2.1'], max_tlp: amber, default_tlp: green,
                 require_marking: false, warnings: accept, created_by: any, future_modified: warn}
        release:
          - {to: members, max_tlp: green, types: []}
        retention: {versions: 10, max_age: 90d}

An account may also have password_hash (argon2id), certificates and disabled;
an API root may say reveal: true. What is left out is not restricted.`,
		Example: `  VENDOR_PW=... accord apply -f exchange.yaml --data /var/lib/accord
  accord apply -f exchange.yaml --dry-run --data /var/lib/accord`,
		Args: noArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if asks.DryRun && asks.Yes {
				return usageError("--dry-run and --yes are both given, expected one of them")
			}
			return checkFormat(format)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			asks.Confirm = func(out applyfile.Outcome) error { return confirmApply(e, file, format, out) }
			out, err := applyTo(cmd.Context(), e, &t, file, asks)
			if err != nil {
				return notApplied(err)
			}
			return writeOutcome(e.stdout, format, out, asks.DryRun)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` to apply")
	t.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asks.DryRun, "dry-run", false, "say what would change, and change nothing")
	cmd.Flags().BoolVar(&asks.Yes, "yes", false, "apply also what withdraws objects, shortens a term or ends an agreement")
	addFormat(cmd, &format)
	cmd.MarkFlagRequired("file")
	return cmd
}

// applyTo applies a file to a data folder, which is made when it does not exist, or to a server far away.
func applyTo(ctx context.Context, e *env, t *target, file string, asks admin.Asks) (out applyfile.Outcome, err error) {
	if err := t.resolve(e); err != nil {
		return out, err
	}
	if t.data != "" {
		if err := checkBy(t.by); err != nil {
			return out, err
		}
		asks.By = t.by
		return admin.ApplyFileTo(ctx, t.data, file, e.getenv, asks)
	}
	err = t.administer(e, func(c *admin.Client) (err error) {
		out, err = admin.ApplyFile(ctx, c, file, e.getenv, asks)
		return err
	})
	return out, err
}

// writeOutcome prints what became of each thing in a file and, for a dry run, what it would do.
func writeOutcome(w io.Writer, format string, out applyfile.Outcome, dryRun bool) error {
	if format == "json" {
		return writeJSON(w, out)
	}
	for _, line := range out.Lines {
		fmt.Fprintln(w, line)
		for _, t := range line.Terms {
			fmt.Fprintln(w, "  "+t.String())
		}
	}
	for _, effect := range out.Effects {
		fmt.Fprintln(w, effect)
	}
	for _, why := range out.Confirm {
		fmt.Fprintln(w, "needs a yes: "+why)
	}
	if dryRun {
		fmt.Fprintln(w, "nothing was changed: this was a dry run")
	}
	return nil
}

// confirmApply shows what a file would do and asks at a terminal. Without one it refuses.
func confirmApply(e *env, file, format string, out applyfile.Outcome) error {
	if err := writeOutcome(e.stdout, format, out, false); err != nil {
		return err
	}
	if !canAsk(e) {
		return withHint(fmt.Errorf("%s was not applied: %s", file, strings.Join(out.Confirm, "; ")), "--dry-run shows what it does, --yes applies it")
	}
	return ask(e, "Apply it?")
}

// notApplied adds a heading to the list of a file's faults.
func notApplied(err error) error {
	var faults *applyfile.Error
	if !errors.As(err, &faults) {
		return err
	}
	return fmt.Errorf("%s was not applied: it has errors:\n%w", faults.File, err)
}

// applyAtStart applies a file before a server listens, and logs what that changed.
func applyAtStart(ctx context.Context, e *env, administration *admin.Service, path string, log zerolog.Logger) error {
	client := administration.Client()
	defer client.Close()
	out, err := admin.ApplyFile(ctx, client, path, e.getenv, admin.Asks{Confirm: func(out applyfile.Outcome) error {
		return withHint(fmt.Errorf("%s was not applied: %s", path, strings.Join(out.Confirm, "; ")),
			"a server does this only after accord apply -f FILE --yes; accord apply --dry-run shows what it does")
	}})
	if err != nil {
		return notApplied(err)
	}
	for _, line := range out.Lines {
		if line.Result != applyfile.Unchanged {
			log.Info().Str("file", path).Msg(line.String())
		}
	}
	return nil
}

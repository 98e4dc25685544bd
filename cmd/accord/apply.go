package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/applyfile"
)

func newApplyCommand(e *env) *cobra.Command {
	var file, data string
	cmd := &cobra.Command{
		Use:   "apply -f FILE --data DIR",
		Short: "Bring parties, accounts, API roots and agreements to what a file says",
		Long: `Brings the server's description, API roots, parties, accounts and agreements to
what FILE says, and prints a line for each: created, changed (what), unchanged.

Applying a file again changes nothing. What a file does not mention stays as it
is: nothing is ever deleted this way. With a fault anywhere in the file nothing
is applied, and every fault is listed with its line. Each change is recorded.

When a server has the data folder open, it does the work, through the socket
DIR/admin.sock, and the change holds at once; otherwise the files are opened
here. Passwords are read and hashed here in either case: from the environment
variable that password_env names, or from the file that password_file names,
beside FILE.

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
		Example: `  VENDOR_PW=... accord apply -f exchange.yaml --data /var/lib/accord`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines, err := admin.ApplyFileTo(cmd.Context(), data, file, e.getenv)
			if err != nil {
				return notApplied(err)
			}
			for _, line := range lines {
				fmt.Fprintln(e.stdout, line)
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` to apply")
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`, made when it does not exist")
	cmd.MarkFlagRequired("file")
	cmd.MarkFlagRequired("data")
	return cmd
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
	lines, err := admin.ApplyFile(ctx, client, path, e.getenv)
	if err != nil {
		return notApplied(err)
	}
	for _, line := range lines {
		if line.Result != applyfile.Unchanged {
			log.Info().Str("file", path).Msg(line.String())
		}
	}
	return nil
}

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

func newRestoreCommand(e *env) *cobra.Command {
	var from, data, name string
	cmd := &cobra.Command{
		Use:   "restore --from FOLDER --data DIR",
		Short: "Bring back a data folder, or one agreement of it, from a backup",
		Long: `Makes the data folder DIR from a backup. DIR must not exist or be empty. Each
file is compared with its digest as it is copied; when one differs, nothing is
made. Afterwards the folder is checked as accord check does.

With --agreement only that agreement's file is brought back, into a data folder
that is there and that no server has open: for an agreement whose file is
damaged or lost. The file that it replaces is kept beside it. What the agreement
took in since the backup is gone; agreements that received from it may have come
further than it, which accord check says.

What was added after the backup is not in it. Clients that remember a position
go on from there: they keep what they have and get what is added from now on.
Auditors who kept a newer head of history will see, rightly, that it is not
continued.`,
		Example: `  accord restore --from /backup/accord-2026-10-01 --data /var/lib/accord
  accord restore --from /backup/accord-2026-10-01 --data /var/lib/accord --agreement gsp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name != "" {
				return restoreOne(cmd.Context(), e, from, data, agreement.Name(name))
			}
			return restore(cmd.Context(), e, from, data)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the backup `FOLDER`")
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.Flags().StringVar(&name, "agreement", "", "bring back this agreement alone, by its `NAME`")
	cmd.MarkFlagRequired("from")
	cmd.MarkFlagRequired("data")
	return cmd
}

func restore(ctx context.Context, e *env, from, data string) error {
	bar := newByteBar(e.stderr, "restore")
	m, err := store.Restore(ctx, from, data, bar.show)
	bar.done()
	if err != nil {
		return emptyFolder(err)
	}
	fmt.Fprintf(e.stdout, "%s: %d files, as of %s\n", data, len(m.Files), m.Made.Format("2006-01-02 15:04:05.000 MST"))
	return checkHere(ctx, e, data, nil)
}

func restoreOne(ctx context.Context, e *env, from, data string, name agreement.Name) error {
	kept, err := store.RestoreAgreement(ctx, from, data, name)
	if err != nil {
		return stopFirst(err)
	}
	fmt.Fprintf(e.stdout, "agreement %s: restored\n", name)
	if kept != "" {
		fmt.Fprintf(e.stdout, "agreement %s: the file as it was is %s\n", name, kept)
	}
	return checkHere(ctx, e, data, nil)
}

// checkHere checks a folder that no server has open.
func checkHere(ctx context.Context, e *env, data string, names []agreement.Name) error {
	k, err := admin.OpenReadOnly(data)
	if err != nil {
		return err
	}
	defer k.Close()
	return checkFolder(ctx, e, k, names, "text")
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

func newRestoreCommand(e *env) *cobra.Command {
	var from, data, name, format string
	var registry bool
	var keys []string
	var by string
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

With --registry only accord.db is brought back in the same way: for one that is
damaged or lost. Accounts, parties and the list of agreements are then those of
the backup; an agreement made since has a file that is not listed, which accord
status names.

A backup is signed by the server's key: what signed it is printed, or that it is
not signed. --trusted-key demands that the key, or a successor that it names,
has signed it. A backup with links, devices, or files that no backup of Accord
has is refused.

What was added after the backup is not in it. Clients that remember a position
go on from there: they keep what they have and get what is added from now on.
Auditors who kept a newer head of history will see, rightly, that it is not
continued. That and when the folder was restored is an entry of each journal that
was restored, and of the server's own.`,
		Example: `  accord restore --from /backup/accord-2026-10-01 --data /var/lib/accord
  accord restore --from /backup/accord-2026-10-01 --data /var/lib/accord --agreement gsp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if registry && name != "" {
				return usageError("--registry and --agreement are both given, expected one of them")
			}
			trusted, err := trustedKeys(keys)
			if err != nil {
				return err
			}
			if err := checkBy(by); err != nil {
				return err
			}
			r := restoring{from: from, data: data, trusted: trusted, by: admin.LocalActor(by), format: format}
			if registry || name != "" {
				return r.one(cmd.Context(), e, agreement.Name(name))
			}
			return r.whole(cmd.Context(), e)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the backup `FOLDER`")
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.Flags().StringVar(&name, "agreement", "", "bring back this agreement alone, by its `NAME`")
	cmd.Flags().BoolVar(&registry, "registry", false, "bring back accord.db alone")
	addFormat(cmd, &format)
	cmd.Flags().StringVar(&by, "by", "", "`NAME` to record beside the system's user")
	cmd.Flags().StringArrayVar(&keys, "trusted-key", nil, trustedHelp)
	cmd.MarkFlagRequired("from")
	cmd.MarkFlagRequired("data")
	return cmd
}

// restoring is a restore that was asked for.
type restoring struct {
	from, data string
	trusted    []string
	by         store.Actor
	format     string
}

// whole restores a data folder.
func (r restoring) whole(ctx context.Context, e *env) error {
	bar := newByteBar(e.stderr, "restore")
	m, err := store.Restore(ctx, r.from, r.data, r.trusted, bar.show)
	bar.done()
	if err != nil {
		return emptyFolder(err)
	}
	if r.format == "json" {
		return r.print(ctx, e, m, "", "data folder", "")
	}
	sayWhoSigned(e, m)
	fmt.Fprintf(e.stdout, "%s: %d files, as of %s\n", r.data, len(m.Files), m.Made.Format("2006-01-02 15:04:05.000 MST"))
	return r.end(ctx, e, m, "", true)
}

// one restores an agreement, or, without a name, accord.db.
func (r restoring) one(ctx context.Context, e *env, name agreement.Name) error {
	what := "accord.db"
	bring := store.RestoreRegistry
	if name != "" {
		what = fmt.Sprintf("agreement %s", name)
		bring = func(ctx context.Context, from, data string, trusted []string) (*store.BackupManifest, string, error) {
			return store.RestoreAgreement(ctx, from, data, name, trusted)
		}
	}
	m, kept, err := bring(ctx, r.from, r.data, r.trusted)
	if err != nil {
		return stopFirst(err)
	}
	if r.format == "json" {
		return r.print(ctx, e, m, name, what, kept)
	}
	sayWhoSigned(e, m)
	fmt.Fprintf(e.stdout, "%s: restored\n", what)
	if kept != "" {
		fmt.Fprintf(e.stdout, "%s: the file as it was is %s\n", what, kept)
	}
	return r.end(ctx, e, m, name, false)
}

// end checks the folder, and enters the restore into its journals whatever the check finds: some of it may be of another day.
func (r restoring) end(ctx context.Context, e *env, m *store.BackupManifest, name agreement.Name, all bool) error {
	checked := checkHere(ctx, e, r.data, nil)
	return errors.Join(checked, store.RecordRestore(ctx, r.data, r.by, m, name, all))
}

// print is end that prints what was restored, and what the check found, as JSON.
func (r restoring) print(ctx context.Context, e *env, m *store.BackupManifest, name agreement.Name, what, kept string) error {
	answer := backupAnswer{Folder: r.data, Made: m.Made, Files: len(m.Files), SignedBy: m.SignedBy, Agreements: m.Agreements, Missing: m.Missing, Restored: what, Kept: kept}
	for _, f := range m.Files {
		answer.Bytes += f.Size
	}
	var checked error
	if k, err := admin.OpenReadOnly(r.data); err == nil {
		answer.Checks, checked = collectChecks(ctx, k, nil)
		k.Close()
	} else {
		checked = err
	}
	recorded := store.RecordRestore(ctx, r.data, r.by, m, name, what == "data folder")
	return errors.Join(writeJSON(e.stdout, answer), checked, recorded)
}

// sayWhoSigned prints which server's key signed a backup.
func sayWhoSigned(e *env, m *store.BackupManifest) {
	if m.SignedBy == "" {
		fmt.Fprintln(e.stdout, "backup: NOT SIGNED: nothing says which server made it")
		return
	}
	fmt.Fprintf(e.stdout, "backup: signed by %s\n", m.SignedBy)
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

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

func newBackupCommand(e *env) *cobra.Command {
	var data, to, format string
	cmd := &cobra.Command{
		Use:   "backup --data DIR --to FOLDER",
		Short: "Back up a data folder, also of a running server",
		Long: `Writes a backup into FOLDER, which must not exist or be empty: the data folder as
it was at one moment, the same moment for all agreements, and backup.json with
the digest of every file. The server's key signs backup.json, in backup.note.

A running server goes on serving and taking objects meanwhile; the backup comes
through the socket DIR/admin.sock and is written here, with your rights. Without
a server the files are read here.

Each file's digest is compared as it is written. Afterwards the backup is opened
and checked from end to end, as accord check does; --no-check leaves that out.
FOLDER gets its name when everything is in it and on disk: a backup that breaks
off leaves none.

A backup holds password hashes and the key that signs heads of history: keep it
as closely as the data folder. accord restore brings it back; accord check and
accord audit can read it as it is.`,
		Example: `  accord backup --data /var/lib/accord --to /backup/accord-$(date +%F)`,
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.Flags().StringVar(&to, "to", "", "the new `FOLDER` for the backup")
	addFormat(cmd, &format)
	unchecked := cmd.Flags().Bool("no-check", false, "do not check the backup after it is written")
	cmd.MarkFlagRequired("data")
	cmd.MarkFlagRequired("to")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		return backUp(cmd.Context(), e, data, to, !*unchecked, format)
	}
	return cmd
}

func backUp(ctx context.Context, e *env, data, to string, check bool, format string) error {
	k, err := admin.OpenReadOnly(data)
	if err != nil {
		return hintFolder(openError(err))
	}
	defer k.Close()
	bar := newByteBar(e.stderr, "backup")
	m, err := k.Backup(ctx, to, bar.show)
	bar.done()
	if err != nil {
		return emptyFolder(err)
	}
	var size int64
	for _, f := range m.Files {
		size += f.Size
	}
	if format == "json" {
		return backedUp(ctx, e, m, to, size, check)
	}
	fmt.Fprintf(e.stdout, "%s: %d files, %s, as of %s\n", to, len(m.Files), bytesText(uint64(size)), m.Made.Format("2006-01-02 15:04:05.000 MST"))
	sayWhoSigned(e, m)
	for _, a := range m.Agreements {
		fmt.Fprintf(e.stdout, "agreement %s: %d entries, %d versions\n", a.Name, a.Entries, a.Versions)
	}
	if check {
		made, err := admin.OpenReadOnly(to)
		if err != nil {
			return fmt.Errorf("open the backup: %w", err)
		}
		defer made.Close()
		if err := checkFolder(ctx, e, made, nil, "text"); err != nil {
			return err
		}
	}
	return missingIn(m)
}

// missingIn returns an error if a backup lacks agreements.
func missingIn(m *store.BackupManifest) error {
	if len(m.Missing) > 0 {
		return withHint(fmt.Errorf("not in the backup: the files of %v could not be opened", m.Missing), "accord check says what is wrong with them")
	}
	return nil
}

// backedUp checks a backup, and prints it and what was found as JSON.
func backedUp(ctx context.Context, e *env, m *store.BackupManifest, to string, size int64, check bool) error {
	answer := backupAnswer{Folder: to, Made: m.Made, Files: len(m.Files), Bytes: size, SignedBy: m.SignedBy, Agreements: m.Agreements, Missing: m.Missing}
	var failed error
	if check {
		made, err := admin.OpenReadOnly(to)
		if err != nil {
			return fmt.Errorf("open the backup: %w", err)
		}
		defer made.Close()
		answer.Checks, failed = collectChecks(ctx, made, nil)
	}
	return errors.Join(writeJSON(e.stdout, answer), failed, missingIn(m))
}

// backupAnswer is what backup and restore print with --format json.
type backupAnswer struct {
	Folder     string                  `json:"folder"`
	Made       time.Time               `json:"made"` // the moment that the backup shows
	Files      int                     `json:"files"`
	Bytes      int64                   `json:"bytes"`
	SignedBy   string                  `json:"signed_by"` // "": it is not signed
	Agreements []store.BackupAgreement `json:"agreements"`
	Missing    []agreement.Name        `json:"missing,omitempty"` // agreements whose files could not be opened
	Restored   string                  `json:"restored,omitempty"`
	Kept       string                  `json:"kept,omitempty"` // the file that was replaced
	Checks     []store.Checked         `json:"checks,omitempty"`
}

// emptyFolder adds advice to an error about a folder that is not empty.
func emptyFolder(err error) error {
	if errors.Is(err, store.ErrExists) {
		return withHint(err, "name a folder that does not exist yet")
	}
	return err
}

// byteBar shows progress in bytes whose total becomes known with the first of them.
type byteBar struct {
	bar   func(total int64) *progress
	shown *progress
	last  int64
}

func newByteBar(w interface{ Write([]byte) (int, error) }, what string) *byteBar {
	return &byteBar{bar: func(total int64) *progress { return newProgress(w, what, total) }}
}

func (b *byteBar) show(done, total int64) {
	if b.shown == nil {
		b.shown = b.bar(total)
	}
	b.shown.add(done - b.last)
	b.last = done
}

func (b *byteBar) done() {
	if b.shown != nil {
		b.shown.done()
	}
}

// bytesText returns a size for people.
func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

func newCheckCommand(e *env) *cobra.Command {
	var data, format string
	var names []string
	var rebuild bool
	cmd := &cobra.Command{
		Use:   "check --data DIR [--rebuild]",
		Short: "Verify every digest, index and tree of a data folder",
		Long: `Reads a data folder, or a backup, from end to end: that the journal of each
agreement has no gap, that its tree hashes are those of its entries, that every
object is the one whose digest its entry has, that each index has every version
and nothing else, and that no release has come further than what it follows.
Prints a line for accord.db and each agreement, and a line a fault. Exits with 1
when there is a fault.

A running server checks itself, while it serves. Otherwise the files are read
here, and nothing is changed.

--rebuild makes the files of agreements again from their journals and objects,
with new indexes and trees; damaged pages stay behind. No server may have the
folder open. The files as they were are kept beside the new ones, for you to
remove. An agreement whose journal or objects are themselves damaged is left as
it is: accord restore --agreement brings it back from a backup.`,
		Example: `  accord check --data /var/lib/accord
  accord check --data /var/lib/accord --agreement gsp --rebuild`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return check(cmd.Context(), e, data, names, format, rebuild)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`, or a backup")
	cmd.Flags().StringArrayVar(&names, "agreement", nil, "only the agreement of this `NAME`; may be given several times")
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "make indexes and trees again first")
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`; json: a line for accord.db and each agreement")
	cmd.MarkFlagRequired("data")
	return cmd
}

func check(ctx context.Context, e *env, data string, texts []string, format string, rebuild bool) error {
	var names []agreement.Name
	for _, text := range texts {
		names = append(names, agreement.Name(text))
	}
	var failed error
	if rebuild {
		failed = store.RebuildFolder(ctx, data, names, func(r store.Rebuilt) {
			fmt.Fprintf(e.stderr, "agreement %s: made again; the file as it was is %s\n", r.Name, r.Kept)
			for _, skipped := range r.Skipped {
				fmt.Fprintf(e.stderr, "agreement %s: left behind: %s\n", r.Name, skipped)
			}
		})
		if failed != nil {
			failed = stopFirst(failed)
		}
	}
	k, err := admin.OpenReadOnly(data)
	if err != nil {
		return errors.Join(failed, hintFolder(openError(err)))
	}
	defer k.Close()
	err = checkFolder(ctx, e, k, names, format)
	if failed != nil {
		return failed
	}
	return err
}

// stopFirst adds advice when a server has the folder open.
func stopFirst(err error) error {
	var inUse *store.InUseError
	if errors.As(err, &inUse) {
		return withHint(err, "stop the server first: this needs the files to itself")
	}
	return err
}

// checkFolder checks a folder and prints what it found. If there are faults, it returns an error that is not printed
// again.
func checkFolder(ctx context.Context, e *env, k *admin.Client, names []agreement.Name, format string) error {
	var total store.Checked
	things, faults := 0, 0
	var failed error
	lines := json.NewEncoder(e.stdout)
	err := k.Check(ctx, names, func(c store.Checked) {
		things++
		faults += len(c.Faults)
		total.Entries += c.Entries
		total.Versions += c.Versions
		total.Bytes += c.Bytes
		if format == "json" {
			failed = errors.Join(failed, lines.Encode(c))
			return
		}
		printChecked(e, c)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if format != "json" {
		fmt.Fprintf(e.stdout, "checked %d files: %d entries, %d versions, %s of objects; faults: %d\n",
			things, total.Entries, total.Versions, bytesText(total.Bytes), faults)
	}
	if faults > 0 {
		return &exitError{code: exitFound}
	}
	return nil
}

// collectChecks checks a folder, and returns what was found. If there are faults, it returns an error that is not printed.
func collectChecks(ctx context.Context, k *admin.Client, names []agreement.Name) (list []store.Checked, err error) {
	faults := 0
	err = k.Check(ctx, names, func(c store.Checked) {
		faults += len(c.Faults)
		list = append(list, c)
	})
	if err == nil && faults > 0 {
		err = &exitError{code: exitFound}
	}
	return list, err
}

func printChecked(e *env, c store.Checked) {
	name := c.Name
	if name != "accord.db" {
		name = "agreement " + name
	}
	if len(c.Faults) == 0 {
		fmt.Fprintf(e.stdout, "%s: sound: %d entries, %d versions, %s of objects\n", name, c.Entries, c.Versions, bytesText(c.Bytes))
	}
	for _, fault := range c.Faults {
		fmt.Fprintf(e.stdout, "%s: FAULT: %s\n", name, fault)
	}
	for _, remark := range c.Remarks {
		fmt.Fprintf(e.stdout, "%s: remark: %s\n", name, remark)
	}
}

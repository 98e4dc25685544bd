package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

func newCompactCommand(e *env) *cobra.Command {
	var data, format string
	var names []string
	cmd := &cobra.Command{
		Use:   "compact --data DIR",
		Short: "Give back the disk space that deleted objects have left",
		Long: `Writes the files of agreements anew, without what deletions and changes have left
free in them. A file gives no space back by itself: it uses it for what comes
later. So this is worth it after much was deleted, and not otherwise.

A server that has the folder open does it while it serves, one agreement at a
time: reading and writing go on, and writers wait for a moment at the end of
each, which is printed. In a cluster each node compacts its own files. Without a
server the files are written here.

The disk needs room for a copy of the largest file. Each copy is checked from
end to end before it takes the place of the file; what fails leaves the file as
it was, and so does a command that is broken off.`,
		Example: `  accord compact --data /var/lib/accord
  accord compact --data /var/lib/accord --agreement gsp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			var agreements []agreement.Name
			for _, name := range names {
				agreements = append(agreements, agreement.Name(name))
			}
			lines := json.NewEncoder(e.stdout)
			var failed error
			err := compactFiles(cmd.Context(), data, agreements, func(c store.Compacted) {
				if format == "json" {
					failed = errors.Join(failed, lines.Encode(c))
					return
				}
				fmt.Fprintf(e.stdout, "agreement %s: %s, was %s", c.Name, bytesText(uint64(c.After)), bytesText(uint64(c.Before)))
				if c.Pause > 0 {
					fmt.Fprintf(e.stdout, "; writers waited %s", c.Pause.Round(100*time.Microsecond))
				}
				fmt.Fprintln(e.stdout)
			})
			if err := errors.Join(err, failed); err != nil {
				return hintFolder(stopFirst(err))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.Flags().StringArrayVar(&names, "agreement", nil, "only the agreement of this `NAME`; may be given several times")
	cmd.Flags().StringVar(&format, "format", "text", "`text|json`; json: a line for each agreement")
	cmd.MarkFlagRequired("data")
	return cmd
}

// compactFiles has the server that has a folder open compact its files, or does it here.
func compactFiles(ctx context.Context, data string, names []agreement.Name, report func(store.Compacted)) error {
	server, err := admin.Connect(data)
	if errors.Is(err, admin.ErrNoServer) {
		return store.CompactFolder(ctx, data, names, report)
	}
	if err != nil {
		return err
	}
	defer server.Close()
	return server.Compact(ctx, names, report)
}

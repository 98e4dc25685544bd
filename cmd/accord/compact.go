package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

func newCompactCommand(e *env) *cobra.Command {
	var data string
	var names []string
	cmd := &cobra.Command{
		Use:   "compact --data DIR",
		Short: "Give back the disk space that deleted objects have left",
		Long: `Writes the files of agreements anew, without what deletions and changes have left
free in them. A file gives no space back by itself: it uses it for what comes
later. So this is worth it after much was deleted, and not otherwise.

No server may have the folder open, and the disk needs room for a copy of the
largest file. Each copy is checked from end to end before it takes the place of
the file; what fails leaves the file as it was.`,
		Example: `  accord compact --data /var/lib/accord
  accord compact --data /var/lib/accord --agreement gsp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var agreements []agreement.Name
			for _, name := range names {
				agreements = append(agreements, agreement.Name(name))
			}
			err := store.CompactFolder(cmd.Context(), data, agreements, func(c store.Compacted) {
				fmt.Fprintf(e.stdout, "agreement %s: %s, was %s\n", c.Name, bytesText(uint64(c.After)), bytesText(uint64(c.Before)))
			})
			if err != nil {
				return hintFolder(stopFirst(err))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data folder `DIR`")
	cmd.Flags().StringArrayVar(&names, "agreement", nil, "only the agreement of this `NAME`; may be given several times")
	cmd.MarkFlagRequired("data")
	return cmd
}
